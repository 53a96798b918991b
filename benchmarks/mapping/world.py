"""The small world in which the customers and clients of a data set live."""

import json
import random
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from benchmarks.mapping.vocabulary import (
    FREE_MAIL,
    SYLLABLES_FIRST,
    SYLLABLES_LAST,
    SYLLABLES_MIDDLE,
    TONGUES,
    Tongue,
)

T = TypeVar("T")

_LOCAL_PARTS = ("info", "office", "sales", "accounts", "reception", "hello", "admin", "support")


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A company as it calls itself; ``label`` is what its domain begins with."""

    name: str
    legal: str
    before: bool
    label: str
    suffix: str

    @property
    def domain(self) -> str:
        """Its own domain."""
        return f"{self.label}.{self.suffix}"

    @property
    def full(self) -> str:
        """The name with its legal form."""
        return f"{self.legal} {self.name}" if self.before else f"{self.name} {self.legal}"


@dataclass(slots=True, kw_only=True)
class World:
    """Hands out names and domains once, and keeps the rows of the three files."""

    random: random.Random
    tenants: list[Mapping[str, object]] = field(default_factory=list)
    clients: list[Mapping[str, object]] = field(default_factory=list)
    truth: list[Mapping[str, object]] = field(default_factory=list)
    _labels: set[str] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)

    def chance(self, share: float) -> bool:
        """True in that share of cases."""
        return self.random.random() < share

    def pick(self, options: Sequence[T]) -> T:
        """One of them."""
        return self.random.choice(options)

    def guid(self) -> str:
        """A new id."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def tongue(self) -> Tongue:
        """A language, English more often than all others."""
        if self.chance(0.6):
            return TONGUES["en"]
        return TONGUES[self.pick(sorted(TONGUES))]

    def brand(self) -> str:
        """A name that no dictionary has."""
        middle = self.pick(SYLLABLES_MIDDLE) if self.chance(0.7) else ""
        return f"{self.pick(SYLLABLES_FIRST)}{middle}{self.pick(SYLLABLES_LAST)}"

    def company(self, tongue: Tongue | None = None) -> Company:
        """A company with a name and a domain that nobody else has."""
        speech = tongue or self.tongue()
        while True:
            name = self._new_name(speech)
            if name.casefold() not in self._names:
                break
        return self.registered(name, speech)

    def registered(self, name: str, tongue: Tongue, label: str | None = None) -> Company:
        """The company of that name, with a domain of its own."""
        self._names.add(name.casefold())
        before = bool(tongue.before) and self.chance(0.15)
        return Company(
            name=name,
            legal=self.pick(tongue.before if before else tongue.legal),
            before=before,
            label=self.free_label(label or self._label(name)),
            suffix=self.pick(tongue.suffixes),
        )

    def _new_name(self, tongue: Tongue) -> str:
        kind = self.random.random()
        trade = self.pick(tongue.trades)
        if kind < 0.3:
            return self.brand() if self.chance(0.4) else f"{self.brand()} {trade}"
        surname = self.pick(tongue.surnames)
        if kind < 0.65:
            name = surname
            if self.chance(0.25):
                name = f"{surname} & {self.pick(tongue.surnames)}"
            return tongue.shape.format(name=name, trade=trade)
        place = self.pick(tongue.places)
        if kind < 0.85:
            return f"{place} {surname} {trade}"
        return f"{place} {trade} {self.brand()}" if self.chance(0.5) else f"{place} {trade}"

    def _label(self, name: str) -> str:
        """What a company of that name would register."""
        words = plain(name).split()
        if len(words) > 2 and self.chance(0.25):
            return "".join(word[0] for word in words) + self.pick(("", "group", "online", "hq"))
        if len(words) > 1 and self.chance(0.2):
            return "-".join(words)
        if len(words) > 1 and self.chance(0.15):
            return words[0] + self.pick(("online", "hq", "co", "group"))
        return "".join(words)

    def free_label(self, wanted: str) -> str:
        """The label, or one like it that nobody has."""
        label = wanted[:40] or "firma"
        while label in self._labels:
            label = f"{wanted[:40]}{self.pick(('s', '1', '24', 'net', 'int', 'eu', 'co'))}"
            wanted = label
        self._labels.add(label)
        return label

    def people(self, domain: str, count: int) -> list[str]:
        """Addresses of people and desks on a domain."""
        seen: dict[str, None] = {}
        for _ in range(count):
            tongue = TONGUES[self.pick(sorted(TONGUES))]
            surname = plain(self.pick(tongue.surnames)).replace(" ", "")
            local = self.pick(_LOCAL_PARTS) if self.chance(0.1) else f"{surname[0]}.{surname}"
            if local in {address.split("@")[0] for address in seen}:
                local = f"{local}{self.random.randrange(10, 99)}"
            seen[f"{local}@{domain}"] = None
        return list(seen)

    def headcount(self) -> int:
        """How many contacts a client has."""
        return min(60, int(self.random.lognormvariate(2.0, 0.8)) + 1)

    def free_mail(self, count: int) -> list[str]:
        """Addresses of people at providers of free mail."""
        return [self.people(self.pick(FREE_MAIL), 1)[0] for _ in range(count)]

    def website(self, domain: str) -> str:
        """A domain as somebody typed it into the website field."""
        shape = self.pick(
            ("{}", "www.{}", "http://www.{}", "https://{}/", "https://www.{}/home", "HTTPS://{}")
        )
        return shape.format(domain.upper() if self.chance(0.05) else domain)

    def tenant(
        self, name: str, domains: Sequence[str], kind: str, client_id: str | None
    ) -> Mapping[str, object]:
        """Add a customer's directory, and the client that it is in truth."""
        initial = self.free_label(plain(name).replace(" ", "")[:24] or "tenant")
        verified = [*domains, f"{initial}.onmicrosoft.com"]
        row = {
            "entra_tenant_id": self.guid(),
            "display_name": name,
            "default_domain": verified[0],
            "verified_domains": verified,
        }
        self.tenants.append(row)
        self.truth.append(
            {"entra_tenant_id": row["entra_tenant_id"], "client_id": client_id, "kind": kind}
        )
        return row

    def client(
        self,
        name: str,
        *,
        website: str | None = None,
        domain: str | None = None,
        billing: str | None = None,
        inbound: Iterable[str] = (),
        contacts: Iterable[str] = (),
        active: bool = True,
    ) -> str:
        """Add a client, and say its id."""
        client_id = self.guid()
        self.clients.append(
            {
                "client_id": client_id,
                "name": name,
                "website": website,
                "properties": {"domain": domain},
                "billing_email": billing,
                "inbound_email_domains": list(inbound),
                "is_active": active,
                "contact_emails": list(contacts),
            }
        )
        return client_id

    def visit(self, share: float) -> None:
        """Add a contact of the MSP itself to that share of the clients, as technicians leave it."""
        own = f"{self.free_label('helpdesk-it')}.com"
        for client in self.clients:
            contacts = client["contact_emails"]
            if isinstance(contacts, list) and self.chance(share):
                contacts.extend(self.people(own, 1))

    def write(self, folder: Path) -> None:
        """Write the three files, in an order that tells nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in (
            ("tenants", self.tenants),
            ("clients", self.clients),
            ("truth", self.truth),
        ):
            shuffled = sorted(rows, key=lambda row: str(row.get("entra_tenant_id", row)))
            if name == "clients":
                shuffled = sorted(rows, key=lambda row: str(row["client_id"]))
            lines = (json.dumps(row, ensure_ascii=False) for row in shuffled)
            path = folder / f"{name}.jsonl"
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def plain(text: str) -> str:
    """Lower case ASCII, without accents and punctuation, as in a domain name."""
    for letter, latin in (("ß", "ss"), ("ø", "o"), ("æ", "ae"), ("ł", "l"), ("þ", "th"), ("&", "")):
        text = text.lower().replace(letter, latin)
    folded = unicodedata.normalize("NFKD", text)
    kept = "".join(c if c.isalnum() or c == " " else "" for c in folded if c.isascii())
    return " ".join(kept.split())
