"""Whatever happens at an MSP, and whenever a process dies: a sync does what it may, and all of it.

Random histories of directories, contacts, mappings, rules, flags, pins, bad readings and crashes,
judged after each sync by a simple model. The database and the host are real.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from secrets import randbelow
from typing import cast
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from devhost.servers.postgres import Urls
from entra_plugin.application.sync.start import SyncScope
from entra_plugin.directory.protocol import Capabilities
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import ClientId, EntraTenantId, GroupId, ObjectId, RunId, TenantId
from support.builders import guid, person
from support.engine import Engine, engine_over
from support.judging import World, judge_bases, judge_books, judge_contacts
from support.office import CLIENTS, CUSTOMERS, DIRECTORIES, FIELDS, Office, State
from support.paper import FAULTS, PaperDirectory
from support.settled import Settled
from support.stage import Stage, standing_stage

Loop = asyncio.AbstractEventLoop

LOCALS = ("ada", "bob", "cyd", "dan")
ADDRESSES = tuple(f"{local}@contoso.example" for local in LOCALS)
"""Few enough that people and contacts meet."""
GROUP = GroupId(guid("history group"))

FEW, MANY = 100, 10_000
"""Histories in the normal run, and in the long one."""
_ROUNDS = 5

USUAL_SEED = 20_261
"""Of the normal run, which is to judge a change and not the weather."""

PHASES = (
    (Phase.generate, Phase.shrink) if "ENTRA_HISTORY_SHRINK" in os.environ else (Phase.generate,)
)
"""Making a failing history shorter takes minutes: it is done when asked for."""


Slot = tuple[int, str]
"""A customer and the local part of a user's address."""
DirectoryEdits = list[tuple[Slot, tuple[str, object]]]
ContactEdits = list[tuple[int, tuple[str, object]]]

slots = st.sampled_from([(0, local) for local in LOCALS] + [(1, "eve"), (1, "fay")])
texts = st.sampled_from([None, "One", "Two", "Three"])
numbers = st.sampled_from([None, "+49 1", "+49 2", "555"])
addresses = st.sampled_from(ADDRESSES)


def of(name: str, values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[str, object]]:
    return st.tuples(st.just(name), values)


directory_edits = st.lists(
    st.tuples(
        slots,
        of("do", st.sampled_from(["come", "disable", "enable", "delete", "restore", "purge"]))
        | of("display_name", texts)
        | of("job_title", texts)
        | of("department", texts)
        | of("business_phones", numbers.map(lambda n: (n,) if n else ()))
        | of("mobile_phone", numbers)
        | of("mail", addresses)
        | of("aliases", st.lists(addresses, max_size=2, unique=True).map(tuple))
        | of("licensed", st.booleans())
        | of("user_type", st.sampled_from(["Member", "Guest"])),
    ),
    min_size=1,
    max_size=3,
)
contact_edits = st.lists(
    st.tuples(
        st.integers(0, 7),
        of("displayName", texts.map(lambda t: t or "Four"))
        | of("role", texts)
        | of("department", texts)
        | of("phone", numbers)
        | of("mobile", numbers)
        | of("email", st.none() | addresses | st.just("own@elsewhere.example"))
        | of("active", st.booleans())
        | of("do", st.sampled_from(["dismiss", "hire"])),
    ),
    min_size=1,
    max_size=3,
)
moments = st.integers(1, 60)


