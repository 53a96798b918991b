"""Which users count. Filters gate creation only.

An identity that is already linked stays tracked.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import translate
from uuid import UUID

from entra_plugin.domain.addresses import spellings, usable_address
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import GroupId, ObjectId
from entra_plugin.domain.states import VerdictReason

_SERVICE_TOKEN = re.compile(r"(?:^|[-_])(svc|service|noreply|scanner)(?=$|[-_])")
_SERVICE_LOCAL_PARTS = frozenset({"no-reply", "do-not-reply", "admin-sync"})
_SERVICE_PREFIX = re.compile(r"(sa|adm)(?:$|[-_0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The options of an MSP, overridden per managed tenant."""

    licensed_only: bool = False
    include_guests: bool = False
    exclude_patterns: tuple[str, ...] = ()
    """Globs over address and user principal name; ``*`` and ``?`` only, lower case."""
    include_groups: frozenset[GroupId] = frozenset()
    """Of a managed tenant only: who is in none of these is left out; empty for no such rule."""
    exclude_groups: frozenset[GroupId] = frozenset()
    """Of a managed tenant only: who is in one of these is left out."""

    def overridden(self, overrides: Mapping[str, object] | None) -> "Filters":
        """These filters with a managed tenant's own values in place of the MSP's."""
        if not overrides:
            return self
        patterns = overrides.get("excludePatterns")
        return Filters(
            licensed_only=bool(overrides.get("licensedOnly", self.licensed_only)),
            include_guests=bool(overrides.get("includeGuests", self.include_guests)),
            exclude_patterns=tuple(str(p) for p in patterns)
            if isinstance(patterns, list)
            else self.exclude_patterns,
            include_groups=_groups(overrides.get("includeGroupIds"), self.include_groups),
            exclude_groups=_groups(overrides.get("excludeGroupIds"), self.exclude_groups),
        )


def _groups(ids: object, otherwise: frozenset[GroupId]) -> frozenset[GroupId]:
    if not isinstance(ids, list):
        return otherwise
    return frozenset(GroupId(UUID(str(group_id))) for group_id in ids)


class FilterRule:
    """Filters made ready for many users.

    Args:
        filters: The options.
        included: Who is in one of the included groups, groups within them counted; None when there
            is no such rule.
        excluded: Who is in one of the excluded groups.
    """

    def __init__(
        self,
        filters: Filters,
        *,
        included: frozenset[ObjectId] | None = None,
        excluded: frozenset[ObjectId] = frozenset(),
    ) -> None:
        self._filters = filters
        self._included = included
        self._outside = excluded
        alternatives = "|".join(translate(p.lower()) for p in filters.exclude_patterns)
        self._excluded = re.compile(alternatives) if alternatives else None
        self._checks = tuple(self._in_force())

    def _in_force(self) -> Iterator[tuple[VerdictReason, Callable[[DirectoryUser], bool]]]:
        """The checks that these filters ask for, in the order in which they give the reason."""
        if not self._filters.include_guests:
            yield VerdictReason.GUEST, is_guest
        yield VerdictReason.DISABLED, lambda user: not user.enabled
        yield VerdictReason.NO_ADDRESS, lambda user: address_of(user) is None
        yield VerdictReason.RESOURCE_ACCOUNT, lambda user: user.resource_account
        yield VerdictReason.SYNC_ACCOUNT, lambda user: is_sync_account(user.user_principal_name)
        yield (
            VerdictReason.SERVICE_ACCOUNT,
            lambda user: is_service_account(user.user_principal_name),
        )
        if self._filters.licensed_only:
            yield VerdictReason.UNLICENSED, lambda user: not user.licensed
        if self._excluded is not None:
            yield VerdictReason.EXCLUDED_PATTERN, self._is_excluded
        if self._included is not None:
            yield VerdictReason.NOT_IN_GROUP, self._is_not_included
        if self._outside:
            yield VerdictReason.IN_EXCLUDED_GROUP, lambda user: user.object_id in self._outside

    def reason(self, user: DirectoryUser) -> VerdictReason | None:
        """Why this user is left out, or None when it counts."""
        for reason, applies in self._checks:
            if applies(user):
                return reason
        return None

    def pattern(self, user: DirectoryUser) -> str | None:
        """What of the user's name leaves it out: the glob, or the part of a service account."""
        reason = self.reason(user)
        if reason == VerdictReason.SERVICE_ACCOUNT:
            return service_mark(user.user_principal_name)
        if reason != VerdictReason.EXCLUDED_PATTERN:
            return None
        names = _names(user)
        return next(
            glob
            for glob in self._filters.exclude_patterns
            if any(map(re.compile(translate(glob.lower())).match, names))
        )

    def _is_not_included(self, user: DirectoryUser) -> bool:
        return self._included is not None and user.object_id not in self._included

    def _is_excluded(self, user: DirectoryUser) -> bool:
        if self._excluded is None:
            return False
        return any(self._excluded.match(name) for name in _names(user))


def _names(user: DirectoryUser) -> tuple[str, ...]:
    """What globs are compared with: the address in its spellings, and the UPN."""
    address = address_of(user)
    return (*(spellings(address) if address else ()), user.user_principal_name.lower())


def address_of(user: DirectoryUser) -> str | None:
    """The user's normalised address, or None when there is no usable one."""
    return usable_address(user.mail, user.user_principal_name)


def is_guest(user: DirectoryUser) -> bool:
    """True for a person of another directory, by type, by invitation or by the UPN's mark."""
    return (
        user.user_type == "Guest"
        or user.external_state is not None
        or "#ext#" in user.user_principal_name.lower()
    )


def is_sync_account(user_principal_name: str) -> bool:
    """True for the account that Entra Connect makes for itself."""
    return user_principal_name.lower().startswith("sync_")


def is_service_account(user_principal_name: str) -> bool:
    """True for an account that a program uses, by whole tokens of its name.

    The dot separates people's names and is no break: ``sa.khan`` and ``svc.talbot`` are people, and
    so is Abbott.
    """
    return service_mark(user_principal_name) is not None


def service_mark(user_principal_name: str) -> str | None:
    """The part of the name by which it is a service account, as it is known to be one."""
    local = user_principal_name.lower().partition("@")[0]
    if local in _SERVICE_LOCAL_PARTS:
        return local
    if prefix := _SERVICE_PREFIX.match(local):
        return prefix[1]
    token = _SERVICE_TOKEN.search(local)
    return token[1] if token else None
