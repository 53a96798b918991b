"""The syncs of a random history, each of which is judged."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import rule

from entra_plugin.application.sync.start import SyncScope
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import ClientId, RunId
from support.histories_choices import ContactEdits, Slot, contact_edits, moments, pins, slots
from support.histories_life import Life
from support.judging import judge_bases, judge_books, judge_contacts, judge_decisions
from support.office import CLIENTS, CUSTOMERS, DIRECTORIES, FIELDS, State
from support.paper import FAULTS
from support.world import World


class Syncs(Life):
    """An MSP that syncs."""

    def first_sync(self) -> None:
        """Sync before anything happens."""
        self.sync()

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
        kind=pins,
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
        self.misread = True
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
        rebased: bool = False,
    ) -> RunId | None:
        """Sync, and judge what came of it; None when there was nothing to sync.

        What is ``rebased`` meanwhile was said by people.
        """
        self.sound = False
        bases = before = self.office.state()
        scope = SyncScope.CLIENT if client else SyncScope.ALL
        try:
            run_id = self.stage.run(self.engine.start(scope, client))
        except NotAcceptable:
            self.sound = True
            return None

        async def edited() -> None:
            nonlocal before, bases
            if meanwhile is not None:
                await meanwhile()
                before = self.office.state()
                bases = before if rebased else bases

        self.stage.run(self.engine.carry_out(run_id, crash_at=crash_at, meanwhile=edited))
        after = self.office.state()
        now = self.engine.clock()
        judge_contacts(self.world, before, after, run_id=run_id, bases=bases, now=now)
        judge_bases(self.world, bases, after)
        judge_decisions(before, after)
        judge_books(after)
        self.sound = True
        self.runs.append(run_id)
        return run_id

    # --- What a guard holds ---

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
            approval = self.engine.approve(run_id, CUSTOMERS, **which)
            if self.stage.asked(approval, "mapping_changed") is None:
                assert self.office.state() == before, "a refused approval did something"
                assert self.mapped_otherwise(before, run_id), "an approval was refused"
                return
        after = self.office.state()
        judge_books(after)
        judge_approved(self.world, before, after)

    def mapped_otherwise(self, state: State, run_id: RunId) -> bool:
        """True if a customer of whom a run holds something has another client by now."""
        return any(
            self.world.client_of((str(row["directory"]), str(row["object"])))
            != UUID(str(row["client"]))
            for row in state.of_run(run_id)
            if row["state"] == "held"
        )


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
