"""Who asks for a sync joins a run that does what he asks for, and no other."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest
from temporalio.testing import ActivityEnvironment

from devhost.servers.postgres import Urls
from entra_plugin.application.decide import MappingDecision
from entra_plugin.application.map_tenants import ConfirmMappings
from entra_plugin.application.sync.start import StartedRun, StartSync, StartSyncCommand, SyncScope
from entra_plugin.application.sync.start_person import StartPerson, StartPersonCommand
from entra_plugin.domain.errors import Conflict
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import ClientId, EntraTenantId, ManagedTenantId, ObjectId, RunId
from entra_plugin.domain.states import MappingState, RunState, RunType, Trigger
from entra_plugin.workflows.activities import Activities
from entra_plugin.workflows.messages import CustomerEnd, CustomerRef, RunRef
from support.checking import NOBODY, Checks, checking
from support.folders import client_id, tenant_id, write_seed
from support.simulator import Simulator

State = tuple[RunState, str | None, RunId | None]
"""How a customer stands in a run: state, reason, and the run that it joined."""


class Office:
    """Three customers that are decided about, and syncs that are started and carried out."""

    def __init__(self, checks: Checks, tenants: Sequence[ManagedTenantId]) -> None:
        self.checks = checks
        self.tenants = tenants

    async def map(self, number: int, client: int | None = None) -> None:
        """Map a customer to a client: to its own, unless told."""
        wanted = ClientId(UUID(client_id(number if client is None else client)))
        await self.decide(number, MappingState.MAPPED, wanted)

    async def decide(self, number: int, state: MappingState, client: ClientId | None) -> None:
        """Decide about a customer."""
        confirm = ConfirmMappings(self.checks.context)
        version = await confirm.current_version(self.checks.tenant_id)
        decision = MappingDecision(
            managed_tenant_id=self.tenants[number - 1], state=state, client_id=client
        )
        await confirm(self.checks.person, version=version, decisions=[decision])

    async def start(
        self,
        scope: SyncScope = SyncScope.ALL,
        client: int | None = None,
        trigger: Trigger = Trigger.MANUAL,
    ) -> StartedRun:
        """Ask for a sync."""
        command = StartSyncCommand(
            tenant_id=self.checks.tenant_id,
            scope=scope,
            actor=NOBODY,
            client_id=ClientId(UUID(client_id(client))) if client else None,
            trigger=trigger,
        )
        return await StartSync(self.checks.context)(command)

    async def start_person(self, number: int) -> StartedRun:
        """Ask for the sync of somebody of a customer."""
        directory = EntraTenantId(UUID(tenant_id(number)))
        identity = IdentityKey(entra_tenant_id=directory, object_id=ObjectId(UUID(int=1)))
        command = StartPersonCommand(
            tenant_id=self.checks.tenant_id, identity=identity, actor=NOBODY
        )
        return await StartPerson(self.checks.context)(command)

    async def open(self, run: StartedRun) -> None:
        """Let a run be opened by its workflow."""
        ref = RunRef(tenant_id=str(self.checks.tenant_id), run_id=str(run.run_id))
        await ActivityEnvironment().run(Activities(self.checks.context).open_run, ref)

    async def step(self, run: StartedRun, number: int, name: str = "read_and_plan") -> None:
        """Let a step of a customer be done."""
        step = getattr(Activities(self.checks.context), name)
        await ActivityEnvironment().run(step, self._ref(run, number))

    async def sync(self, run: StartedRun, number: int) -> None:
        """Let all the steps of a customer be done."""
        for name in ("read_and_plan", "apply", "finish"):
            await self.step(run, number, name)

    async def end(self, run: StartedRun, number: int, state: RunState) -> None:
        """Let a customer get no further."""
        code = "consent_missing" if state == RunState.FAILED else None
        end = CustomerEnd(customer=self._ref(run, number), state=state.value, code=code)
        await ActivityEnvironment().run(Activities(self.checks.context).close_customer, end)

    def _ref(self, run: StartedRun, number: int) -> CustomerRef:
        tenant = self.tenants[number - 1]
        return CustomerRef(str(self.checks.tenant_id), str(run.run_id), str(tenant))

    async def states(self, run: StartedRun) -> dict[int, State]:
        """How the customers stand in a run, by their numbers."""
        return {
            self.tenants.index(row.managed_tenant_id) + 1: (
                row.state,
                row.state_reason,
                row.joined_run_id,
            )
            for row in (await self.checks.run(run.run_id)).tenants
        }


@pytest.fixture
async def office(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Office]:
    write_seed(tmp_path, tenants=3, users=2)
    simulator.control("/seed", {"dir": str(tmp_path)})
    async with checking(database, simulator, monkeypatch, seed=str(tmp_path)) as checks:
        await checks.sign_in()
        await checks.discover()
        known = await checks.known()
        tenants = [known[UUID(tenant_id(n))].managed_tenant_id for n in (1, 2, 3)]
        office = Office(checks, tenants)
        for number in (1, 2):
            await office.map(number)
        yield office


@pytest.mark.parametrize("scope", [SyncScope.ALL, SyncScope.INITIAL])
@pytest.mark.parametrize("opened", [False, True])
async def test_a_run_that_lacks_a_customer_is_not_joined(
    office: Office, scope: SyncScope, opened: bool
) -> None:
    first = await office.start()
    if opened:
        await office.open(first)
    await office.map(3)
    second = await office.start(scope)
    assert (second.joined, second.run_id == first.run_id) == (False, False)
    underway = (RunState.JOINED, None, first.run_id)
    assert await office.states(second) == {
        1: underway,
        2: underway,
        3: (RunState.QUEUED, None, None),
    }
    third = await office.start()
    assert (third.joined, third.run_id) == (True, second.run_id), "the one that has all of it"


async def test_a_run_that_has_every_customer_is_joined_though_it_is_at_the_last(
    office: Office,
) -> None:
    first = await office.start()
    await office.open(first)
    await office.sync(first, 1)
    assert (await office.states(first))[1] == (RunState.COMPLETED, None, None)
    again = await office.start(SyncScope.INITIAL)
    assert (again.joined, again.run_id) == (True, first.run_id)


@pytest.mark.parametrize("end", [RunState.FAILED, RunState.CANCELLED])
async def test_a_run_is_not_joined_for_a_customer_that_got_no_further_in_it(
    office: Office, end: RunState
) -> None:
    first = await office.start()
    await office.open(first)
    await office.end(first, 1, end)
    second = await office.start()
    assert not second.joined
    assert (await office.checks.run(second.run_id)).run.type == RunType.CLIENT
    assert await office.states(second) == {
        1: (RunState.QUEUED, None, None),
        2: (RunState.JOINED, None, first.run_id),
    }
    await office.sync(second, 1)
    assert (await office.states(second))[1] == (RunState.COMPLETED, None, None)
    await office.end(first, 2, end)
    third = await office.start()
    assert not third.joined, "the second has the other customer only by the first"
    assert (await office.states(third))[2] == (RunState.QUEUED, None, None)


async def test_a_customer_that_was_mapped_anew_after_its_turn_has_another(office: Office) -> None:
    first = await office.start()
    await office.open(first)
    await office.sync(first, 1)
    await office.decide(1, MappingState.UNMAPPED, None)
    await office.map(1)
    second = await office.start()
    assert (second.joined, (await office.states(second))[1]) == (
        False,
        (RunState.QUEUED, None, None),
    )


async def test_a_client_to_be_created_does_not_wait_for_a_scheduled_run(office: Office) -> None:
    await office.decide(3, MappingState.CREATE_NEW, None)
    first = await office.start(trigger=Trigger.SCHEDULED)
    second = await office.start()
    assert (second.joined, (await office.states(second))[3][0]) == (False, RunState.QUEUED)
    again = await office.start(trigger=Trigger.SCHEDULED)
    assert (again.joined, again.run_id) in {(True, first.run_id), (True, second.run_id)}


@pytest.mark.parametrize("scope", [SyncScope.ALL, SyncScope.CLIENT])
async def test_a_customer_that_waits_for_the_client_of_before_waits_no_longer(
    office: Office, scope: SyncScope
) -> None:
    first = await office.start()
    await office.open(first)
    await office.map(1, client=3)
    second = await office.start(scope, client=3 if scope == SyncScope.CLIENT else None)
    assert (second.joined, (await office.states(second))[1]) == (
        False,
        (RunState.QUEUED, None, None),
    )
    assert (await office.states(first))[1] == (RunState.SKIPPED, "mapping_changed", None)
    await office.step(first, 1)
    assert (await office.states(first))[1] == (RunState.SKIPPED, "mapping_changed", None)
    await office.step(second, 1)
    assert (await office.states(second))[1] == (RunState.RUNNING, None, None)


@pytest.mark.parametrize("scope", [SyncScope.ALL, SyncScope.CLIENT])
async def test_a_customer_waits_no_longer_for_a_client_that_is_not_to_be_created_after_all(
    office: Office, scope: SyncScope
) -> None:
    await office.decide(3, MappingState.CREATE_NEW, None)
    first = await office.start()
    await office.map(3)
    second = await office.start(scope, client=3 if scope == SyncScope.CLIENT else None)
    assert (second.joined, (await office.states(second))[3]) == (
        False,
        (RunState.QUEUED, None, None),
    )
    assert (await office.states(first))[3] == (RunState.SKIPPED, "mapping_changed", None)
    await office.sync(second, 3)
    assert (await office.states(second))[3] == (RunState.COMPLETED, None, None)


async def test_a_customer_waits_no_longer_for_a_client_when_another_is_to_be_created(
    office: Office,
) -> None:
    first = await office.start()
    await office.decide(1, MappingState.CREATE_NEW, None)
    second = await office.start()
    assert (second.joined, (await office.states(second))[1]) == (
        False,
        (RunState.QUEUED, None, None),
    )
    assert (await office.states(first))[1] == (RunState.SKIPPED, "mapping_changed", None)
    await office.open(second)
    await office.sync(second, 1)
    assert (await office.states(second))[1] == (RunState.COMPLETED, None, None)


async def test_a_customer_goes_on_waiting_for_the_client_that_is_to_be_created(
    office: Office,
) -> None:
    await office.decide(3, MappingState.CREATE_NEW, None)
    first = await office.start()
    again = await office.start()
    assert (again.joined, again.run_id) == (True, first.run_id)
    await office.map(2, client=1)
    another = await office.start()
    assert (await office.states(another))[3] == (RunState.JOINED, None, first.run_id)
    assert (await office.states(first))[3] == (RunState.QUEUED, None, None)


async def test_one_client_is_not_joined_to_what_is_at_the_client_of_before(office: Office) -> None:
    first = await office.start()
    await office.open(first)
    await office.step(first, 1)
    await office.map(1, client=3)
    with pytest.raises(Conflict) as client_refused:
        await office.start(SyncScope.CLIENT, client=3)
    assert client_refused.value.code == "sync_under_way"
    with pytest.raises(Conflict) as person_refused:
        await office.start_person(1)
    assert person_refused.value.details == {"runId": str(first.run_id)}


BUSY = (RunState.SKIPPED, "sync_under_way", None)
"""How a customer stands that something else is at than a sync of all of it."""


async def test_a_sync_of_everything_says_that_it_leaves_a_customer_to_a_persons_sync(
    office: Office,
) -> None:
    person = await office.start_person(1)
    run = await office.start()
    assert await office.states(run) == {1: BUSY, 2: (RunState.QUEUED, None, None)}
    await office.open(person)
    await office.sync(person, 1)
    again = await office.start()
    assert (again.joined, (await office.states(again))[1]) == (
        False,
        (RunState.QUEUED, None, None),
    )


async def test_a_sync_of_which_nothing_is_left_is_refused(office: Office) -> None:
    for customer in (1, 2):
        await office.start_person(customer)
    with pytest.raises(Conflict) as refused:
        await office.start()
    assert refused.value.code == "sync_under_way"


async def test_a_sync_of_everything_is_no_part_of_one_for_the_client_of_before(
    office: Office,
) -> None:
    first = await office.start()
    await office.open(first)
    await office.step(first, 1)
    await office.map(1, client=3)
    second = await office.start()
    assert await office.states(second) == {1: BUSY, 2: (RunState.JOINED, None, first.run_id)}
