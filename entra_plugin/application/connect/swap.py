"""Puts a connection that has proved to work in the place of the active one, secrets included."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from entra_plugin.application.connect.journal import SecretJournal
from entra_plugin.application.context import Context
from entra_plugin.application.schedule import keep_sync_schedule
from entra_plugin.directory.microsoft.sign_in import TokenSet
from entra_plugin.domain import secret_names
from entra_plugin.domain.errors import Conflict, NotAcceptable, TransientFailure
from entra_plugin.domain.ids import ConnectionId, EntraTenantId, TenantId
from entra_plugin.store.connections import Connection, Connections, NewConnection
from entra_plugin.store.runs import Failure

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What a check of a connection found."""

    valid: bool
    checked_at: datetime
    tenant_count: int | None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Secrets of the connection that is active now which the new one goes on needing."""

    connection_id: ConnectionId
    names: frozenset[str]


class SwapConnection:
    """Ends the active connection and begins the new one, in one step for everybody who looks."""

    def __init__(self, context: Context, journal: SecretJournal) -> None:
        self._context = context
        self._journal = journal

    async def __call__(
        self,
        tenant_id: TenantId,
        new: NewConnection,
        secrets: Mapping[str, str],
        *,
        kept: Kept | None = None,
    ) -> None:
        """Swap; every secret of connections that is neither new nor ``kept`` is deleted.

        Raises:
            ConfigurationInvalid: ``secret_store_read_only``; nothing has changed.
            NotAcceptable: ``other_partner_tenant``; nothing has changed.
            Conflict: ``changed_meanwhile``; nothing has changed.
        """
        leave = secrets.keys() | (kept.names if kept else frozenset())
        deletes = [name for name in secret_names.OF_CONNECTIONS if name not in leave]
        async with self._journal.change(tenant_id, sets=secrets, deletes=deletes) as connection:
            connections = Connections(connection, tenant_id)
            if new.partner_tenant_id is not None:
                refuse_other_partner(await connections.partner(), new.partner_tenant_id)
            if kept is not None:
                require_active(await connections.active(), kept.connection_id)
            await connections.replace(new, self._context.clock())
        await self._context.directories.forget(tenant_id)
        await watch(self._context, tenant_id)


async def watch(context: Context, tenant_id: TenantId) -> None:
    """Have discovery run daily from now on, and syncs as often as they are set to.

    The next discovery makes good what fails here.
    """
    try:
        await context.workflows.schedule_discovery(tenant_id)
        await keep_sync_schedule(context, tenant_id)
    except TransientFailure as error:
        log.warning("schedules not resumed", extra={"code": error.code})


def refuse_other_partner(active: EntraTenantId | None, wanted: EntraTenantId) -> None:
    """One partner tenant per connection: signing in again cannot slip another one in.

    Raises:
        NotAcceptable: ``other_partner_tenant``.
    """
    if active not in {None, wanted}:
        raise NotAcceptable("other_partner_tenant")


def require_active(active: Connection | None, wanted: ConnectionId | None) -> None:
    """The connection that was tested with, if any, is the one that is active still.

    Raises:
        Conflict: ``changed_meanwhile``.
    """
    if wanted != (active.connection_id if active else None):
        raise Conflict("changed_meanwhile")


def token_secrets(tokens: TokenSet, now: datetime) -> dict[str, str]:
    """The partner's tokens under the guide's names; the refresh token, if there is one, first."""
    expires_at = now + timedelta(seconds=tokens.expires_in)
    found = {
        secret_names.DIRECT_REFRESH_TOKEN: tokens.refresh_token,
        secret_names.DIRECT_ACCESS_TOKEN: tokens.access_token,
        secret_names.DIRECT_EXPIRES_AT: expires_at.isoformat(),
        secret_names.DIRECT_SCOPE: tokens.scope,
    }
    return {name: value for name, value in found.items() if value is not None}
