"""Changes secrets together with our rows, although the secret store joins no transaction of ours.

A redo log: the names go into a row, the new values into the store under staged names; the rows that
need them and the decision to finish are committed at once; then the values are put in place. What a
process that died left over is finished or undone by the next one that looks.
"""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Clock
from entra_plugin.domain.errors import ConfigurationInvalid, TransientFailure
from entra_plugin.domain.ids import TenantId
from entra_plugin.domain.secret_names import STAGED
from entra_plugin.host import SecretStore
from entra_plugin.store.connections import Connections
from entra_plugin.store.secret_changes import SecretChange, SecretChanges
from entra_plugin.store.transaction import Store

log = logging.getLogger(__name__)

_PROBE = "entra_write_probe"


class SecretJournal:
    """The only writer of connection secrets, but for renewed tokens of an active connection."""

    def __init__(self, secrets: SecretStore, store: Store, clock: Clock) -> None:
        self._secrets = secrets
        self._store = store
        self._clock = clock

    async def require_writable(self, tenant_id: TenantId) -> None:
        """Prove that secrets can be stored, by storing something.

        Raises:
            ConfigurationInvalid: ``secret_store_read_only``.
        """
        name = f"{_PROBE}_{uuid4().hex}"  # of our own: two may try at once
        try:
            if not await self._secrets.writable(tenant_id):
                raise ConfigurationInvalid("secret_store_read_only")
            await self._secrets.set(tenant_id, name, "probe")
            kept = await self._secrets.get(tenant_id, name)
            await self._secrets.delete(tenant_id, name)
        except OSError as error:
            raise ConfigurationInvalid("secret_store_read_only") from error
        if kept != "probe":
            raise ConfigurationInvalid("secret_store_read_only")

    @asynccontextmanager
    async def change(
        self, tenant_id: TenantId, *, sets: Mapping[str, str], deletes: Sequence[str]
    ) -> AsyncIterator[AsyncConnection]:
        """A transaction under the connection's lock; the secrets change if, and as, it commits.

        At most one change is committed and not finished: of two at once, one wins.

        Raises:
            ConfigurationInvalid: ``secret_store_read_only``; nothing has changed.
            Conflict: ``changed_meanwhile``: another change came between; nothing has changed.
        """
        await self.settle(tenant_id)
        change = SecretChange(
            change_id=uuid4(), sets=tuple(sets), deletes=tuple(deletes), committed=False
        )
        try:
            async with self._store.tenant_transaction(tenant_id) as connection:
                await Connections(connection, tenant_id).lock()
                changes = SecretChanges(connection, tenant_id)
                await changes.require_none_committed()
                await self._note(tenant_id, change)
                await self._stage(tenant_id, change, sets)
                yield connection
                await changes.commit(change.change_id)
        except Exception:
            with suppress(Exception):  # else whoever looks next does it
                await self.settle(tenant_id, only=change.change_id)
            raise
        try:
            await self.settle(tenant_id)
        except (ConfigurationInvalid, TransientFailure) as error:
            # It is decided: whoever looks next finishes it, or is told why that does not work.
            log.warning("secrets not in place yet", extra={"code": error.code})

    async def settle(self, tenant_id: TenantId, only: UUID | None = None) -> None:
        """Finish what was committed, and undo what was not; cheap when there is nothing."""
        async with self._store.tenant_transaction(tenant_id) as connection:
            if not await SecretChanges(connection, tenant_id).any():
                return
        async with self._store.tenant_transaction(tenant_id) as connection:
            # Whoever works on a change holds this lock from its first staged value on.
            await Connections(connection, tenant_id).lock()
            changes = SecretChanges(connection, tenant_id)
            for change in await changes.open():
                if only in {None, change.change_id}:
                    await self._close(tenant_id, change)
                    await changes.remove(change.change_id)

    async def _note(self, tenant_id: TenantId, change: SecretChange) -> None:
        """Write down what is about to be done, at once: it has to outlive this process.

        Under the lock, so that nobody takes it for something that was left over.
        """
        async with self._store.tenant_transaction(tenant_id) as apart:
            await SecretChanges(apart, tenant_id).add(change, self._clock())

    async def _stage(
        self, tenant_id: TenantId, change: SecretChange, values: Mapping[str, str]
    ) -> None:
        try:
            for name, value in values.items():
                await self._secrets.set(tenant_id, _staged(change, name), value)
        except OSError as error:
            raise ConfigurationInvalid("secret_store_read_only") from error

    async def _close(self, tenant_id: TenantId, change: SecretChange) -> None:
        """Put staged values in place, if so decided; drop them in any case.

        A value that is no longer staged was put in place by an attempt before.
        """
        try:
            if change.committed:
                for name in change.sets:
                    value = await self._secrets.get(tenant_id, _staged(change, name))
                    if value is not None:
                        await self._secrets.set(tenant_id, name, value)
                for name in change.deletes:
                    await self._secrets.delete(tenant_id, name)
            for name in change.sets:
                await self._secrets.delete(tenant_id, _staged(change, name))
        except OSError as error:
            raise ConfigurationInvalid("secret_store_read_only") from error


def _staged(change: SecretChange, name: str) -> str:
    """Where a value waits; each change has names of its own."""
    return f"{STAGED}{change.change_id.hex}_{name}"
