"""To which contact does an identity belong? The match order, inside the mapped client."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from entra_plugin.domain.addresses import normalise
from entra_plugin.domain.identity import DirectoryUser, IdentityKey
from entra_plugin.domain.ids import ClientId, ContactId
from entra_plugin.domain.merging import Values
from entra_plugin.domain.states import VerdictReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A contact of the host that is or may be the person, as the host has it now.

    ``linked_to`` is the identity that already has it.
    """

    contact_id: ContactId
    client_id: ClientId
    active: bool
    linked_to: IdentityKey | None
    version: int = 0
    values: Values = field(default_factory=dict)


Index = Mapping[str, Sequence[Candidate]]
"""Candidates of all clients by normalised address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One contact, beyond doubt."""

    contact: Candidate
    reason: VerdictReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A question for a person."""

    reason: VerdictReason
    candidates: tuple[ContactId, ...]


def match(
    identity: IdentityKey,
    user: DirectoryUser,
    *,
    address: str,
    client_id: ClientId,
    index: Index,
) -> Match | Doubt | None:
    """Find the contact of an identity that has no link; None means that nobody fits.

    Order: the address, then UPN and aliases, both inside the client; then the address elsewhere.
    """
    if not index:
        return None
    by_address = _inside(index.get(address, ()), client_id)
    if by_address:
        return _only(identity, by_address, VerdictReason.MATCHED_EMAIL)
    by_alias = _distinct(
        candidate
        for alias in other_addresses(user, address)
        for candidate in _inside(index.get(alias, ()), client_id)
    )
    if by_alias:
        return _only(identity, by_alias, VerdictReason.MATCHED_ALIAS)
    elsewhere = index.get(address, ())
    if elsewhere:
        return Doubt(reason=VerdictReason.OTHER_CLIENT, candidates=_ids(elsewhere))
    return None


def other_addresses(user: DirectoryUser, address: str | None) -> tuple[str, ...]:
    """UPN and aliases in normal form, without the address itself."""
    if user.user_principal_name == address and user.aliases in {(), (address,)}:
        return ()
    return _others(user.user_principal_name, user.aliases, address)


@lru_cache(maxsize=2048)
def _others(
    user_principal_name: str, aliases: tuple[str, ...], address: str | None
) -> tuple[str, ...]:
    names = (normalise(name) for name in (user_principal_name, *aliases))
    return tuple(dict.fromkeys(name for name in names if name and name != address))


def _only(
    identity: IdentityKey, found: Sequence[Candidate], reason: VerdictReason
) -> Match | Doubt:
    """The one contact among those found, active before inactive; more than one is a doubt."""
    active = [candidate for candidate in found if candidate.active]
    preferred = active or found
    if len(preferred) > 1:
        return Doubt(reason=VerdictReason.MULTIPLE_MATCHES, candidates=_ids(preferred))
    contact = preferred[0]
    if contact.linked_to not in (None, identity):
        return Doubt(reason=VerdictReason.LINKED_ELSEWHERE, candidates=_ids(preferred))
    if not contact.active:
        reason = VerdictReason.LINKED_INACTIVE
    return Match(contact=contact, reason=reason)


def _inside(candidates: Sequence[Candidate], client_id: ClientId) -> list[Candidate]:
    return [candidate for candidate in candidates if candidate.client_id == client_id]


def _distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    return list({candidate.contact_id: candidate for candidate in candidates}.values())


def _ids(candidates: Sequence[Candidate]) -> tuple[ContactId, ...]:
    return tuple(sorted(candidate.contact_id for candidate in candidates))
