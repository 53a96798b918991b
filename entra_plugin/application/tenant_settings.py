"""The settings of one managed tenant: its own filters in place of the MSP's, and a pause."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context, Person
from entra_plugin.application.decide import SYNCED, Put, author
from entra_plugin.application.settings import Document, check_patterns
from entra_plugin.domain.decisions import settled_anew
from entra_plugin.domain.errors import Conflict, NotAcceptable, NotFound
from entra_plugin.domain.ids import ManagedTenantId, TenantId
from entra_plugin.store.managed_tenants import ManagedTenants
from entra_plugin.store.mappings import CurrentMapping, Mappings, MappingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSettingsView:
    """The settings in force; ``user_filter`` holds only what is overridden.

    ``version`` is that of the decision they belong to, 0 without one.
    """

    version: int
    paused_until: datetime | None
    user_filter: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSettingsChange:
    """What to replace, on the ``version`` that was read; what is None stays.

    Types were checked at the edge; a key that the filters leave out is the MSP's.
    """

    managed_tenant_id: ManagedTenantId
    version: int
    pause: Put[datetime] | None = None
    user_filter: Put[Mapping[str, object]] | None = None


class TenantSettings:
    """Reads and writes the settings of a managed tenant."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def read(
        self, tenant_id: TenantId, managed_tenant_id: ManagedTenantId
    ) -> TenantSettingsView:
        """The settings in force.

        Raises:
            NotFound: No such managed tenant.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            current = await _current(connection, tenant_id, managed_tenant_id)
        if current is None:
            return TenantSettingsView(version=0, paused_until=None, user_filter={})
        return TenantSettingsView(
            version=current.version,
            paused_until=current.paused_until,
            user_filter=current.filter_overrides,
        )

    async def write(self, person: Person, change: TenantSettingsChange) -> TenantSettingsView:
        """Replace what the change names; what was in force stays in the history, with its author.

        Raises:
            NotFound: No such managed tenant.
            NotAcceptable: ``invalid_pattern``, ``pause_in_past`` or ``not_mapped``.
            Conflict: ``stale_version``: somebody decided or changed these settings since.
        """
        tenant_id, now = person.tenant_id, self._context.clock()
        if change.user_filter is not None and change.user_filter.value is not None:
            check_patterns(change.user_filter.value.get("excludePatterns"))
        until = change.pause.value if change.pause else None
        if until is not None and until <= now:
            raise NotAcceptable("pause_in_past", details={"pausedUntil": until.isoformat()})
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            mappings = Mappings(connection, tenant_id)
            counter = await mappings.lock_version()
            current = await _current(connection, tenant_id, change.managed_tenant_id)
            _refuse(change, current)
            wanted = _merged(current, change)
            if current is not None and wanted != _settings(current):
                await mappings.put_settings(
                    current,
                    wanted,
                    evidence=settled_anew(current.evidence),
                    version=counter + 1,
                    author=author(person, now),
                )
        return await self.read(tenant_id, change.managed_tenant_id)


async def _current(
    connection: AsyncConnection, tenant_id: TenantId, managed_tenant_id: ManagedTenantId
) -> CurrentMapping | None:
    if await ManagedTenants(connection, tenant_id).get(managed_tenant_id) is None:
        raise NotFound("not_found", details={"managedTenantId": str(managed_tenant_id)})
    return await Mappings(connection, tenant_id).current(managed_tenant_id)


def _refuse(change: TenantSettingsChange, current: CurrentMapping | None) -> None:
    """Refuse a change that was made on what is no more, or on what no sync takes."""
    ids = [str(change.managed_tenant_id)]
    if change.version != (current.version if current else 0):
        raise Conflict("stale_version", details={"managedTenantIds": ids})
    if current is None or current.state not in SYNCED:
        raise NotAcceptable("not_mapped", details={"managedTenantIds": ids})


def _settings(current: CurrentMapping) -> MappingSettings:
    return MappingSettings(
        filter_overrides=current.filter_overrides, paused_until=current.paused_until
    )


def _merged(current: CurrentMapping | None, change: TenantSettingsChange) -> MappingSettings:
    present = _settings(current) if current else MappingSettings()
    return MappingSettings(
        filter_overrides=dict(change.user_filter.value or {})
        if change.user_filter
        else present.filter_overrides,
        paused_until=change.pause.value if change.pause else present.paused_until,
    )
