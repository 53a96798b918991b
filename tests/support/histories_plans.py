"""Previews and undoing in a random history: planned first, and applied perhaps, and later."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import rule

from entra_plugin.domain.errors import NotFound
from entra_plugin.domain.ids import ClientId, ManagedTenantId, RunId
from support.desk import Desk
from support.histories_choices import (
    ContactEdits,
    contact_edits,
    contact_pins,
    guards,
    moments,
)
from support.histories_syncs import Syncs
from support.judging import judge_books, judge_contacts, judge_decisions
from support.office import CLIENTS, CUSTOMERS, FIELDS, State
from support.stage import Stage
from support.undone import Undone
from support.world import World

WRITES = {"create", "link", "update", "inactivate", "reactivate", "move"}
APPLIED = {(kind, "applied") for kind in WRITES}
what_ifs = st.none() | st.none() | st.none() | st.fixed_dictionaries({"guardConfig": guards})


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What was planned, and what the world was then."""

    run_id: RunId
    undoes: bool
    world: World
    made: State


class Plans(Syncs):
    """An MSP that looks before it leaps, and takes back what it did."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.desk = Desk(self.engine)
        self.drafts: list[Draft] = []

    # --- Previews ---

    @rule(
        client=st.none() | st.sampled_from(CLIENTS),
        what_if=what_ifs,
        at=st.none() | moments,
        goes_on=st.sampled_from(["later", "apply", "sync"]),
    )
    def a_preview(
        self,
        client: ClientId | None,
        what_if: Mapping[str, object] | None,
        at: int | None,
        goes_on: str,
    ) -> None:
        self.count("a_preview")
        before, versions = self.office.state(), self.office.versions(but="entra_sync_changes")
        asked = self.desk.preview(client, what_if)
        run_id = self.stage.asked(asked, "nothing_mapped", "not_mapped", "nothing_to_sync")
        if run_id is None:
            return
        draft = self.planned(run_id, before, undoes=False, crash_at=at)
        assert self.office.versions(but="entra_sync_changes") == versions, "a preview wrote"
        if draft is None or what_if is not None:
            return
        self.drafts.append(draft)
        if goes_on == "apply":
            self.apply(draft)
        elif goes_on == "sync":
            self.sync_as_planned(draft, client)

    def planned(
        self, run_id: RunId, before: State, *, undoes: bool, crash_at: int | None
    ) -> Draft | None:
        """Plan, which adds the plan and nothing else; None when it did not come to its end."""
        self.stage.run(self.engine.carry_out(run_id, crash_at=crash_at))
        after = self.office.state()
        rows = after.of_run(run_id)
        assert {row["state"] for row in rows} <= {"planned"}, "a plan was carried out"
        assert [r for r in after.changes if r["run"] != str(run_id)] == list(before.changes)
        judge_books(after)
        run = after.runs[str(run_id)]
        if run["state"] not in {"completed", "partial"}:
            return None
        world = deepcopy(self.world)
        world.inactivated = self.world.inactivated
        return Draft(run_id=run_id, undoes=undoes, world=world, made=after)

    def sync_as_planned(self, draft: Draft, client: ClientId | None) -> None:
        """A sync does what the preview said, but for what is held already.

        A preview reads everybody; a sync that reads the changes knows of nobody whom a bad reading
        had left out, and who did not change since. Whom the preview asks about, a sync may link or
        make a contact for, once what it wrote has answered the question.
        """
        run_id = self.sync(client=client)
        assert run_id is not None
        state = self.office.state()
        said = {_what(r): r for r in draft.made.of_run(draft.run_id) if r["kind"] in WRITES}
        did = {_what(r): r for r in state.of_run(run_id) if r["kind"] in WRITES}
        held = {_what(r) for r in draft.made.changes if r["state"] == "held"}
        new = {what for what in said if what[:2] not in draft.made.identities}
        left_out = new if self.misread else set()
        assert said.keys() - did.keys() <= held | left_out, (
            "a preview promised what a sync did not do"
        )
        asked = {_what(r)[:2] for r in draft.made.of_run(draft.run_id) if r["kind"] == "queue"}
        asked |= draft.made.items.keys()
        for what in did.keys() - said.keys():
            assert did[what]["kind"] in {"create", "link"}, "a sync did what no preview had said"
            assert what[:2] in asked, "a sync did what no preview had said"
        for what in did.keys() & said.keys():
            assert did[what]["after"] == said[what]["after"]
            assert did[what]["before"] == said[what]["before"]

    # --- Undoing ---

    @rule(
        back=st.integers(0, 3),
        customer=st.sampled_from([None, None, *CUSTOMERS]),
        at=st.none() | moments,
        now=st.sampled_from([True, True, False]),
        pinned=st.none() | st.tuples(contact_pins, st.integers(0, 3), st.sampled_from(FIELDS)),
    )
    def somebody_undoes(
        self,
        back: int,
        customer: ManagedTenantId | None,
        at: int | None,
        now: bool,
        pinned: tuple[str, int, str] | None,
    ) -> None:
        wrote = [r for r in self.office.state().changes if (r["kind"], r["state"]) in APPLIED]
        runs = [run_id for run_id in self.runs if str(run_id) in {r["run"] for r in wrote}]
        if not runs:
            return
        self.count("somebody_undoes")
        undone = runs[-1 - back % len(runs)]
        if pinned is not None:
            kind, number, name = pinned
            of_run = [str(r["contact"]) for r in wrote if r["run"] == str(undone)]
            self.pin_contact(kind, of_run[number % len(of_run)], name)
        before, versions = self.office.state(), self.office.versions(but="entra_sync_changes")
        asked = self.desk.undo(undone, customer)
        run_id = self.stage.asked(asked, "nothing_to_undo", "not_found")
        if run_id is None:
            assert self.office.state() == before
            return
        draft = self.planned(run_id, before, undoes=True, crash_at=at)
        assert draft is not None, "an undo could not be planned"
        assert self.office.versions(but="entra_sync_changes") == versions, "a plan wrote"
        if now:
            self.apply(draft)
        else:
            self.drafts.append(draft)

    @rule(back=st.integers(0, 3), customer=st.none() | st.sampled_from(CUSTOMERS))
    def somebody_resumes(self, back: int, customer: ManagedTenantId | None) -> None:
        before = self.office.state()
        left_alone = [d for d in before.decisions.values() if d["kind"] == "undone"]
        runs = sorted({str(d["run"]) for d in left_alone})
        if not runs:
            return
        self.count("somebody_resumes")
        run_id = runs[back % len(runs)]
        try:
            count = self.stage.run(self.desk.resume(RunId(UUID(run_id)), customer))
        except NotFound:
            parts = {part["managed_tenant_id"] for part in before.parts if part["run_id"] == run_id}
            assert str(customer) not in parts, "it is a part of the run"
            return
        after = self.office.state()
        resumed = before.decisions.keys() - after.decisions.keys()
        assert count == len(resumed)
        assert after.decisions.items() <= before.decisions.items()
        assert all(before.decisions[key]["run"] == run_id for key in resumed)
        mine = [d for d in left_alone if d["run"] == run_id]
        assert count == len(mine) or customer is not None
        assert after.contacts == before.contacts

    # --- Applying ---

    @rule(which=st.integers(0, 3), at=st.none() | moments)
    def a_plan_is_applied(self, which: int, at: int | None) -> None:
        if not self.drafts:
            return
        self.count("a_plan_is_applied")
        self.apply(self.drafts[which % len(self.drafts)], crash_at=at, late=True)

    @rule(which=st.integers(0, 3), edits=contact_edits)
    def a_plan_is_applied_after_edits(self, which: int, edits: ContactEdits) -> None:
        if not self.drafts:
            return
        self.count("a_plan_is_applied_after_edits")
        self.edit_contacts(edits)
        self.apply(self.drafts[which % len(self.drafts)], late=True)

    def apply(self, draft: Draft, *, crash_at: int | None = None, late: bool = False) -> None:
        """Apply a plan, and judge what came of it by the world of then and the orders of now."""
        before = self.office.state()
        begun = self.stage.asked(self.desk.apply(draft.run_id), "already_applied")
        if before.runs[str(draft.run_id)]["applied"]:
            assert begun is None, "applied twice"
            return
        assert begun is not None, "it could not be applied"
        self.sound = False
        self.stage.run(self.engine.carry_out(draft.run_id, crash_at=crash_at))
        after = self.office.state()
        judge_books(after)
        for row in after.of_run(draft.run_id):
            self.count(f"{row['state']} {row['kind']} of {'undo' if draft.undoes else 'preview'}")
        if draft.undoes:
            undone = Undone(
                world=self.world,
                before=before,
                after=after,
                run_id=str(draft.run_id),
                at_once=not late,
            )
            undone.judge()
            self.forget_departures(draft, after)
        else:
            self.judge_applied(draft, before, after)
            self.runs.append(draft.run_id)
        self.sound = True

    def forget_departures(self, draft: Draft, after: State) -> None:
        """A departure whose effect was undone counts anew, once that is resumed."""
        sources = {str(row["id"]): row for row in after.changes}
        for row in after.of_run(draft.run_id):
            source = sources.get(str(row["source"]))
            if row["state"] == "applied" and source and source["kind"] == "inactivate":
                key = (str(row["directory"]), str(row["object"]))
                self.world.inactivated.pop((key, str(row["contact"])), None)

    def judge_applied(self, draft: Draft, before: State, after: State) -> None:
        """A preview says what the directory was like then; people's orders are those of now."""
        world, then = self.world, draft.world
        seen = replace(
            world,
            papers=then.papers,
            left_at=then.left_at,
            departures=then.departures,
            modes={n: mode for n, mode in then.modes.items() if n in world.modes},
            guard=then.guard,
        )
        now = self.engine.clock()
        judge_contacts(seen, before, after, run_id=draft.run_id, bases=before, now=now)
        judge_decisions(before, after)


def _what(row: Mapping[str, object]) -> tuple[object, ...]:
    return row["directory"], row["object"], row["kind"]
