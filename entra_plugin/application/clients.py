"""The host's clients as mappings see them: to choose from, and what became of those chosen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.domain.ids import ClientId, TenantId
from entra_plugin.host import Client
from entra_plugin.store.mappings import CurrentMapping

_CLIENT_PAGE = 1000


class ClientState(StrEnum):
    """What has become of a client that a managed tenant is mapped to."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    MISSING = "missing"


class LeftOut(StrEnum):
    """Why no sync takes a managed tenant although it is mapped."""

    GONE = "gone"
    PAUSED = "paused"
    CLIENT_INACTIVE = "client_inactive"
    CLIENT_MISSING = "client_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownClients:
    """Clients by id; one that is asked for and not there is missing at the host."""

    by_id: Mapping[ClientId, Client] = field(default_factory=dict)

    def name(self, client_id: ClientId | None) -> str | None:
        """The client's name; None for no client and for one that is missing."""
        found = self.by_id.get(client_id) if client_id else None
        return found.name if found else None

    def state(self, client_id: ClientId | None) -> ClientState | None:
        """What became of the client; None for no client."""
        if client_id is None:
            return None
        found = self.by_id.get(client_id)
        if found is None:
            return ClientState.MISSING
        return ClientState.ACTIVE if found.active else ClientState.INACTIVE


async def all_clients(
    context: Context, connection: AsyncConnection, tenant_id: TenantId
) -> list[Client]:
    """Every active client of the host, page by page."""
    clients: list[Client] = []
    while True:
        after = clients[-1].id if clients else None
        page = await context.host.clients.page(
            connection, tenant_id, after=after, limit=_CLIENT_PAGE
        )
        clients.extend(page)
        if len(page) < _CLIENT_PAGE:
            return clients


async def known_clients(
    context: Context,
    connection: AsyncConnection,
    tenant_id: TenantId,
    ids: Iterable[ClientId | None],
) -> KnownClients:
    """The clients with these ids, in one query; inactive ones included."""
    wanted = sorted({client_id for client_id in ids if client_id is not None})
    if not wanted:
        return KnownClients()
    found = await context.host.clients.by_ids(connection, tenant_id, wanted)
    return KnownClients(by_id={client.id: client for client in found})


def left_out(mapping: CurrentMapping, clients: KnownClients, now: datetime) -> LeftOut | None:
    """Why a sync leaves out what is mapped or to be created; None when it takes it."""
    if mapping.gone_at is not None:
        return LeftOut.GONE
    if mapping.is_paused(now):
        return LeftOut.PAUSED
    match clients.state(mapping.client_id):
        case ClientState.INACTIVE:
            return LeftOut.CLIENT_INACTIVE
        case ClientState.MISSING:
            return LeftOut.CLIENT_MISSING
        case _:
            return None
