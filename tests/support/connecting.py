"""One MSP's connection, driven by the plugin's own use cases in processes that can die."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import func, select

from devhost.host import DevHost
from entra_plugin.application.connect.access import CippAccess
from entra_plugin.application.connect.app_only import ConnectAppOnly
from entra_plugin.application.connect.cipp import ConnectCipp
from entra_plugin.application.connect.direct import CompleteSignIn, StartSignIn
from entra_plugin.application.connect.disconnect import Disconnect
from entra_plugin.application.connect.rotate import NewCredentials, RotateCredentials
from entra_plugin.application.connect.validate import Validate
from entra_plugin.application.context import Person
from entra_plugin.application.remove_tenant import RemoveTenant
from entra_plugin.domain import secret_names
from entra_plugin.domain.errors import EntraError
from entra_plugin.domain.ids import TenantId, UserId
from entra_plugin.domain.states import ConnectionStatus
from entra_plugin.store.connection_tables import partner_connections, secret_changes
from entra_plugin.store.connections import Connection, Connections
from support.crashes import Vault
from support.mortal import MortalProcess, start_process
from support.simulator import Simulator

Result = TypeVar("Result")

Act = Callable[[MortalProcess], Awaitable[object]]
"""What a process is told to do."""

TRIAL = "entra_write_probe"
"""How names begin that hold no secret: who dies while he tries the store out leaves one there."""


def _person() -> Person:
    return Person(tenant_id=TenantId(uuid4()), user_id=UserId(uuid4()))


@dataclass(slots=True, kw_only=True)
class Msp:
    """A tenant of its own; what outlives its processes."""

    host: DevHost
    simulator: Simulator
    environment: Mapping[str, str]
    vault: Vault = field(default_factory=dict)
    person: Person = field(default_factory=_person)

    @property
    def tenant(self) -> TenantId:
        """The tenant's id."""
        return self.person.tenant_id

    def start(self, *, read_only: bool = False) -> MortalProcess:
        """A new process; ``read_only`` is its secret store."""
        return start_process(self.host, self.environment, self.vault, read_only=read_only)

    def secret(self, name: str) -> str | None:
        """What the secret store has."""
        return self.vault.get((self.tenant, name))

    def stored(self) -> dict[str, str]:
        """The secrets of connections, and whatever else there should not be."""
        return {
            name: value
            for (owner, name), value in self.vault.items()
            if owner == self.tenant
            and name not in secret_names.MICROSOFT
            and not name.startswith(TRIAL)
        }

    async def active(self, process: MortalProcess) -> Connection | None:
        """The connection there is; there is never another that is not ended."""
        async with process.context.store.tenant_transaction(self.tenant) as connection:
            active = await Connections(connection, self.tenant).active()
            count = select(func.count()).where(
                partner_connections.c.status != ConnectionStatus.DISCONNECTED.value
            )
            assert (await connection.execute(count)).scalar_one() == (active is not None)
        return active

    async def unsettled(self, process: MortalProcess) -> int:
        """How many changes of secrets are not over."""
        async with process.context.store.tenant_transaction(self.tenant) as connection:
            count = select(func.count()).select_from(secret_changes)
            return int((await connection.execute(count)).scalar_one())

    async def customers(self, process: MortalProcess) -> int:
        """How many the connection lists."""
        return await (await process.context.directories.of_tenant(self.tenant)).probe()

    # What a process can be told to do

    async def begun(self, process: MortalProcess, *, partner: int | None = 0) -> dict[str, str]:
        """Begin a sign-in; answers the way back from Microsoft's page, not yet taken."""
        url = await StartSignIn(process.context, process.ports)(self.person)
        return await asyncio.to_thread(self.simulator.sign_in, url, partner=partner)

    def come_back(self, answer: Mapping[str, str]) -> Act:
        """Take the way back from Microsoft's page."""
        return lambda p: CompleteSignIn(p.context, p.ports)(self.person, answer)

    def sign_in(self, *, partner: int = 0) -> Act:
        """Connect through Microsoft's sign-in."""

        async def act(process: MortalProcess) -> None:
            await self.come_back(await self.begun(process, partner=partner))(process)

        return act

    def spoilt_sign_in(self, kind: str) -> Act:
        """Come back from Microsoft with something else than was begun."""

        async def act(process: MortalProcess) -> None:
            answer = await self.begun(process, partner=None if kind == "refused" else 0)
            spoilt = {
                "made_up_code": {**answer, "code": "made-up"},
                "other_state": {**answer, "state": "made-up"},
                "no_answer": {},
            }
            await self.come_back(spoilt.get(kind, answer))(process)

        return act

    def app_only(self) -> Act:
        """Connect with the app's own permissions."""
        return lambda p: ConnectAppOnly(p.context, p.ports)(self.person)

    def cipp(self, access: CippAccess) -> Act:
        """Connect through CIPP."""
        return lambda p: ConnectCipp(p.context, p.ports)(self.person, access)

    def rotate(self, client_id: str, client_secret: str) -> Act:
        """Replace the app credentials."""
        new = NewCredentials(client_id=client_id, client_secret=client_secret, expires_at=None)
        return lambda p: RotateCredentials(p.context, p.ports)(self.tenant, new)

    def validate(self) -> Act:
        """Check the connection."""
        return lambda p: Validate(p.context)(self.tenant)

    def disconnect(self) -> Act:
        """End the connection."""
        return lambda p: Disconnect(p.context, p.ports)(self.tenant)

    def remove(self) -> Act:
        """Leave the platform."""
        return lambda p: RemoveTenant(p.context, p.ports.journal)(self.tenant)

    def renew(self) -> Act:
        """Renew what the connection lives on."""

        async def act(process: MortalProcess) -> None:
            await (await process.context.directories.of_tenant(self.tenant)).renew()

        return act


@dataclass(slots=True, kw_only=True)
class World:
    """What all examples share: each has a tenant of its own."""

    loop: asyncio.AbstractEventLoop
    host: DevHost
    simulator: Simulator
    partners: tuple[str, ...]
    customers: tuple[int, ...]
    """How many each partner has."""

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do something now."""
        return self.loop.run_until_complete(work)


def access_of(simulator: Simulator, partner: int = 0, *, client: bool = False) -> CippAccess:
    """How one partner's CIPP is reached: with its token, or as a client."""
    one, base = simulator.cipp[partner], simulator.cipp_url
    if not client:
        return CippAccess(base_url=base, api_token=one.token)
    return CippAccess(
        base_url=base,
        tenant_id=one.tenant_id,
        client_id=one.client_id,
        client_secret=one.client_secret,
    )


async def refused(act: Awaitable[object]) -> EntraError | None:
    """The refusal that this ends in; None if it goes through."""
    try:
        await act
    except EntraError as error:
        return error
    return None
