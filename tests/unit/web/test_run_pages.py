"""How runs and their rows are told, and what can be done to a run as it stands."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

import entra_plugin.application
from entra_plugin.application.clients import KnownClients
from entra_plugin.application.run_history import Named, Standing
from entra_plugin.application.runs import RunDetails
from entra_plugin.domain.ids import (
    ChangeId,
    ClientId,
    ContactId,
    EntraTenantId,
    ManagedTenantId,
    ObjectId,
    RunId,
)
from entra_plugin.domain.states import ChangeKind, ChangeState, RunState, RunType, Trigger
from entra_plugin.resources import locale
from entra_plugin.store.changes import ChangeRow
from entra_plugin.store.run_rows import Tally
from entra_plugin.store.runs import Run
from entra_plugin.web.pages.run import _pages
from entra_plugin.web.pages.run_questions import PER_CUSTOMER, is_settling, offers, question
from entra_plugin.web.pages.run_rows import FOUND, TONES, ShownRow, in_words
from entra_plugin.web.pages.run_view import Ask, Part, Scope, View
from entra_plugin.web.pages.run_words import counts_of, took, why
from support.builders import client, contact

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
ENGLISH = locale("en")
ONE, OTHER = ManagedTenantId(uuid4()), ManagedTenantId(uuid4())
ALL = Part()


def run(type_: RunType = RunType.ALL, state: RunState = RunState.COMPLETED, **other: object) -> Run:
    values: dict[str, object] = {
        "run_id": RunId(uuid4()),
        "type": type_,
        "trigger": Trigger.MANUAL,
        "state": state,
        "state_reason": None,
        "actor_id": None,
        "actor_name": None,
        "client_id": None,
        "workflow_id": "w",
        "progress": None,
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": NOW + timedelta(seconds=75),
        "applied_at": None,
        "waiting_until": None,
        "failure": None,
        "counts": {},
    }
    return Run(**(values | other))  # type: ignore[arg-type]


def details(of: Run) -> RunDetails:
    return RunDetails(run=of, tenants=())


def tally(
    kind: ChangeKind, state: ChangeState, number: int = 1, of: ManagedTenantId = ONE
) -> Tally:
    return Tally(managed_tenant_id=of, kind=kind, state=state, number=number)


HELD = Standing(
    rows=[
        tally(ChangeKind.INACTIVATE, ChangeState.HELD, 3),
        tally(ChangeKind.UPDATE, ChangeState.HELD, 2, OTHER),
        tally(ChangeKind.CREATE, ChangeState.APPLIED, 4, OTHER),
    ]
)
PLANNED = Standing(
    rows=[
        tally(ChangeKind.CREATE, ChangeState.PLANNED, 5),
        tally(ChangeKind.NONE, ChangeState.PLANNED, 9),
    ]
)
NOTHING = Standing(rows=[tally(ChangeKind.NONE, ChangeState.PLANNED, 9)])
UNDONE = Standing(rows=[tally(ChangeKind.CREATE, ChangeState.UNDONE)], left_alone={ONE: 2})


@pytest.mark.parametrize(
    ("found", "standing", "wanted"),
    [
        (run(state=RunState.RUNNING, finished_at=None), HELD, (Ask.CANCEL,)),
        (run(state=RunState.HELD), HELD, (Ask.APPROVE, Ask.DISCARD, Ask.UNDO)),
        (run(), NOTHING, ()),
        (run(), UNDONE, (Ask.RESUME,)),
        (run(RunType.PREVIEW), PLANNED, (Ask.APPLY,)),
        (run(RunType.UNDO), PLANNED, (Ask.APPLY,)),
        (run(RunType.PREVIEW), NOTHING, ()),
        (run(RunType.PREVIEW, what_if={"fieldSyncConfig": {}}), PLANNED, ()),
        (run(RunType.PREVIEW, RunState.FAILED), PLANNED, ()),
        (run(RunType.PREVIEW, applied_at=NOW), HELD, (Ask.APPROVE, Ask.DISCARD, Ask.UNDO)),
        (run(RunType.PREVIEW, RunState.RUNNING), PLANNED, (Ask.CANCEL,)),
        (run(RunType.UNDO, applied_at=NOW), UNDONE, (Ask.RESUME,)),
        (run(RunType.DISCOVERY, RunState.QUEUED, finished_at=None), Standing(), (Ask.CANCEL,)),
        (run(RunType.VALIDATION), Standing(), ()),
    ],
)
def test_only_what_the_state_allows_is_offered(
    found: Run, standing: Standing, wanted: tuple[Ask, ...]
) -> None:
    assert offers(found, standing) == wanted


def test_of_a_customer_only_what_it_has_is_offered() -> None:
    third = ManagedTenantId(uuid4())
    standing = HELD.only([ONE, OTHER, third])
    held = run(state=RunState.HELD)
    assert offers(held, standing[ONE], PER_CUSTOMER) == (Ask.APPROVE, Ask.DISCARD)
    assert offers(held, standing[OTHER], PER_CUSTOMER) == (Ask.APPROVE, Ask.DISCARD, Ask.UNDO)
    assert offers(held, standing[third], PER_CUSTOMER) == ()
    assert offers(run(), UNDONE.only([ONE, third])[third], PER_CUSTOMER) == ()
    assert offers(run(state=RunState.RUNNING), standing[ONE], PER_CUSTOMER) == ()


def test_a_question_counts_what_it_is_about() -> None:
    held = details(run(state=RunState.HELD))
    every = question(Ask.APPROVE, ALL, held, HELD, ENGLISH)
    assert every is not None
    assert every.sentences[0] == "5 held changes will be applied."
    assert every.kinds == {ChangeKind.INACTIVATE: 3, ChangeKind.UPDATE: 2}
    rows = [ChangeId(uuid4()) for _ in range(2)]
    chosen = Part(of=Scope.CHOSEN, chosen=rows)
    some = question(Ask.DISCARD, chosen, held, HELD, ENGLISH)
    assert some is not None
    assert some.sentences[0] == "2 held changes will never be applied."
    assert some.part.change_ids == rows
    assert question(Ask.DISCARD, Part(of=Scope.CHOSEN), held, HELD, ENGLISH) is None
    assert question(Ask.APPLY, ALL, held, HELD, ENGLISH) is None


def test_there_is_no_question_about_less_than_can_be_done() -> None:
    rows = Part(of=Scope.CHOSEN, chosen=[ChangeId(uuid4())])
    done = details(run(state=RunState.HELD))
    assert question(Ask.UNDO, rows, done, HELD, ENGLISH) is None
    running = details(run(state=RunState.RUNNING))
    assert question(Ask.CANCEL, ALL, running, HELD, ENGLISH) is not None
    assert question(Ask.CANCEL, Part(of=ONE), running, HELD, ENGLISH) is None


@pytest.mark.parametrize(
    ("found", "beginning"),
    [
        (run(state=RunState.RUNNING), "What it has applied stays"),
        (run(RunType.DISCOVERY, RunState.RUNNING), "What it has found so far stays"),
        (run(RunType.PREVIEW, RunState.RUNNING, finished_at=None), "It only plans"),
        (run(RunType.PREVIEW, RunState.RUNNING), "What it has applied stays"),
        (run(RunType.UNDO, RunState.RUNNING), "What it has put back stays so"),
    ],
)
def test_who_stops_a_run_is_told_what_stays(found: Run, beginning: str) -> None:
    asked = question(Ask.CANCEL, ALL, details(found), Standing(), ENGLISH)
    assert asked is not None
    assert asked.sentences[0].startswith(beginning)


def test_a_held_run_settles_while_what_was_approved_is_planned() -> None:
    assert is_settling(run(state=RunState.HELD), PLANNED)
    assert not is_settling(run(state=RunState.HELD), HELD)
    assert not is_settling(run(RunType.PREVIEW), PLANNED), "it waits for a person"
    assert not is_settling(run(state=RunState.HELD), NOTHING)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (run(), "1 min 15 s"),
        (run(finished_at=NOW), "0 s"),
        (run(finished_at=NOW + timedelta(hours=30, minutes=2)), "30 h 2 min"),
        (run(state=RunState.RUNNING, finished_at=None), "10 min 0 s"),
        (run(state=RunState.CANCELLED, started_at=None), None),
        (run(RunType.UNDO), "1 min 15 s"),
        (run(RunType.UNDO, applied_at=NOW), None),
        (run(RunType.UNDO, RunState.RUNNING), None),
    ],
)
def test_how_long_a_run_took(found: Run, words: str | None) -> None:
    assert took(found, NOW + timedelta(minutes=10), ENGLISH) == words


def test_reasons_of_states_are_sentences_or_nothing() -> None:
    assert why("paused", ENGLISH) == "The customer is paused."
    assert why("feature_off", ENGLISH) == "The integration is switched off for this tenant."
    assert why("no_managed_tenants", ENGLISH) == "No managed tenants were found."
    assert why("something_else", ENGLISH) is None
    assert why(None, ENGLISH) is None


def test_every_finding_that_is_noted_has_words() -> None:
    folder = Path(entra_plugin.application.__file__).parent
    sources = "".join(path.read_text("utf-8") for path in folder.rglob("*.py"))
    assert set(re.findall(r'"found": "(\w+)"', sources)) == FOUND


def test_every_state_of_a_row_is_drawn() -> None:
    assert set(TONES) == set(ChangeState)


NEW, OLD = client("New Ltd"), client("Old Ltd")
ANNA = contact("anna")
NAMED = Named(
    contacts={ANNA.contact_id: ANNA},  # type: ignore[dict-item]
    clients=KnownClients(by_id={NEW.client_id: NEW, OLD.client_id: OLD}),  # type: ignore[dict-item]
)


def row(kind: ChangeKind, reason: str, **other: object) -> ShownRow:
    values: dict[str, object] = {
        "change_id": ChangeId(uuid4()),
        "managed_tenant_id": ONE,
        "entra_tenant_id": EntraTenantId(uuid4()),
        "object_id": ObjectId(uuid4()),
        "client_id": ClientId(uuid4()),
        "contact_id": None,
        "kind": kind,
        "state": ChangeState.APPLIED,
        "reason": reason,
        "label": "anna@x.example",
        "before": None,
        "after": None,
        "note": None,
        "candidates": (),
    }
    change = ChangeRow(**(values | other))  # type: ignore[arg-type]
    return in_words(change, customer="X", named=NAMED, texts=ENGLISH)


def fields(shown: ShownRow) -> Mapping[str, tuple[str | None, str | None]]:
    return {field.label: (field.before, field.after) for field in shown.fields}


def notes(**note: object) -> list[str]:
    shown = row(ChangeKind.UPDATE, "fields_changed", note=note)
    return [told.words for told in shown.notes]


def test_a_new_contact_is_told_without_what_is_empty_and_in_a_fixed_order() -> None:
    phones = [{"type": "work", "number": "1"}, {"type": "mobile", "number": "2"}]
    after = {"active": True, "role": None, "phones": phones, "email": "a@x", "fullName": "Anna"}
    shown = row(ChangeKind.CREATE, "created", after=after)
    told = [(field.label, field.before, field.after) for field in shown.fields]
    assert told == [
        ("Full name", None, "Anna"),
        ("E-mail", None, "a@x"),
        ("Phones", None, "1, 2"),
    ]


def test_before_and_after_are_in_words() -> None:
    shown = row(ChangeKind.UPDATE, "fields_changed", before={"role": None}, after={"role": "CEO"})
    assert fields(shown) == {"Job title": ("empty", "CEO")}
    shown = row(
        ChangeKind.INACTIVATE, "disabled_upstream", before={"active": True}, after={"active": False}
    )
    assert fields(shown) == {"State": ("active", "inactive")}
    nobody = str(uuid4())
    shown = row(
        ChangeKind.MOVE,
        "remapped",
        before={"clientId": str(OLD.client_id)},
        after={"clientId": nobody},
    )
    assert fields(shown) == {"Client": ("Old Ltd", "A client that no longer exists")}


def test_a_conflict_says_what_is_here_and_what_is_there() -> None:
    sides = {"role": {"local": "Boss", "directory": "Clerk"}}
    shown = row(ChangeKind.QUEUE, "field_conflict", after={"fields": sides})
    assert fields(shown) == {"Job title": (None, "Boss here, Clerk there")}


def test_what_an_undo_keeps_is_told_with_the_run_that_came_later() -> None:
    later = uuid4()
    kept = {"role": "changed_by_later_run", "link": "pinned"}
    shown = row(
        ChangeKind.NONE,
        "pinned",
        before={"role": "Boss", "link": None},
        note={"kept": kept, "runId": str(later)},
    )
    assert [(note.words, note.run_id) for note in shown.notes] == [
        ("Job title: A later run changed it, so it is kept as it is", later),
        ("Link: A pin says to leave this alone", None),
    ]
    assert fields(shown) == {"Job title": ("Boss", None), "Link": ("nobody", None)}


def test_why_a_row_is_stale_failed_or_discarded_is_told() -> None:
    assert notes(found="changed", now={"role": "Boss"}) == [
        "The contact was changed meanwhile. There is now: Job title: Boss."
    ]
    assert notes(found="never heard of") == []
    assert notes(code="rejected_by_host", hostCode="too_long") == [
        "The platform refused to store the contact. Look at the contact in the platform, and try"
        " again. (too_long)"
    ]
    assert notes(discarded="lapsed") == ["Nobody decided on it for 30 days."]
    assert notes(maybeSharedMailbox=True) == ["Perhaps turned into a shared mailbox."]
    assert notes(lookAlikes=[str(uuid4())]) == ["1 contact of this client has the same name."]


def test_a_note_leads_to_its_contact() -> None:
    other = ContactId(uuid4())
    shown = row(
        ChangeKind.CREATE,
        "created",
        state=ChangeState.STALE,
        note={"found": "exists", "contactId": str(other)},
    )
    assert [note.contact_id for note in shown.notes] == [other]


def test_an_undone_row_says_that_it_puts_back() -> None:
    shown = row(ChangeKind.INACTIVATE, "undone", source_change_id=ChangeId(uuid4()))
    assert shown.reason == "Puts back what that run did"
    alone = row(ChangeKind.NONE, "guest", note={"verdict": "filtered"})
    assert alone.reason == "Left out: A guest of that directory"


def test_an_address_keeps_what_is_looked_at() -> None:
    view = View(customer=ManagedTenantId(UUID(int=7)), q="a&b", page=2, cursor="c")
    assert view.query() == f"customer={UUID(int=7)}&q=a%26b&cursor=c&page=2"
    assert view.query(cursor=None, page=3) == f"customer={UUID(int=7)}&q=a%26b&page=3"
    assert View().query() == ""


@pytest.mark.parametrize(
    ("total", "page", "wanted"),
    [
        (0, 1, (1, 0, None, None)),
        (50, 1, (1, 50, None, None)),
        (51, 1, (1, 50, None, 2)),
        (51, 9, (51, 51, 1, None)),
        (120, 2, (51, 100, 1, 3)),
    ],
)
def test_customers_are_shown_fifty_at_a_time(
    total: int, page: int, wanted: tuple[int, int, int | None, int | None]
) -> None:
    found = _pages(total, page)
    assert (found.first_row, found.last_row, found.before, found.after) == wanted


def test_what_came_of_a_check_is_what_it_found() -> None:
    """Other runs are told by what they did, whatever they have as progress."""
    progress = {"listed": 8, "checked": 8, "failed": 1, "new": 0, "gone": 2, "steps": []}
    done = {"created": 3}
    discovery = run(RunType.DISCOVERY, RunState.PARTIAL, progress=progress, counts=done)
    assert counts_of(discovery) == {"checked": 8, "failed": 1, "new": 0, "gone": 2}
    assert counts_of(run(RunType.VALIDATION, progress={"checked": 5, "failed": 0})) == {
        "checked": 5,
        "failed": 0,
    }
    assert counts_of(run(RunType.VALIDATION)) == {}
    assert counts_of(run(progress=progress, counts=done)) == done