class History(RuleBasedStateMachine):
    """One MSP through a life of changes and accidents."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.stage.histories += 1
        self.world = World()
        self.directory = PaperDirectory(papers=self.world.papers)
        self.office = Office(stage.administrator)
        self.engine: Engine = engine_over(
            stage.host, self.directory, TenantId(self.office.tenant_id)
        )
        self.sound = False
        self.neighbour = stage.neighbour
        self.untouched = self.neighbour.versions() if self.neighbour else []

    @initialize(
        both=st.sampled_from([False, False, True]),
        delta=st.booleans(),
        proves=st.booleans(),
        people=directory_edits,
        contacts=st.lists(st.tuples(st.sampled_from(CLIENTS), addresses), max_size=3),
        modes=st.dictionaries(
            st.sampled_from(FIELDS), st.sampled_from(["directory_wins", "local_wins", "ask"])
        ),
    )
    def begin(
        self,
        both: bool,
        delta: bool,
        proves: bool,
        people: DirectoryEdits,
        contacts: list[tuple[ClientId, str]],
        modes: dict[str, str],
    ) -> None:
        self.directory.capabilities = Capabilities(
            delta=delta, proves_absence=proves, groups=True, concurrency=1
        )
        self.office.found(self.engine.clock())
        for number, (client_id, address) in enumerate(contacts):
            self.office.hire(client_id, f"Number {number}", address)
        self.world.modes = modes
        self.save_settings()
        self.world.mapped[DIRECTORIES[1]] = None
        for number in range(1 + both):
            self.decide(number, CLIENTS[number])
        self.come((0, "ada"), {})
        self.come((1, "eve"), {})
        self.change_directory(people)
        self.sound = True

    # --- The directory ---

    @rule(edits=directory_edits)
    def directories_change(self, edits: DirectoryEdits) -> None:
        self.count("directories_change")
        self.change_directory(edits)

    def change_directory(self, edits: DirectoryEdits) -> None:
        for slot, (name, value) in edits:
            self.change_user(slot, name, value)
            directory, object_id = self.key(slot)
            self.world.note(directory, object_id, self.engine.clock())

    def change_user(self, slot: Slot, name: str, value: object) -> None:
        directory, object_id = self.key(slot)
        paper = self.world.papers[directory]
        user = paper.users.get(object_id)
        if user is None and name == "do":
            self.change_absent(slot, value)
        elif user is None:
            self.come(slot, {name: value})
        elif name != "do":
            paper.put(msgspec.structs.replace(user, **{name: value}))
        elif value in {"enable", "disable"}:
            paper.put(msgspec.structs.replace(user, enabled=value == "enable"))
        elif value in {"delete", "purge"} and len(paper.users) > 1:
            paper.delete(object_id, purge=value == "purge")

    def change_absent(self, slot: Slot, what: object) -> None:
        directory, object_id = self.key(slot)
        paper = self.world.papers[directory]
        if what == "come":
            self.come(slot, {})
        elif what == "restore" and object_id in paper.deleted:
            paper.put(paper.deleted[object_id])
        elif what == "purge" and object_id in paper.deleted:
            paper.purge(object_id)

    def come(self, slot: Slot, attributes: dict[str, object]) -> None:
        directory, object_id = self.key(slot)
        if object_id in self.world.papers[directory].deleted:
            return
        number, local = slot
        domain = "contoso.example" if number == 0 else "fabrikam.example"
        names = {"given_name": None, "surname": None, "display_name": local.title()}
        user = msgspec.structs.replace(person(local, domain, **names), **attributes)
        self.world.papers[directory].put(user)

    def key(self, slot: Slot) -> tuple[EntraTenantId, ObjectId]:
        number, local = slot
        domain = "contoso.example" if number == 0 else "fabrikam.example"
        return DIRECTORIES[number], person(local, domain).object_id

    # --- The host ---

    @rule(edits=contact_edits)
    def people_edit_contacts(self, edits: ContactEdits) -> None:
        self.count("people_edit_contacts")
        self.edit_contacts(edits)

    def edit_contacts(self, edits: ContactEdits) -> None:
        contacts = list(self.office.state().contacts)
        for number, (name, value) in edits:
            if (name, value) == ("do", "hire"):
                client_id = CLIENTS[number % len(CLIENTS)]
                address = ADDRESSES[number % len(ADDRESSES)]
                self.office.hire(client_id, f"Hired {number}", address)
            elif contacts and value == "dismiss":
                self.office.dismiss(contacts[number % len(contacts)])
            elif contacts:
                self.office.edit(contacts[number % len(contacts)], name, value)

    # --- The plugin's people ---

    @rule(
        modes=st.dictionaries(
            st.sampled_from(FIELDS), st.sampled_from(["directory_wins", "local_wins", "ask"])
        )
    )
    def rules_are_saved(self, modes: dict[str, str]) -> None:
        self.count("rules_are_saved")
        self.world.modes = modes
        self.save_settings()

    def save_settings(self) -> None:
        fields = {name: {"enabled": True, "mode": mode} for name, mode in self.world.modes.items()}
        self.office.settings(
            field_sync_config=fields,
            user_filter_config=self.world.filters,
            guard_config=self.world.guard,
        )

    @rule(
        filters=st.fixed_dictionaries(
            {},
            optional={
                "licensedOnly": st.booleans(),
                "includeGuests": st.booleans(),
                "excludePatterns": st.sampled_from([[], ["ada@*"], ["*.example"]]),
            },
        )
    )
    def filters_are_saved(self, filters: dict[str, object]) -> None:
        self.count("filters_are_saved")
        self.world.filters = filters
        self.save_settings()

    @rule(
        guard=st.fixed_dictionaries(
            {},
            optional={
                "inactivateMin": st.sampled_from([0, 1]),
                "overwriteMin": st.just(0),
                "overwritePercent": st.just(0),
                "graceDays": st.sampled_from([0, 3]),
                "markInactiveWhenDisabled": st.booleans(),
                "holdSharedMailboxSuspects": st.booleans(),
            },
        )
    )
    def the_guard_is_set(self, guard: dict[str, object]) -> None:
        self.count("the_guard_is_set")
        self.world.guard = guard
        self.save_settings()

    @rule(on=st.booleans())
    def the_flag_of_field_rules_is_switched(self, on: bool) -> None:
        self.count("the_flag_of_field_rules_is_switched")
        self.world.rules_flag = on
        (self.engine.switches.on.add if on else self.engine.switches.on.discard)(Flag.FIELD_SYNC)

    @rule(
        kind=st.sampled_from(["keep_active", "hands_off", "lock_field", "ignore_identity", None]),
        number=st.integers(0, 7),
        slot=slots,
        name=st.sampled_from(FIELDS),
    )
    def somebody_pins(self, kind: str | None, number: int, slot: Slot, name: str) -> None:
        self.count("somebody_pins")
        self.pin(kind, number, slot, name)

    def pin(self, kind: str | None, number: int, slot: Slot, name: str) -> None:
        world, contacts = self.world, list(self.office.state().contacts)
        if kind is None:
            self.office.unpin()
            for pins in (world.keep_active, world.hands_off, world.locked, world.ignored):
                pins.clear()
        elif kind == "ignore_identity":
            directory, object_id = self.key(slot)
            world.ignored.add((str(directory), str(object_id)))
            self.office.pin(kind, directory=directory, object_id=object_id)
        elif contacts:
            contact_id = contacts[number % len(contacts)]
            if kind == "lock_field":
                world.locked.add((contact_id, name))
                self.office.pin(kind, contact_id=contact_id, field=name)
            else:
                getattr(world, kind).add(contact_id)
                self.office.pin(kind, contact_id=contact_id)

    @rule(number=st.integers(0, 1), client=st.sampled_from([*CLIENTS, None]), grouped=st.booleans())
    def somebody_maps(self, number: int, client: ClientId | None, grouped: bool) -> None:
        self.count("somebody_maps")
        self.decide(number, client, grouped=grouped)

    def decide(self, number: int, client: ClientId | None, *, grouped: bool = False) -> None:
        self.stage.run(self.deciding(number, client, grouped=grouped))

    async def deciding(
        self, number: int, client: ClientId | None, *, grouped: bool = False
    ) -> None:
        directory = DIRECTORIES[number]
        overrides = {"includeGroupIds": [str(GROUP)]} if grouped else {}
        self.world.group_of.pop(directory, None)
        if grouped:
            self.world.group_of[directory] = GROUP
            members = frozenset(list(self.world.papers[directory].users)[::2])
            self.world.papers[directory].groups[GROUP] = members
        self.world.mapped[directory] = client
        await self.engine.map(CUSTOMERS[number], client, overrides)

    @rule(days=st.sampled_from([1, 3, 8, 40]))
    def time_passes(self, days: int) -> None:
        self.count("time_passes")
        self.engine.clock.move(days=days)

    @rule(approve=st.booleans(), one=st.booleans())
    def somebody_decides_on_held_rows(self, approve: bool, one: bool) -> None:
        before = self.office.state()
        held = [row for row in before.changes if row["state"] == "held"]
        if not held:
            return
        self.count("somebody_decides_on_held_rows")
        run_id = RunId(UUID(str(held[0]["run"])))
        which = {"change_ids": [UUID(str(held[0]["id"]))]} if one else {}
        if not approve:
            self.stage.run(self.engine.discard(run_id, **which))
        else:
            self.stage.run(self.engine.approve(run_id, CUSTOMERS, **which))
        after = self.office.state()
        judge_books(after)
        judge_approved(self.world, before, after)

    # --- Syncs ---

    @rule()
    def a_sync(self) -> None:
        self.count("a_sync")
        self.sync()

    @rule(number=st.integers(0, 2))
    def a_sync_of_one_client(self, number: int) -> None:
        self.count("a_sync_of_one_client")
        self.sync(client=CLIENTS[number])

    @rule(at=moments)
    def a_sync_with_a_crash(self, at: int) -> None:
        self.count("a_sync_with_a_crash")
        self.sync(crash_at=at)

    @rule(edits=contact_edits, at=st.none() | moments)
    def a_sync_while_people_edit(self, edits: ContactEdits, at: int | None) -> None:
        self.count("a_sync_while_people_edit")

        async def meanwhile() -> None:
            self.edit_contacts(edits)

        self.sync(meanwhile=meanwhile, crash_at=at)

    @rule(
        kind=st.sampled_from(["keep_active", "hands_off", "lock_field", "ignore_identity"]),
        number=st.integers(0, 7),
        slot=slots,
        name=st.sampled_from(FIELDS),
    )
    def a_sync_while_somebody_pins(self, kind: str, number: int, slot: Slot, name: str) -> None:
        self.count("a_sync_while_somebody_pins")

        async def meanwhile() -> None:
            self.pin(kind, number, slot, name)

        self.sync(meanwhile=meanwhile)

    @rule(number=st.integers(0, 1), client=st.sampled_from([*CLIENTS, None]))
    def a_sync_while_somebody_maps(self, number: int, client: ClientId | None) -> None:
        self.count("a_sync_while_somebody_maps")

        async def meanwhile() -> None:
            await self.deciding(number, client)

        self.sync(meanwhile=meanwhile)

    @rule(
        faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3),
        number=st.integers(0, 1),
        lasting=st.booleans(),
        at=st.none() | moments,
    )
    def a_sync_with_bad_readings(
        self, faults: list[str], number: int, lasting: bool, at: int | None
    ) -> None:
        self.count("a_sync_with_bad_readings")
        paper = self.world.papers[DIRECTORIES[number]]
        paper.faults.extend(faults)
        paper.lasting = lasting and faults[0] not in {"empty_page", "cursor_expired"}
        self.sync(crash_at=at)
        paper.faults.clear()
        paper.lasting = False

    @rule()
    def a_sync_while_the_feature_is_off(self) -> None:
        self.count("a_sync_while_the_feature_is_off")
        self.engine.switches.on.discard(Flag.UI)
        before = self.office.state()
        self.sync()
        assert self.office.state().contacts == before.contacts
        self.engine.switches.on.add(Flag.UI)

    def sync(
        self,
        *,
        client: ClientId | None = None,
        crash_at: int | None = None,
        meanwhile: Callable[[], Awaitable[None]] | None = None,
    ) -> RunId | None:
        """Sync, and judge what came of it; None when there was nothing to sync."""
        self.sound = False
        bases = before = self.office.state()
        scope = SyncScope.CLIENT if client else SyncScope.ALL
        try:
            run_id = self.stage.run(self.engine.start(scope, client))
        except NotAcceptable:
            self.sound = True
            return None

        async def edited() -> None:
            nonlocal before
            if meanwhile is not None:
                await meanwhile()
                before = self.office.state()

        self.stage.run(self.engine.carry_out(run_id, crash_at=crash_at, meanwhile=edited))
        after = self.office.state()
        now = self.engine.clock()
        judge_contacts(self.world, before, after, run_id=run_id, bases=bases, now=now)
        judge_bases(self.world, bases, after)
        judge_books(after)
        self.sound = True
        return run_id

    def teardown(self) -> None:
        """Whatever happened: a few days of peace, and all is as it should be, and stays so."""
        self.stage.crashes += self.engine.crashes
        if not self.sound or not self.stage.histories:
            return
        for _ in range(2):
            self.engine.clock.move(days=8)
            if self.sync() is None:
                return
        self.settle()
        Settled(world=self.world, state=self.office.state()).judge()
        if self.neighbour is not None:
            assert self.neighbour.versions() == self.untouched, "another MSP was touched"
        self.stage.neighbour = self.office

    def settle(self) -> None:
        """Sync until there is nothing to do, which is soon; then nothing is written.

        More than once, because a question about a contact can be asked once that is made.
        """
        for _ in range(_ROUNDS):
            versions = self.office.versions()
            run_id = self.sync()
            state = self.office.state()
            assert state.runs[str(run_id)]["state"] in {"completed", "held"}
            if not state.of_run(run_id):
                break
        else:
            raise AssertionError("there is always something to do")
        assert self.office.versions() == versions, "a sync of what is unchanged wrote something"

    def count(self, name: str) -> None:
        self.stage.rules[name] += 1


def judge_approved(world: World, before: State, after: State) -> None:
    """What a person approved is done, and nothing else is."""
    assert before.contacts.keys() <= after.contacts.keys()
    waited = {r["id"]: r for r in before.changes if r["state"] == "held"}
    for contact_id, contact in after.contacts.items():
        old = before.contacts[contact_id]
        differs = {n: contact[n] for n in (*FIELDS, "active") if contact[n] != old[n]}
        if contact["client"] != old["client"]:
            differs["clientId"] = contact["client"]
        told: dict[str, object] = {}
        for row in after.changes:
            if row["contact"] == contact_id and row["id"] in waited and row["state"] == "applied":
                told |= dict(row["after"])  # type: ignore[call-overload]
        assert differs.items() <= told.items()
        if differs:
            assert contact_id not in world.hands_off
            assert not any((contact_id, name) in world.locked for name in differs)
            assert not (contact_id in world.keep_active and "active" in differs)
            assert differs.keys() & set(FIELDS) <= world.rules.keys()


@pytest.fixture
def stage(postgres_server: Urls) -> Iterator[Stage]:
    with standing_stage(postgres_server) as standing:
        yield standing


def live(stage: Stage, count: int, number: int, told_aloud: pytest.CaptureFixture[str]) -> None:
    """Run histories, and say what was run."""
    begun = time.monotonic()

    def history() -> History:
        return History(stage)

    history._hypothesis_internal_use_seed = number  # type: ignore[attr-defined]
    run_state_machine_as_test(
        cast("type[RuleBasedStateMachine]", history),
        settings=settings(
            max_examples=count,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            phases=PHASES,
        ),
    )
    rules = ", ".join(f"{name} {times}" for name, times in stage.rules.most_common())
    told = (
        f"{stage.histories} histories in {time.monotonic() - begun:.0f} s with seed {number}:"
        f" {sum(stage.rules.values())} rules, {stage.crashes} crashes ({rules})"
    )
    with told_aloud.disabled():
        sys.stdout.write(f"\n{told}\n")


def test_whatever_happens_a_sync_does_what_it_may_and_all_of_it(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    live(stage, FEW, seed(USUAL_SEED), capsys)


@pytest.mark.long
def test_ten_thousand_histories(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    live(stage, MANY, seed(randbelow(2**32)), capsys)


def seed(otherwise: int) -> int:
    """The seed of this run, which is printed in the end: as told, or as usual."""
    return int(os.environ.get("ENTRA_HISTORY_SEED") or otherwise)
