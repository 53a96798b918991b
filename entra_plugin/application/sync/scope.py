"""What is read again before each managed tenant.

May this sync still touch it, and by which policy?
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.clients import known_clients, left_out
from entra_plugin.application.context import Context
from entra_plugin.application.sync.policy import Policy, field_rules
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.filters import Filters
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.guarding import Guard
from entra_plugin.domain.ids import ClientId, ManagedTenantId, RunId, TenantId
from entra_plugin.domain.merging import FieldRules
from entra_plugin.domain.states import MappingState, RunState
from entra_plugin.store.connections import Connections
from entra_plugin.store.mappings import CurrentMapping, Mappings
from entra_plugin.store.pins import Pins
from entra_plugin.store.run_tenants import RunTenant, RunTenants
from entra_plugin.store.runs import Run, Runs
from entra_plugin.store.settings import SettingsRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """A managed tenant in a run, whose connection and mapping are as the run began with."""

    run: Run
    row: RunTenant
    mapping: CurrentMapping
    client_id: ClientId


class Scopes:
    """Reads the conditions of one managed tenant's sync."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def require_ui_flag(self, tenant_id: TenantId) -> None:
        """Refuse while the feature is switched off.

        Raises:
            NotAcceptable: ``feature_off``.
        """
        if not await self.is_on(tenant_id):
            raise NotAcceptable("feature_off")

    async def require_begun(
        self, tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> None:
        """Refuse to begin a managed tenant while the feature is off; one that is begun finishes.

        A plan that a person has read is applied in one step, which therefore begins it.

        Raises:
            NotAcceptable: ``feature_off``.
        """
        if await self.is_on(tenant_id):
            return
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            run = await Runs(connection, tenant_id).get(run_id)
            row = await RunTenants(connection, tenant_id).get(run_id, managed_tenant_id)
        begun = row is not None and row.state == RunState.RUNNING
        if run is None or run.applying or not begun:
            raise NotAcceptable("feature_off")

    async def is_on(self, tenant_id: TenantId) -> bool:
        """True while the feature is switched on."""
        return await self._context.flags.is_on_now(Flag.UI, tenant_id)

    async def require_taken(
        self, connection: AsyncConnection, tenant_id: TenantId, mapping: CurrentMapping
    ) -> None:
        """Refuse what became gone or paused, or lost its client, since the run began.

        Asked before anything is read: what is planned already is applied.

        Raises:
            NotAcceptable: ``mapping_changed``.
        """
        clients = await known_clients(self._context, connection, tenant_id, [mapping.client_id])
        reason = left_out(mapping, clients, self._context.clock())
        if reason is not None:
            raise NotAcceptable("mapping_changed", details={"leftOut": reason.value})

    async def conditions(
        self, connection: AsyncConnection, tenant_id: TenantId, row: RunTenant
    ) -> Conditions:
        """The conditions of a managed tenant in a run.

        Raises:
            NotAcceptable: ``not_connected`` or ``mapping_changed``.
        """
        run = await Runs(connection, tenant_id).get(row.run_id)
        if run is None:
            raise NotAcceptable("mapping_changed")
        return await self.conditions_of(connection, tenant_id, run, row)

    async def conditions_of(
        self, connection: AsyncConnection, tenant_id: TenantId, run: Run, row: RunTenant
    ) -> Conditions:
        """Refuse when connection or mapping are not as the run began with.

        Raises:
            NotAcceptable: ``not_connected`` or ``mapping_changed``.
        """
        if await Connections(connection, tenant_id).active() is None:
            raise NotAcceptable("not_connected")
        mapping = await Mappings(connection, tenant_id).current(row.managed_tenant_id)
        if (
            mapping is None
            or mapping.state != MappingState.MAPPED
            or mapping.client_id is None
            or mapping.client_id != row.client_id
        ):
            details = {"managedTenantId": str(row.managed_tenant_id)}
            raise NotAcceptable("mapping_changed", details=details)
        return Conditions(run=run, row=row, mapping=mapping, client_id=mapping.client_id)

    async def policy(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
    ) -> Policy:
        """The policy of a managed tenant, if connection and mapping are as the run began with.

        Raises:
            NotAcceptable: ``not_connected`` or ``mapping_changed``.
        """
        found = await self.require(connection, tenant_id, run_id, managed_tenant_id)
        return await self.policy_under(connection, tenant_id, found)

    async def require(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
    ) -> Conditions:
        """The conditions of a managed tenant that a run has planned before.

        Raises:
            NotAcceptable: ``not_connected`` or ``mapping_changed``.
        """
        row = await RunTenants(connection, tenant_id).get(run_id, managed_tenant_id)
        if row is None:
            raise NotAcceptable("mapping_changed")
        return await self.conditions(connection, tenant_id, row)

    async def policy_under(
        self, connection: AsyncConnection, tenant_id: TenantId, found: Conditions
    ) -> Policy:
        """The policy under these conditions; of a preview with the settings that it was given."""
        what_if = found.run.what_if or {}
        return await self.policy_of(
            connection, tenant_id, found.mapping, found.client_id, what_if=what_if
        )

    async def policy_of(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        mapping: CurrentMapping,
        client_id: ClientId,
        *,
        what_if: Mapping[str, object] = MappingProxyType({}),
    ) -> Policy:
        """The rules of now for a managed tenant that is mapped to this client."""
        settings = await SettingsRows(connection, tenant_id).get()
        pins = await Pins(connection, tenant_id).standing(mapping.entra_tenant_id)
        return Policy(
            managed_tenant_id=mapping.managed_tenant_id,
            entra_tenant_id=mapping.entra_tenant_id,
            client_id=client_id,
            filters=Filters()
            .overridden(_document(what_if, "userFilterConfig", settings.user_filter_config))
            .overridden(mapping.filter_overrides),
            last_fingerprint=mapping.policy_fingerprint,
            fields=await self._field_rules(
                tenant_id, _document(what_if, "fieldSyncConfig", settings.field_sync_config)
            ),
            guard=Guard.of(settings.guard_config),
            pinned=pins.any,
            pins=pins.digest,
        )

    async def _field_rules(self, tenant_id: TenantId, config: Mapping[str, object]) -> FieldRules:
        """The rules that are on; none while their flag is off."""
        rules = field_rules(config, self._context.host.contacts.capabilities)
        if not rules or not await self._context.flags.is_on_now(Flag.FIELD_SYNC, tenant_id):
            return {}
        return rules


def _document(
    what_if: Mapping[str, object], name: str, stored: Mapping[str, object]
) -> Mapping[str, object]:
    """The unsaved settings of a preview in place of those that are stored."""
    given = what_if.get(name)
    return given if isinstance(given, dict) else stored
