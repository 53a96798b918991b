"""The composition root: the only place that picks adapters and reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from entra_plugin.access import Flags
from entra_plugin.application.connect import SignInPorts
from entra_plugin.application.context import Context
from entra_plugin.application.credentials import CredentialResolver
from entra_plugin.application.directories import ConnectedDirectories
from entra_plugin.application.remove_tenant import RemoveTenant
from entra_plugin.directory.microsoft.endpoints import Endpoints
from entra_plugin.directory.microsoft.sign_in import SignIn
from entra_plugin.directory.transport import Transport, tls_context
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
    runtime: Runtime
    transport: Transport
    sign_in: SignIn


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
            await RemoveTenant(self._require().context)(tenant_id)

        return TenantRemoval(name="entra", run=run)

    async def close(self) -> None:
        """Close the connections to the provider."""
        if self._opened is not None:
            await self._opened.transport.close()
            self._opened.sign_in.close()
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
    sign_in = SignIn(endpoints, tls)
    transport = Transport(endpoints.graph, tls)
    resolver = CredentialResolver(host.secrets, env)
    store = Store(host.database.engine)
    directories = ConnectedDirectories(
        store=store,
        secrets=host.secrets,
        resolver=resolver,
        sign_in=sign_in,
        transport=transport,
        endpoints=endpoints,
        clock=now,
    )
    context = Context(
        host=host,
        store=store,
        flags=Flags(),
        directories=directories,
        workflows=TemporalWorkflows(host),
        clock=now,
    )
    ports = SignInPorts(sign_in=sign_in, resolver=resolver, directories=directories)
    return Opened(
        context=context,
        runtime=Runtime.of(context, ports),
        transport=transport,
        sign_in=sign_in,
    )


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def enterprise(environment: Mapping[str, str] | None = None) -> bool:
    """True in the edition that has this integration."""
    env = os.environ if environment is None else environment
    return env.get(EDITION) == ENTERPRISE
