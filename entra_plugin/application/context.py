"""What every use case is given: the host, our store, and the ports to the outside."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from entra_plugin.access import Flags
from entra_plugin.directory.protocol import Directory
from entra_plugin.domain.ids import TenantId, UserId
from entra_plugin.host import Host, SecretStore, Workflows
from entra_plugin.store.transaction import Store

Clock = Callable[[], datetime]
"""Now, in UTC, with zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who acts: the tenant and the user of the host, with the name to remember him by."""

    tenant_id: TenantId
    user_id: UserId
    name: str | None = None


class Directories(Protocol):
    """Opens the directory of a tenant's active connection."""

    async def of_tenant(self, tenant_id: TenantId) -> Directory:
        """The directory behind the active connection; shared, so the caller does not close it.

        Raises:
            NotAcceptable: ``not_connected``.
            ConfigurationInvalid: The credentials of the connection are not found.
        """
        ...

    async def forget(self, tenant_id: TenantId) -> None:
        """Drop what is cached for the tenant, tokens included: the connection changed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The dependencies of the use cases, one per process."""

    host: Host
    store: Store
    secrets: SecretStore
    """The host's; reading it raises ``secret_store_unavailable`` when it cannot be read."""
    flags: Flags
    directories: Directories
    workflows: Workflows
    clock: Clock
