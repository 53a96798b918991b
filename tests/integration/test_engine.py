"""Single turns of syncs, previews and undoing, each by itself."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from entra_plugin.application.retention import DiscardLapsed
from entra_plugin.directory.protocol import ChangePage, UserPage
from entra_plugin.domain.ids import EntraTenantId
from support.builders import person
from support.case import Case
from support.desk import Desk
from support.office import CLIENTS, CUSTOMERS, DIRECTORIES
from support.paper import PaperChange, PaperDirectory

HOLD_ALL = {"overwriteMin": 0, "overwritePercent": 0}
HOLD_LEAVERS = {"inactivateMin": 0, "inactivatePercent": 0}


def test_somebody_who_came_back_in_the_grace_period_stays_active(case: Case) -> None:
    case.save(guard={"graceDays": 3})
    case.sync()
    case.change("bob", enabled=False)
    case.sync()
    case.engine.clock.move(days=4)
    case.change("bob", enabled=True)
    case.sync()
    assert case.contact("bob")["active"]


def test_held_rows_of_a_customer_that_did_not_get_through_are_planned_again(case: Case) -> None:
    case.save(guard=HOLD_ALL)
    case.map(CLIENTS[1])
    run_id = case.stage.run(case.engine.start())

    async def remapped() -> None:
        await case.engine.map(CUSTOMERS[0], CLIENTS[2], {})

    case.stage.run(case.engine.carry_out(run_id, meanwhile=remapped))
    assert ("move", "held") not in case.rows(run_id)
    assert case.rows(case.sync()) == [("move", "held")] * 2


def test_a_move_that_is_held_already_is_not_written_down_again(case: Case) -> None:
    case.save(guard=HOLD_ALL)
    case.map(CLIENTS[1])
    assert case.rows(case.sync()) == [("move", "held")] * 2
    case.sync()
    before = case.office.versions()
    assert case.rows(case.sync()) == []
    assert case.verdict("ada") == "queued"
    assert case.office.versions() == before


def test_a_create_that_is_planned_again_retires_nothing_that_waits(case: Case) -> None:
    case.save(guard=HOLD_LEAVERS)
    case.sync()
    case.change("ada", enabled=False)
    held = case.sync()
    case.change("cyd")
    later = case.sync(meanwhile=lambda: case.office.hire(CLIENTS[0], "Cyd", "cyd@contoso.example"))
    assert ("create", "stale") in case.rows(later)
    assert case.rows(held) == [("inactivate", "held")]
    assert case.rows(case.sync()) == []


@pytest.mark.parametrize("crash_at", range(16, 28))
def test_what_waits_does_so_after_a_crash_of_who_looked_at_it_again(
    case: Case, crash_at: int
) -> None:
    case.save(guard=HOLD_LEAVERS)
    case.sync()
    case.change("ada", enabled=False)
    held = case.sync()
    run_id = case.stage.run(case.engine.start())
    case.stage.run(case.engine.carry_out(run_id, crash_at=crash_at))
    assert case.engine.crashes == 1
    assert case.rows(held) == [("inactivate", "held")]


def test_what_waits_does_not_wait_a_second_time_in_a_preview_that_is_applied(case: Case) -> None:
    case.save(guard=HOLD_LEAVERS)
    case.sync()
    case.change("ada", enabled=False)
    held = case.sync()
    case.change("ada", job_title="Chief")
    preview = case.preview()
    assert ("inactivate", "planned") in case.rows(preview)
    case.apply(preview)
    assert ("inactivate", "held") not in case.rows(preview)
    assert case.rows(held) == [("inactivate", "held")]
    assert case.stage.run(case.engine.approve(held, [CUSTOMERS[0]])) == 1
    assert case.rows(held) == [("inactivate", "applied")], "it is held as the preview saw her"
    assert case.rows(case.sync()) == []


def test_a_preview_that_is_applied_retires_what_it_plans_otherwise(case: Case) -> None:
    case.save(guard=HOLD_ALL, role="directory_wins")
    case.sync()
    case.change("ada", job_title="One")
    held = case.sync()
    case.change("ada", job_title="Two")
    preview = case.preview()
    assert case.rows(held) == [("update", "held")]
    case.apply(preview)
    assert case.rows(held) == [("update", "superseded")]
    assert ("update", "held") in case.rows(preview)


def test_a_preview_retires_nothing_that_was_planned_after_it(case: Case) -> None:
    case.save(guard=HOLD_ALL, role="directory_wins")
    case.sync()
    case.change("ada", job_title="One")
    preview = case.preview()
    case.change("ada", job_title="Two")
    held = case.sync()
    case.apply(preview)
    assert case.rows(held) == [("update", "held")]
    assert ("update", "superseded") in case.rows(preview)


def test_a_preview_retires_nothing_when_its_creates_are_planned_again(case: Case) -> None:
    case.directory.capabilities = replace(case.directory.capabilities, delta=False)
    case.save(guard=HOLD_LEAVERS)
    case.sync()
    case.change("cyd")
    preview = case.preview()
    case.paper.users.pop(person("cyd").object_id)
    case.change("ada", enabled=False)
    held = case.sync()
    case.change("cyd")
    case.office.hire(CLIENTS[0], "Cyd", "cyd@contoso.example")
    case.apply(preview)
    assert ("create", "stale") in case.rows(preview)
    assert case.rows(held) == [("inactivate", "held")]


def test_what_a_preview_that_is_applied_late_holds_waits_thirty_days_from_then_on(
    case: Case,
) -> None:
    case.save(guard=HOLD_LEAVERS)
    case.sync()
    case.change("ada", enabled=False)
    preview = case.preview()
    case.engine.clock.move(days=31)
    case.apply(preview)
    discard = DiscardLapsed(case.engine.context)
    case.engine.clock.move(days=29)
    case.stage.run(discard(case.engine.tenant_id))
    assert ("inactivate", "held") in case.rows(preview)
    case.engine.clock.move(days=2)
    case.stage.run(discard(case.engine.tenant_id))
    assert ("inactivate", "discarded") in case.rows(preview)


def test_what_later_runs_took_back_and_did_again_is_not_undone_with_the_first(
    case: Case,
) -> None:
    runs = []
    for enabled in (False, True, False):
        case.change("ada", enabled=enabled)
        runs.append(case.sync())
    undo = case.undo(runs[0])
    assert case.rows(undo) == [("none", "planned")]
    assert case.kept(undo) == [
        {"kept": {"active": "changed_by_later_run"}, "runId": str(runs[2])},
    ]


def test_what_later_runs_do_again_before_an_undo_is_applied_is_not_undone(case: Case) -> None:
    case.change("ada", enabled=False)
    undo = case.undo(case.sync())
    case.change("ada", enabled=True)
    case.sync()
    case.change("ada", enabled=False)
    youngest = case.sync()
    case.apply(undo)
    (row,) = case.office.state().of_run(undo)
    assert (row["state"], row["note"]) == (
        "stale",
        {"found": "changed_by_later_run", "runId": str(youngest)},
    )


def test_who_is_undone_and_pinned_stays_undone_when_an_older_plan_is_applied(case: Case) -> None:
    case.change("cyd")
    preview = case.preview()
    case.apply(case.undo(case.sync()))
    cyd = person("cyd").object_id
    case.office.pin("ignore_identity", directory=DIRECTORIES[0], object_id=cyd)
    case.apply(preview)
    assert ("create", "stale") in case.rows(preview)
    assert case.verdict("cyd") == "undone"


def test_runs_are_undone_from_the_youngest_to_the_oldest(case: Case) -> None:
    runs = []
    for enabled in (False, True, False):
        case.change("ada", enabled=enabled)
        runs.append(case.sync())
    undone = [("reactivate", "applied"), ("inactivate", "applied"), ("reactivate", "applied")]
    for run_id, row in zip(reversed(runs), undone, strict=True):
        undo = case.undo(run_id)
        case.apply(undo)
        assert case.rows(undo) == [row]
    assert case.contact("ada")["active"]


def test_contacts_that_a_later_run_moved_are_not_undone_with_their_creation(case: Case) -> None:
    case.change("cyd")
    first = case.sync()
    case.map(CLIENTS[1])
    moved = case.sync()
    undo = case.undo(first)
    assert case.kept(undo) == [
        {
            "kept": {"active": "changed_by_later_run", "link": "changed_by_later_run"},
            "runId": str(moved),
        },
    ]
    case.apply(case.undo(moved))
    undo = case.undo(first)
    case.apply(undo)
    assert case.rows(undo) == [("inactivate", "applied")]


def test_an_overwrite_beside_a_move_that_waits_stays_discarded(case: Case) -> None:
    case.save(guard={}, role="directory_wins")
    case.sync()
    case.save(guard=HOLD_ALL, role="directory_wins")
    case.map(CLIENTS[1])
    case.change("ada", job_title="Two")
    held = case.sync()
    rows = case.office.state().of_run(held)
    (overwrite,) = [UUID(str(row["id"])) for row in rows if row["kind"] == "update"]
    assert case.stage.run(case.engine.discard(held, change_ids=[overwrite])) == 1
    assert case.rows(case.sync()) == []
    case.stage.run(case.engine.approve(held, [CUSTOMERS[0]]))
    assert case.rows(case.sync()) == []
    ada = case.contact("ada")
    assert (ada["client"], ada["role"]) == (str(CLIENTS[1]), "Engineer")


def test_an_overwrite_that_comes_to_a_move_that_waits_waits_for_it(case: Case) -> None:
    case.save(guard=HOLD_ALL, role="directory_wins")
    case.map(CLIENTS[1])
    case.change("ada", job_title="Two")
    waiting = case.sync()
    assert case.rows(waiting) == [("move", "held"), ("update", "held"), ("move", "held")]
    case.save(guard=HOLD_ALL)
    case.sync()
    case.save(guard=HOLD_ALL, role="directory_wins")
    assert case.rows(case.sync()) == []
    case.change("ada", job_title="Three")
    assert case.rows(case.sync()) == []
    case.nothing_is_left()
    case.save(guard={}, role="directory_wins")
    case.stage.run(case.engine.approve(waiting, [CUSTOMERS[0]]))
    assert case.rows(case.sync()) == [("update", "applied")]
    assert (case.contact("ada")["client"], case.contact("ada")["role"]) == (
        str(CLIENTS[1]),
        "Three",
    )
    case.nothing_is_left()


def test_what_changed_with_a_move_is_followed_by_the_rules(case: Case) -> None:
    case.save(guard={}, role="directory_wins")
    case.sync()
    case.map(CLIENTS[1])
    case.change("ada", job_title="Two")
    case.sync()
    case.sync()
    assert case.contact("ada")["role"] == "Two"


def test_questions_about_people_without_a_contact_who_are_gone_are_closed(case: Case) -> None:
    case.change("cyd", mail="ada@contoso.example")
    case.sync()
    assert case.verdict("cyd") == "queued"
    case.engine.clock.move(days=8)
    case.paper.delete(person("cyd").object_id, purge=True)
    case.directory.capabilities = replace(case.directory.capabilities, delta=False)
    case.sync()
    assert not case.office.state().items


def test_a_conflict_that_is_met_when_linking_is_asked_about(case: Case) -> None:
    case.office.hire(CLIENTS[0], "Cyd", "cyd@contoso.example")
    case.office.edit(str(case.contact("cyd")["id"]), "role", "Local")
    case.save(guard={}, role="ask")
    case.change("cyd")
    case.sync()
    assert [item["reason"] for item in case.office.state().items.values()] == ["field_conflict"]


@pytest.mark.parametrize("crash_at", range(18, 30))
def test_who_is_listed_again_after_a_crash_is_as_he_came_last(
    case: Case, crash_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = ["carl", "dora", "emil", "fred", "gina"]
    for local in everybody:
        case.change(local)
    listed = PaperDirectory.user_pages
    again = msgspec.structs.replace(person("carl"), display_name="Carl, once more")

    async def listed_again(
        directory: PaperDirectory, entra_tenant_id: EntraTenantId, **how: Any
    ) -> AsyncGenerator[UserPage, None]:
        async for page in listed(directory, entra_tenant_id, **how):
            last = page.next_link is None
            yield replace(
                page,
                users=(*page.users, again) if last else page.users,
                digests=(*page.digests, bytes(16)) if last else page.digests,
            )

    monkeypatch.setattr(PaperDirectory, "user_pages", listed_again)
    case.save(guard={"graceDays": 1})  # another policy: everybody is read and planned

    run_id = case.stage.run(case.engine.start())
    case.stage.run(case.engine.carry_out(run_id, crash_at=crash_at))

    assert case.engine.crashes == 1
    assert case.rows(run_id) == [("create", "applied")] * len(everybody)
    assert case.contact("carl")["displayName"] == "Carl, once more"


@pytest.mark.parametrize("pages", [1, 2])
def test_changes_of_one_user_that_come_one_by_one_add_up(
    case: Case, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.save(guard={}, role="directory_wins")
    case.sync()
    case.sync()
    bob = case.paper.users[person("bob").object_id]
    case.change("bob", enabled=False, job_title="Chief")
    now = case.paper.users[bob.object_id]
    changes = [
        PaperChange(object_id=bob.object_id, user=now, given=frozenset({name}))
        for name in ("enabled", "job_title")
    ]

    async def one_by_one(
        directory: PaperDirectory, entra_tenant_id: EntraTenantId, link: str
    ) -> AsyncGenerator[ChangePage, None]:
        if pages == 2 and link != "delta:0:second":
            yield ChangePage(
                changes=tuple(changes[:1]), next_link="delta:0:second", delta_link=None
            )
        left = changes if pages == 1 else changes[1:]
        yield ChangePage(changes=tuple(left), next_link=None, delta_link="delta:9")

    monkeypatch.setattr(PaperDirectory, "changes", one_by_one)
    run = case.sync()
    assert not case.contact("bob")["active"]
    assert case.rows(run) == [("inactivate", "applied")]


def test_who_is_listed_on_two_pages_is_counted_once(case: Case) -> None:
    for local in ("carl", "dora", "emil"):
        case.change(local)
    case.change("emil", enabled=False)
    case.capable(delta=False)
    case.sync()
    case.sync()
    case.paper.faults.append("duplicates")
    run = case.sync()
    (part,) = [part for part in case.office.state().parts if part["run_id"] == str(run)]
    assert part["users_read"] == 5
    assert (part["unchanged"], part["filtered"]) == (4, 1)


def test_who_waits_already_counts_as_unchanged_however_many_pages_are_read(case: Case) -> None:
    for number in range(30):
        case.change(f"p{number}")
    case.capable(delta=False)
    case.save(guard={"inactivateMin": 0, "inactivatePercent": 0})
    case.sync()
    case.change("p25", enabled=False)
    case.sync()
    run = case.sync()
    (part,) = [part for part in case.office.state().parts if part["run_id"] == str(run)]
    assert (part["users_read"], part["unchanged"]) == (32, 32)


def test_who_is_undone_run_by_run_wakes_once_all_is_resumed(case: Case) -> None:
    case.save(guard={}, displayName="directory_wins")
    case.change("cyd")
    first = case.sync()
    case.change("cyd", display_name="Cyd Newman")
    second = case.sync()
    for run in (first, second):
        case.apply(case.undo(run))
    assert not case.contact("cyd")["active"]
    for run in (first, second):
        case.stage.run(Desk(case.engine).resume(run, None))
    case.sync()
    assert case.contact("cyd")["active"]


def test_a_contact_that_an_undo_made_active_counts_as_inactive_no_more(case: Case) -> None:
    case.change("ada", enabled=False)
    run = case.sync()
    link = case.office.state().links[str(DIRECTORIES[0]), str(person("ada").object_id)]
    assert link["inactive_version"] == case.contact("ada")["version"]
    case.apply(case.undo(run))
    assert case.contact("ada")["active"]
    link = case.office.state().links[str(DIRECTORIES[0]), str(person("ada").object_id)]
    assert link["inactive_version"] is None
