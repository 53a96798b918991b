"""The composition root: the only place that picks adapters and reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from entra_plugin.access import Flags
from entra_plugin.application.connect.credentials import CredentialResolver
from entra_plugin.application.connect.directories import ConnectedDirectories
from entra_plugin.application.connect.journal import SecretJournal
from entra_plugin.application.connect.keeping import TokenKeeper
from entra_plugin.application.connect.opening import DirectoryOpener
from entra_plugin.application.connect.ports import ConnectPorts
from entra_plugin.application.connect.readable_secrets import ReadableSecrets
from entra_plugin.application.context import Context
from entra_plugin.application.remove_tenant import RemoveTenant
from entra_plugin.directory.guard import parse_allowed
from entra_plugin.directory.microsoft.endpoints import Endpoints
from entra_plugin.directory.microsoft.sign_in import SignIn
from entra_plugin.directory.throttle import Throttle
from entra_plugin.directory.transport import Transport, plain_network, tls_context
from entra_plugin.domain.ids import TenantId
from entra_plugin.host import Host, Started, TenantRemoval, WorkerPlugin
from entra_plugin.store.transaction import Store
from entra_plugin.web.runtime import Runtime
from entra_plugin.workflows.plugin import EntraWorkerPlugin
from entra_plugin.workflows.port import TemporalWorkflows

ENTERPRISE = "enterprise"
EDITION = "NEXT_PUBLIC_EDITION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What one process runs with, once it is started."""

    context: Context
    ports: ConnectPorts
    runtime: Runtime
    directories: ConnectedDirectories
    transport: Transport

    async def close(self) -> None:
        """Close the connections to the providers."""
        await self.directories.close()
        await self.transport.close()
        self.ports.sign_in.close()


class Plugin:
    """The plugin in one process: nothing is open before ``start``."""

    def __init__(self) -> None:
        self._opened: Opened | None = None

    def start(self, host: Host, environment: Mapping[str, str] | None = None) -> Started:
        """Put everything together for one host."""
        self._opened = compose(host, os.environ if environment is None else environment)
        return Started(name="entra", close=self.close)

    def runtime(self) -> Runtime:
        """The use cases for the web.

        Raises:
            RuntimeError: The host has not called ``psa_startup``.
        """
        return self._require().runtime

    def worker_plugin(self) -> WorkerPlugin:
        """The part of the host's Temporal worker."""
        return WorkerPlugin(plugin=EntraWorkerPlugin(self._require().context))

    def tenant_removal(self, tenant_id: TenantId) -> TenantRemoval:
        """What has to run when a tenant leaves; what it needs is looked up when it runs."""

        async def run() -> None:
            opened = self._require()
            await RemoveTenant(opened.context, opened.ports.journal)(tenant_id)

        return TenantRemoval(name="entra", run=run)

    async def close(self) -> None:
        """Close the connections to the providers."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    def _require(self) -> Opened:
        if self._opened is None:
            raise RuntimeError("psa_startup has not been called")
        return self._opened


plugin = Plugin()
"""The plugin of this process, behind the hooks."""


def compose(host: Host, env: Mapping[str, str]) -> Opened:
    """Pick the adapters and hand them to the use cases."""
    endpoints = Endpoints.of(
        env.get("MICROSOFT_LOGIN_BASE_URL"), env.get("MICROSOFT_GRAPH_BASE_URL")
    )
    tls = tls_context(env.get("ENTRA_CA_FILE"))
    opener = DirectoryOpener(
        endpoints=endpoints,
        transport=Transport(endpoints.graph, plain_network(tls), throttle=Throttle()),
        sign_in=SignIn(endpoints, tls),
        tls=tls,
        cipp_allowed=parse_allowed(env.get("ENTRA_CIPP_ALLOWED_HOSTS")),
    )
    store = Store(host.database.engine)
    secrets = ReadableSecrets(host.secrets)
    ports = ConnectPorts(
        sign_in=opener.sign_in,
        resolver=CredentialResolver(secrets, env),
        opener=opener,
        journal=SecretJournal(secrets, store, now),
        keeper=TokenKeeper(store, secrets, now),
    )
    directories = ConnectedDirectories(store=store, secrets=secrets, ports=ports)
    context = Context(
        host=host,
        store=store,
        secrets=secrets,
        flags=Flags(),
        directories=directories,
        workflows=TemporalWorkflows(host),
        clock=now,
    )
    return Opened(
        context=context,
        ports=ports,
        runtime=Runtime.of(context, ports),
        directories=directories,
        transport=opener.transport,
    )


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def enterprise(environment: Mapping[str, str] | None = None) -> bool:
    """True in the edition that has this integration."""
    env = os.environ if environment is None else environment
    return env.get(EDITION) == ENTERPRISE
