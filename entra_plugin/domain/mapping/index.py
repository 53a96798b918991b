"""Clients by everything that can lead to them, so that no tenant is compared with all of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from entra_plugin.domain.mapping.name_index import NameIndex
from entra_plugin.domain.mapping.names import words
from entra_plugin.domain.mapping.rarity import Rarity
from entra_plugin.domain.mapping.reading import Customer, Known

if TYPE_CHECKING:
    from uuid import UUID

_MAX_SHARING = 400
"""A domain that contacts or payers of more clients share leads to nobody."""


class ClientIndex:
    """All clients of an MSP, in order of their ids; the index speaks of them by position."""

    def __init__(self, clients: Iterable[Known], rarity: Rarity) -> None:
        self.rarity = rarity
        self.clients = sorted(clients, key=lambda client: client.facts.client_id)
        self._positions = {client.facts.client_id: at for at, client in enumerate(self.clients)}
        self.by_directory: defaultdict[UUID, list[int]] = defaultdict(list)
        self.by_own: defaultdict[str, list[int]] = defaultdict(list)
        self.by_site: defaultdict[str, list[int]] = defaultdict(list)
        self.by_census: defaultdict[str, list[int]] = defaultdict(list)
        self.by_secondary: defaultdict[str, list[int]] = defaultdict(list)
        self.people_at: Counter[str] = Counter()
        """Contacts of all clients by domain."""
        for at, client in enumerate(self.clients):
            self._add(at, client)
        self._names = NameIndex(self.clients, rarity)

    def _add(self, at: int, client: Known) -> None:
        if client.facts.directory_tenant_id is not None:
            self.by_directory[client.facts.directory_tenant_id].append(at)
        self.people_at.update(client.census)
        for index, keys in (
            (self.by_own, client.own),
            (self.by_site, client.sites),
            (self.by_census, client.census),
            (self.by_secondary, client.secondary),
        ):
            for key in keys:
                index[key].append(at)

    def candidates(self, customer: Customer) -> set[int]:
        """The clients that are worth a look."""
        found = set(self.by_directory.get(customer.facts.entra_tenant_id, ()))
        if customer.facts.mapped_to in self._positions:
            found.add(self._positions[customer.facts.mapped_to])
        found.update(self._names.nearest(customer))
        for domain in customer.domains:
            found.update(self.by_own.get(domain, ()))
        for index, keys in (
            (self.by_census, customer.domains),
            (self.by_secondary, customer.domains),
            (self.by_site, customer.sites),
        ):
            for key in keys:
                clients = index.get(key, ())
                if len(clients) <= _MAX_SHARING:
                    found.update(clients)
        return found


def rarity_of(names: Iterable[str]) -> Rarity:
    """What words say among all these names."""
    return Rarity(map(words, names))
