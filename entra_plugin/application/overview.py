"""Where a tenant stands: connection, counts, last runs, and the wizard's next step."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from entra_plugin.application.connect.credentials import CredentialResolver
from entra_plugin.application.connect.opening import CAPABILITIES
from entra_plugin.application.context import Context
from entra_plugin.application.schedule import next_sync
from entra_plugin.directory.protocol import Capabilities
from entra_plugin.domain.errors import ConfigurationInvalid
from entra_plugin.domain.expiry import RELATIONSHIP_NOTICE, Expiry, Relationship, expiries
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
from entra_plugin.store.managed_tenants import ManagedTenant, ManagedTenants
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
    next_sync_at: datetime | None
    """When the next sync starts by itself; None if none does."""
    step: WizardStep
    connection_types: tuple[ConnectionType, ...]
    open_review_items: int | None
    """None while the queue's flag is off."""
    last_validation: Run | None
    expiries: tuple[Expiry, ...]
    capabilities: Capabilities | None
    """What the connected provider can do; None without a connection."""


class Overview:
    """Reads the state; writes nothing."""

    def __init__(self, context: Context, resolver: CredentialResolver) -> None:
        self._context = context
        self._resolver = resolver

    async def __call__(self, tenant_id: TenantId, flags: EffectiveFlags) -> OverviewFacts:
        """Look at everything once."""
        source, now = await self._source(tenant_id), self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            latest = await Connections(connection, tenant_id).latest()
            counts = await ManagedTenants(connection, tenant_id).counts()
            settings = await SettingsRows(connection, tenant_id).get()
            runs = Runs(connection, tenant_id)
            last_run = await runs.latest(SYNC_TYPES)
            last_discovery = await runs.latest([RunType.DISCOVERY])
            last_validation = await runs.latest([RunType.VALIDATION])
            ending = await ManagedTenants(connection, tenant_id).ending_before(
                now + RELATIONSHIP_NOTICE
            )
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
            next_sync_at=next_sync(
                tenant_id,
                settings,
                now,
                connected=latest is not None and latest.ended_at is None,
            ),
            step=_step(latest, counts, last_run),
            connection_types=tuple(
                kind for kind in ConnectionType if kind != ConnectionType.CIPP or Flag.CIPP in flags
            ),
            open_review_items=open_items,
            last_validation=last_validation,
            expiries=_expiries(now, latest, settings, ending),
            capabilities=CAPABILITIES[latest.type]
            if latest is not None and latest.ended_at is None
            else None,
        )

    async def _source(self, tenant_id: TenantId) -> CredentialSource | None:
        try:
            found = await self._resolver.find(tenant_id)
        except ConfigurationInvalid:
            return None
        return found.source if found else None


def _expiries(
    now: datetime,
    connection: Connection | None,
    settings: StoredSettings,
    ending: Iterable[ManagedTenant],
) -> tuple[Expiry, ...]:
    if connection is None or connection.ended_at is not None:
        return ()
    own_secret = connection.credential_source == CredentialSource.TENANT_SECRET
    direct = connection.type == ConnectionType.DIRECT
    return expiries(
        now,
        relationships=[
            Relationship(
                managed_tenant_id=tenant.managed_tenant_id,
                entra_tenant_id=tenant.entra_tenant_id,
                display_name=tenant.display_name,
                ends_at=tenant.relationship_end,
            )
            for tenant in ending
            if tenant.relationship_end is not None
        ],
        client_secret_expires_at=settings.client_secret_expires_at
        if direct and own_secret
        else None,
        renewed_at=connection.renewed_at,
    )


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
