"""Processes of the plugin, one after the other, that die at a chosen moment and leave their work.

The database and Microsoft are real; the secret store is one in memory, and Temporal is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast
from uuid import UUID

from devhost.host import DevHost
from entra_plugin import bootstrap
from entra_plugin.application.connect.directories import ConnectedDirectories
from entra_plugin.application.connect.journal import SecretJournal
from entra_plugin.application.connect.keeping import TokenKeeper
from entra_plugin.application.connect.ports import ConnectPorts
from entra_plugin.application.context import Context
from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import RunType
from support.crashes import Moments, MortalStore, Vault, VaultSecrets

if TYPE_CHECKING:
    from entra_plugin.host import Host


@dataclass(slots=True)
class NoWorkflows:
    """Temporal's place; remembers what was asked of it."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    """The workflows that are said to run."""

    async def start_check(self, tenant_id: TenantId, run_id: RunId, type_: RunType) -> None:
        """Start nothing."""
        self.asked.append((f"start {type_.value}", str(run_id)))

    async def start_sync(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Start nothing."""
        self.asked.append(("start sync", str(run_id)))

    async def start_apply(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Leave it to the caller."""
        self.asked.append(("start apply", str(run_id)))

    async def start_held(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        approval_id: UUID,
    ) -> None:
        """Leave it to the caller."""
        self.asked.append(("start held", str(run_id)))

    async def is_open(self, workflow_id: str) -> bool:
        """Say what is said."""
        return workflow_id in self.open

    async def cancel(self, workflow_id: str) -> None:
        """Cancel nothing."""
        self.asked.append(("cancel", workflow_id))

    async def schedule_discovery(self, tenant_id: TenantId) -> None:
        """Schedule nothing."""
        self.asked.append(("schedule", str(tenant_id)))

    async def pause_discovery(self, tenant_id: TenantId) -> None:
        """Pause nothing."""
        self.asked.append(("pause", str(tenant_id)))

    async def schedule_sync(self, tenant_id: TenantId, every: timedelta) -> None:
        """Schedule nothing."""
        self.asked.append(("schedule sync", str(every)))

    async def pause_sync(self, tenant_id: TenantId) -> None:
        """Pause nothing."""
        self.asked.append(("pause sync", str(tenant_id)))

    async def remove_schedules(self, tenant_id: TenantId) -> None:
        """Remove nothing."""
        self.asked.append(("remove", str(tenant_id)))


class _OtherSecrets:
    """A devhost with another secret store."""

    def __init__(self, host: DevHost, secrets: VaultSecrets) -> None:
        self._host = host
        self.secrets = secrets

    def __getattr__(self, name: str) -> object:
        return getattr(self._host, name)


@dataclass(slots=True, kw_only=True)
class MortalProcess:
    """One process of the plugin."""

    opened: bootstrap.Opened
    context: Context
    ports: ConnectPorts
    secrets: VaultSecrets
    moments: Moments
    workflows: NoWorkflows

    def doom(self, moments: Moments) -> None:
        """Let the moments from here on be others."""
        self.moments.bad = moments.bad
        self.moments.fatal = moments.fatal
        self.moments.lasting = moments.lasting
        self.moments.reads = moments.reads
        self.moments.passed.clear()

    async def close(self) -> None:
        """Give back what the process held."""
        await self.opened.close()


def start_process(
    host: DevHost, environment: Mapping[str, str], vault: Vault, *, read_only: bool = False
) -> MortalProcess:
    """Compose the plugin over a host, as bootstrap does, with parts that can die."""
    moments, workflows = Moments(), NoWorkflows()
    secrets = VaultSecrets(vault, moments, read_only=read_only)
    other = cast("Host", _OtherSecrets(host, secrets))
    opened = bootstrap.compose(other, environment)
    store = MortalStore(opened.context.store, moments)
    ports = replace(
        opened.ports,
        journal=SecretJournal(secrets, store, bootstrap.now),
        keeper=TokenKeeper(store, secrets, bootstrap.now),
    )
    directories = ConnectedDirectories(store=store, secrets=secrets, ports=ports)
    context = replace(opened.context, store=store, directories=directories, workflows=workflows)
    opened = replace(opened, context=context, ports=ports, directories=directories)
    return MortalProcess(
        opened=opened,
        context=context,
        ports=ports,
        secrets=secrets,
        moments=moments,
        workflows=workflows,
    )
