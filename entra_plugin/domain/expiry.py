"""What runs out soon, or has: relationships, the client secret, a sign-in that nobody uses."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from entra_plugin.domain.ids import EntraTenantId, ManagedTenantId
from entra_plugin.domain.remedies import Forewarning

RELATIONSHIP_NOTICE = timedelta(days=30)
SECRET_NOTICE = timedelta(days=30)
WARNINGS = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
"""How long before an end people are told of it, the last time first."""
IDLE_NOTICE = timedelta(days=60)
"""Microsoft lets a refresh token die after about 90 days without use (microsoft identity platform,
"Refresh tokens in the Microsoft identity platform")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    """The end of the access to one managed tenant, where it does not extend itself."""

    managed_tenant_id: ManagedTenantId
    entra_tenant_id: EntraTenantId
    display_name: str
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """One thing to act on before, or after, its moment."""

    notice: Forewarning
    at: datetime
    """When it ends, ended, or was last used."""
    relationship: Relationship | None = None


def expiries(
    now: datetime,
    *,
    relationships: Iterable[Relationship],
    client_secret_expires_at: datetime | None,
    renewed_at: datetime | None,
) -> tuple[Expiry, ...]:
    """What a person should know of now, the most urgent first.

    Args:
        now: The time of the look.
        relationships: Those that do not extend themselves.
        client_secret_expires_at: As the person who entered the secret said.
        renewed_at: When the partner's refresh token was last renewed; None if there is none.
    """
    found = [
        *_secret(now, client_secret_expires_at),
        *_sign_in(now, renewed_at),
        *(expiry for one in relationships for expiry in _relationship(now, one)),
    ]
    return tuple(sorted(found, key=lambda expiry: expiry.at))


def _secret(now: datetime, at: datetime | None) -> Iterator[Expiry]:
    if at is not None and at - now < SECRET_NOTICE:
        ended = at <= now
        yield Expiry(
            notice=Forewarning.CLIENT_SECRET_ENDED if ended else Forewarning.CLIENT_SECRET_EXPIRING,
            at=at,
        )


def _sign_in(now: datetime, at: datetime | None) -> Iterator[Expiry]:
    if at is not None and now - at >= IDLE_NOTICE:
        yield Expiry(notice=Forewarning.SIGN_IN_IDLE, at=at)


def _relationship(now: datetime, one: Relationship) -> Iterator[Expiry]:
    if one.ends_at - now < RELATIONSHIP_NOTICE:
        ended = one.ends_at <= now
        notice = Forewarning.RELATIONSHIP_ENDED if ended else Forewarning.RELATIONSHIP_EXPIRING
        yield Expiry(notice=notice, at=one.ends_at, relationship=one)


def warning_due(now: datetime, at: datetime) -> datetime | None:
    """When the warning was due that is to be given now of an end at ``at``; None if there is none.

    A warning is known by that moment: it is another one for another threshold, and for another end.
    """
    if at <= now:
        return None
    return next((at - before for before in WARNINGS if at - before <= now), None)
