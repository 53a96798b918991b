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
from entra_plugin.directory.microsoft.endpoints import Endpoints
from entra_plugin.directory.microsoft.sign_in import SignIn
from entra_plugin.directory.transport import Transport, tls_context
from entra_plugin.host import Host
from entra_plugin.store.transaction import Store
from entra_plugin.workflows.port import TemporalWorkflows

ENTERPRISE = "enterprise"
EDITION = "NEXT_PUBLIC_EDITION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What one process runs with."""

    context: Context
    ports: SignInPorts
    transport: Transport

    async def close(self) -> None:
        """Close the connections to the provider."""
        await self.transport.close()
        self.ports.sign_in.close()


def start(host: Host, environment: Mapping[str, str] | None = None) -> Runtime:
    """Put everything together for one host."""
    env = os.environ if environment is None else environment
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
    return Runtime(context=context, ports=ports, transport=transport)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def enterprise(environment: Mapping[str, str] | None = None) -> bool:
    """True in the edition that has this integration."""
    env = os.environ if environment is None else environment
    return env.get(EDITION) == ENTERPRISE
