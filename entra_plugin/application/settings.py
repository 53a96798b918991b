"""Read and change the rules of the sync; what is saved takes effect with the next run."""

from collections.abc import Mapping
from dataclasses import dataclass

from entra_plugin.application.context import Context, Person
from entra_plugin.domain.errors import NotAcceptable, NotFound
from entra_plugin.domain.flags import EffectiveFlags, Flag
from entra_plugin.domain.ids import TenantId
from entra_plugin.store.settings import SettingsRows

Document = Mapping[str, object]

FIELDS = ("displayName", "email", "phone", "mobile", "role", "department", "officeLocation")
MODES = ("directory_wins", "local_wins", "ask")
MAX_PATTERNS = 100
MAX_PATTERN_LENGTH = 200

_FILTER_DEFAULTS: Document = {"licensedOnly": False, "includeGuests": False, "excludePatterns": []}
_GUARD_DEFAULTS: Document = {
    "inactivatePercent": 10,
    "inactivateMin": 5,
    "overwritePercent": 25,
    "overwriteMin": 25,
    "runInactivatePercent": 20,
    "runInactivateMin": 20,
    "markInactiveWhenDisabled": True,
    "holdSharedMailboxSuspects": False,
    "graceDays": 0,
    "fullReadingEveryDays": 7,
    "keepChangesDays": 400,
}
_NOTIFICATION_DEFAULTS: Document = {
    "reviewItems": True,
    "repeatedFailures": True,
    "held": True,
    "expiring": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsView:
    """The settings as people see them; field rules are None while their flag is off."""

    version: int
    field_sync: Document | None
    user_filter: Document
    guard: Document
    notification: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsChange:
    """What to replace; an object that is None stays. Types and ranges were checked at the edge."""

    version: int
    field_sync: Document | None = None
    user_filter: Document | None = None
    guard: Document | None = None
    notification: Document | None = None


class Settings:
    """Reads and writes the settings of a tenant."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def read(self, tenant_id: TenantId, flags: EffectiveFlags) -> SettingsView:
        """The settings in force, defaults filled in."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            stored = await SettingsRows(connection, tenant_id).get()
        rules = {
            name: stored.field_sync_config.get(name, {"enabled": False, "mode": "directory_wins"})
            for name in FIELDS
        }
        return SettingsView(
            version=stored.version,
            field_sync=rules if Flag.FIELD_SYNC in flags else None,
            user_filter={**_FILTER_DEFAULTS, **stored.user_filter_config},
            guard={**_GUARD_DEFAULTS, **stored.guard_config},
            notification={**_NOTIFICATION_DEFAULTS, **stored.notification_config},
        )

    async def write(
        self, person: Person, change: SettingsChange, flags: EffectiveFlags
    ) -> SettingsView:
        """Replace the objects that the change names.

        Raises:
            NotFound: ``not_found``: the field rules were named while their flag is off.
            NotAcceptable: ``invalid_pattern``.
            Conflict: ``stale_version``.
        """
        if change.field_sync is not None and Flag.FIELD_SYNC not in flags:
            raise NotFound("not_found", details={"field": "fieldSyncConfig"})
        if change.user_filter is not None:
            check_patterns(change.user_filter.get("excludePatterns"))
        documents = {
            "field_sync_config": change.field_sync,
            "user_filter_config": change.user_filter,
            "guard_config": change.guard,
            "notification_config": change.notification,
        }
        named = {name: document for name, document in documents.items() if document is not None}
        async with self._context.store.tenant_transaction(person.tenant_id) as connection:
            await SettingsRows(connection, person.tenant_id).put(
                named,
                version=change.version,
                actor_id=person.user_id,
                now=self._context.clock(),
            )
        return await self.read(person.tenant_id, flags)


def check_patterns(patterns: object) -> None:
    """Globs only: ``*`` and ``?``, of bounded number and length.

    Raises:
        NotAcceptable: ``invalid_pattern``, naming the position of the first bad one.
    """
    if patterns is None:
        return
    if not isinstance(patterns, list) or len(patterns) > MAX_PATTERNS:
        raise NotAcceptable("invalid_pattern", details={"limit": MAX_PATTERNS})
    for position, pattern in enumerate(patterns):
        usable = isinstance(pattern, str) and 0 < len(pattern) <= MAX_PATTERN_LENGTH
        if not usable or set(pattern) & set("[]\\") or not set(pattern) - set("*?"):
            raise NotAcceptable("invalid_pattern", details={"position": position})
