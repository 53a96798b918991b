"""Where a tenant stands: connection, counts, last runs, and the wizard's next step."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from entra_plugin.application.context import Context
from entra_plugin.application.credentials import CredentialResolver
from entra_plugin.domain.errors import ConfigurationInvalid
from entra_plugin.domain.flags import EffectiveFlags, Flag
from entra_plugin.domain.ids import TenantId
from entra_plugin.domain.states import (
    ConnectionType,
    CredentialSource,
    MappingState,
    RunState,
    RunType,
)
from entra_plugin.store.connections import Connection, Connections
from entra_plugin.store.items import Items
from entra_plugin.store.managed_tenants import ManagedTenants
from entra_plugin.store.runs import Run, Runs
from entra_plugin.store.settings import SettingsRows, StoredSettings

SYNC_TYPES = (RunType.INITIAL, RunType.ALL, RunType.CLIENT)


class WizardStep(StrEnum):
    """What the wizard asks for next."""

    CONNECT = "connect"
    DISCOVER = "discover"
    MAP = "map"
    SYNC = "sync"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewFacts:
    """The state of the integration for one tenant."""

    connection: Connection | None
    credential_source: CredentialSource | None
    counts: Mapping[str, int]
    needs_review: int
    last_discovery: Run | None
    last_discovery_at: datetime | None
    last_run: Run | None
    settings: StoredSettings
    step: WizardStep
    connection_types: tuple[ConnectionType, ...]
    open_review_items: int | None
    """None while the queue's flag is off."""


class Overview:
    """Reads the state; writes nothing."""

    def __init__(self, context: Context, resolver: CredentialResolver) -> None:
        self._context = context
        self._resolver = resolver

    async def __call__(self, tenant_id: TenantId, flags: EffectiveFlags) -> OverviewFacts:
        """Look at everything once."""
        source = await self._source(tenant_id)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            latest = await Connections(connection, tenant_id).latest()
            counts = await ManagedTenants(connection, tenant_id).counts()
            settings = await SettingsRows(connection, tenant_id).get()
            runs = Runs(connection, tenant_id)
            last_run = await runs.latest(SYNC_TYPES)
            last_discovery = await runs.latest([RunType.DISCOVERY])
            open_items = (
                await Items(connection, tenant_id).count_open() if Flag.QUEUE in flags else None
            )
        return OverviewFacts(
            connection=latest,
            credential_source=source,
            counts=counts,
            needs_review=counts.get(MappingState.UNMAPPED, 0),
            last_discovery=last_discovery,
            last_discovery_at=settings.last_discovery_at,
            last_run=last_run,
            settings=settings,
            step=_step(latest, counts, last_run),
            connection_types=(ConnectionType.DIRECT,),
            open_review_items=open_items,
        )

    async def _source(self, tenant_id: TenantId) -> CredentialSource | None:
        try:
            found = await self._resolver.find(tenant_id)
        except ConfigurationInvalid:
            return None
        return found.source if found else None


def _step(
    connection: Connection | None, counts: Mapping[str, int], last_run: Run | None
) -> WizardStep:
    if connection is None or connection.ended_at is not None:
        return WizardStep.CONNECT
    if not counts["discovered"]:
        return WizardStep.DISCOVER
    if not counts.get(MappingState.MAPPED, 0) + counts.get(MappingState.CREATE_NEW, 0):
        return WizardStep.MAP
    if last_run is None or last_run.state in {RunState.FAILED, RunState.CANCELLED}:
        return WizardStep.SYNC
    return WizardStep.DONE
