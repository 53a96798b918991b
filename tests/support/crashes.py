"""A process that dies, or a secret store that breaks, at one chosen moment of its work.

A moment lies before and after every call of the secret store and every commit of our own database.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import TenantId
from entra_plugin.store.transaction import Store

Vault = dict[tuple[UUID, str], str]
"""What outlives a process: the secrets, by tenant and name."""


class Killed(BaseException):
    """The process is no more; nothing that runs in it afterwards can reach anything."""


class Broken(OSError):
    """The secret store did not do what it was told, or did it and could not say so."""


@dataclass(slots=True)
class Moments:
    """Counts the moments of one process, and lets one of them be the bad one."""

    bad: int | None = None
    """The number of the bad moment, from one; None for none."""
    fatal: bool = True
    """Whether the process dies of it; otherwise a call of the secret store fails."""
    lasting: bool = False
    """Whether all calls after it fail, too."""
    reads: bool = True
    """Whether reading can fail; a process can die of anything."""
    passed: list[str] = field(default_factory=list)
    dead: bool = False

    @property
    def reached(self) -> bool:
        """True when the bad moment has come."""
        return self.bad is not None and len(self.passed) >= self.bad

    def come(self, name: str, *, writes: bool = True, of_store: bool = True) -> None:
        """One more moment.

        Raises:
            Killed: It is the bad one, or came before.
            Broken: It is the bad one, and not fatal.
        """
        if self.dead:
            raise Killed(name)
        if not self.fatal and not (of_store and (writes or self.reads)):
            return
        self.passed.append(name)
        if not self.reached or (len(self.passed) != self.bad and not self.lasting):
            return
        if not self.fatal:
            raise Broken(name)
        self.dead = True
        raise Killed(name)


@dataclass(frozen=True, slots=True)
class VaultSecrets:
    """A secret store in memory, as one process sees it."""

    vault: Vault
    moments: Moments = field(default_factory=Moments)
    read_only: bool = False

    async def get(self, tenant_id: UUID, name: str) -> str | None:
        """A value, or None."""
        with self._call(f"get {name}", writes=False):
            return self.vault.get((tenant_id, name))

    async def set(self, tenant_id: UUID, name: str, value: str) -> None:
        """Store a value."""
        if self.read_only:
            raise PermissionError("read only")
        with self._call(f"set {name}"):
            self.vault[tenant_id, name] = value

    async def delete(self, tenant_id: UUID, name: str) -> None:
        """Forget a value."""
        if self.read_only:
            raise PermissionError("read only")
        with self._call(f"delete {name}"):
            self.vault.pop((tenant_id, name), None)

    async def get_app(self, name: str) -> str | None:
        """None of the whole installation."""
        return None

    async def writable(self, tenant_id: UUID) -> bool:
        """Whether values can be stored."""
        return not self.read_only

    @contextmanager
    def _call(self, name: str, *, writes: bool = True) -> Iterator[None]:
        self.moments.come(f"before {name}", writes=writes)
        yield
        self.moments.come(f"after {name}", writes=writes)


class MortalStore(Store):
    """Our own store, in a process that can die before and after each commit."""

    def __init__(self, store: Store, moments: Moments) -> None:
        self._store = store
        self._moments = moments
        self.after_commit: Callable[[int], Awaitable[None]] | None = None
        """Told the number of each commit, once it is done."""
        self._commits = 0

    @asynccontextmanager
    async def tenant_transaction(self, tenant_id: TenantId) -> AsyncIterator[AsyncConnection]:
        """A transaction of the real store."""
        if self._moments.dead:
            raise Killed
        async with self._store.tenant_transaction(tenant_id) as connection:
            yield connection
            self._moments.come("before a commit", of_store=False)
        self._commits += 1
        self._moments.come("after a commit", of_store=False)
        if self.after_commit is not None:
            await self.after_commit(self._commits)
