"""The inverse of each row, where what the run wrote is still there; what is kept, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from entra_plugin.domain.ids import ChangeId, ContactId, ObjectId, RunId
from entra_plugin.domain.matching import Candidate
from entra_plugin.domain.pins import NO_PINS, Pins
from entra_plugin.domain.states import ChangeKind, FieldName, VerdictReason
from entra_plugin.domain.undoing import (
    INVERTIBLE,
    Inverse,
    Later,
    Present,
    Source,
    forbidden,
    invert,
    opened_link,
    touches,
)
from support.builders import CLIENT, NOW, OTHER_CLIENT, RUN, contact, guid

ADA = ObjectId(guid("ada"))
LATER_RUN, YOUNGEST_RUN = RunId(guid("later")), RunId(guid("youngest"))
X = ContactId(contact("x").contact_id)


def source(
    kind: ChangeKind,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    reason: VerdictReason = VerdictReason.FIELDS_CHANGED,
) -> Source:
    """A row that the run applied to Ada and her contact."""
    return Source(
        change_id=ChangeId(guid(kind)),
        object_id=ADA,
        client_id=CLIENT,
        contact_id=X,
        kind=kind,
        reason=reason,
        label="ada@contoso.example",
        search_key="ada",
        before=before or {},
        after=after or {},
        applied_at=NOW,
    )


CREATE = source(ChangeKind.CREATE, after={"fullName": "Ada", "active": True})
LINK = source(ChangeKind.LINK, before={"active": True}, after={"active": True})
INACTIVATE = source(ChangeKind.INACTIVATE, before={"active": True}, after={"active": False})
REACTIVATE = source(ChangeKind.REACTIVATE, before={"active": False}, after={"active": True})
MOVE = source(
    ChangeKind.MOVE,
    before={"clientId": str(OTHER_CLIENT), "active": False},
    after={"clientId": str(CLIENT), "active": True},
)
UPDATE = source(
    ChangeKind.UPDATE,
    before={"displayName": "Ada Old", "mobile": None},
    after={"displayName": "Ada", "mobile": "+1 5"},
)
WRITTEN = {FieldName.DISPLAY_NAME: "Ada", FieldName.MOBILE: "+1 5"}


def of(
    row: Source,
    *,
    now: Candidate | None = None,
    linked: bool = True,
    later: Sequence[Later] = (),
    pins: Pins = NO_PINS,
    gone: bool = False,
) -> list[Inverse]:
    """What undoing one row comes to."""
    there = now or contact("x", active=row.kind != ChangeKind.INACTIVATE, values=WRITTEN)
    return invert(
        RUN,
        [row],
        Present(
            contacts={} if gone else {X: there},
            links={ADA: X} if linked else {},
            later={ADA: later},
            pins=pins,
        ),
    )


@pytest.mark.parametrize(
    ("row", "kind", "before", "after"),
    [
        (CREATE, ChangeKind.INACTIVATE, {"active": True}, {"active": False}),
        (REACTIVATE, ChangeKind.INACTIVATE, {"active": True}, {"active": False}),
        (INACTIVATE, ChangeKind.REACTIVATE, {"active": False}, {"active": True}),
        (LINK, ChangeKind.CLOSE_LINK, None, None),
        (MOVE, ChangeKind.MOVE, MOVE.after, MOVE.before),
        (UPDATE, ChangeKind.UPDATE, UPDATE.after, UPDATE.before),
    ],
)
def test_every_kind_has_its_inverse(
    row: Source, kind: ChangeKind, before: object, after: object
) -> None:
    (inverse,) = of(row)
    assert (inverse.kind, inverse.before, inverse.after) == (kind, before, after)
    assert (inverse.reason, inverse.source) == (VerdictReason.UNDONE, row)


@pytest.mark.parametrize("kind", sorted(set(ChangeKind) - INVERTIBLE))
def test_a_question_and_a_link_to_nobody_have_none(kind: ChangeKind) -> None:
    assert of(source(kind)) == []


@pytest.mark.parametrize("row", [CREATE, REACTIVATE, INACTIVATE, MOVE, UPDATE])
def test_a_contact_that_is_gone_is_left_so(row: Source) -> None:
    (kept,) = of(row, gone=True)
    assert (kept.kind, kept.reason) == (ChangeKind.NONE, VerdictReason.EDITED_SINCE)


@pytest.mark.parametrize(
    ("row", "now"),
    [
        (CREATE, contact("x", active=False)),
        (REACTIVATE, contact("x", active=False)),
        (INACTIVATE, contact("x", active=True)),
        (MOVE, contact("x", client_id=OTHER_CLIENT)),
        (MOVE, contact("x", active=False)),
    ],
)
def test_what_is_not_as_the_run_left_it_is_kept(row: Source, now: Candidate) -> None:
    (kept,) = of(row, now=now)
    assert (kept.kind, kept.reason) == (ChangeKind.NONE, VerdictReason.EDITED_SINCE)


def test_fields_are_kept_one_by_one() -> None:
    edited = contact("x", values={**WRITTEN, FieldName.DISPLAY_NAME: "By hand"})
    back, kept = of(UPDATE, now=edited)
    assert (back.before, back.after) == ({"mobile": "+1 5"}, {"mobile": None})
    assert kept.before == {"displayName": "By hand"}
    assert kept.note == {"kept": {"displayName": "edited_since"}}


def test_the_youngest_later_run_that_touched_the_field_is_named() -> None:
    edited = contact("x", values={**WRITTEN, FieldName.DISPLAY_NAME: "By hand"})
    name = frozenset({"displayName"})
    hour = timedelta(hours=1)
    runs = [
        Later(run_id=RunId(guid("earlier")), applied_at=NOW - hour, fields=name),
        Later(run_id=LATER_RUN, applied_at=NOW + hour, fields=name),
        Later(run_id=YOUNGEST_RUN, applied_at=NOW + 2 * hour, fields=name),
        Later(run_id=RunId(guid("x")), applied_at=NOW + 3 * hour, fields=frozenset({"email"})),
    ]
    _, kept = of(UPDATE, now=edited, later=runs)
    assert kept.reason == VerdictReason.CHANGED_BY_LATER_RUN
    assert kept.note is not None
    assert kept.note["runId"] == str(YOUNGEST_RUN)
    (alone, _) = of(UPDATE, now=edited, later=[replace(runs[0])])
    assert alone.kind == ChangeKind.UPDATE


def test_what_a_later_run_wrote_is_kept_even_if_it_wrote_the_same() -> None:
    again = Later(
        run_id=LATER_RUN, applied_at=NOW + timedelta(hours=1), fields=frozenset({"displayName"})
    )
    back, kept = of(UPDATE, later=[again])
    assert back.after == {"mobile": None}
    assert kept.note == {
        "kept": {"displayName": "changed_by_later_run"},
        "runId": str(LATER_RUN),
    }


@pytest.mark.parametrize("row", [CREATE, LINK, INACTIVATE, REACTIVATE, MOVE])
def test_what_a_later_run_wrote_is_kept_as_a_whole(row: Source) -> None:
    hour = timedelta(hours=1)
    later = Later(run_id=LATER_RUN, applied_at=NOW + hour, fields=touches(row.kind, {}))
    (kept,) = of(row, later=[later])
    assert (kept.kind, kept.reason) == (ChangeKind.NONE, VerdictReason.CHANGED_BY_LATER_RUN)
    assert [r.kind for r in of(row, later=[replace(later, applied_at=NOW - hour)])] != [kept.kind]


def test_what_a_later_run_wrote_and_an_undo_took_back_is_as_if_it_had_not_been() -> None:
    hour = timedelta(hours=1)
    taken_back = Later(
        run_id=LATER_RUN,
        applied_at=NOW + 2 * hour,
        fields=frozenset({"active"}),
        reverts=NOW + hour,
    )
    assert [r.kind for r in of(INACTIVATE, later=[taken_back])] == [ChangeKind.REACTIVATE]
    (kept,) = of(INACTIVATE, later=[replace(taken_back, reverts=NOW - hour)])
    assert kept.reason == VerdictReason.CHANGED_BY_LATER_RUN


@pytest.mark.parametrize("row", [CREATE, LINK, INACTIVATE, REACTIVATE, MOVE, UPDATE])
@pytest.mark.parametrize("pins", [Pins(hands_off=frozenset({X})), Pins(ignored=frozenset({ADA}))])
def test_a_pin_beats_an_undo(row: Source, pins: Pins) -> None:
    (kept,) = of(row, pins=pins)
    assert (kept.kind, kept.reason) == (ChangeKind.NONE, VerdictReason.PINNED)


def test_keep_active_forbids_what_makes_inactive_alone() -> None:
    pins = Pins(keep_active=frozenset({X}))
    kept = {row.kind for row in (CREATE, REACTIVATE, MOVE) if of(row, pins=pins)[0].note}
    assert kept == {ChangeKind.CREATE, ChangeKind.REACTIVATE, ChangeKind.MOVE}
    assert [r.kind for r in of(INACTIVATE, pins=pins)] == [ChangeKind.REACTIVATE]
    stays = source(
        ChangeKind.MOVE,
        before={"clientId": str(OTHER_CLIENT), "active": True},
        after={"clientId": str(CLIENT), "active": True},
    )
    assert [r.kind for r in of(stays, pins=pins)] == [ChangeKind.MOVE]


def test_a_locked_field_stays_and_the_others_go_back() -> None:
    pins = Pins(locked={X: frozenset({"displayName"})})
    back, kept = of(UPDATE, pins=pins)
    assert set(back.after or ()) == {"mobile"}
    assert kept.reason == VerdictReason.PINNED
    assert forbidden(ChangeKind.UPDATE, ADA, X, {"displayName": None}, pins)
    assert not forbidden(ChangeKind.UPDATE, ADA, X, {"mobile": None}, pins)


def test_several_rows_of_one_identity_are_one_row_of_each_kind() -> None:
    present = Present(
        contacts={X: contact("x", values={FieldName.DISPLAY_NAME: "Z", FieldName.MOBILE: "1"})},
        links={},
        later={},
        pins=NO_PINS,
    )
    (kept,) = invert(RUN, [LINK, UPDATE], present)
    assert kept.note == {"kept": dict.fromkeys(("link", "displayName", "mobile"), "edited_since")}
    assert invert(RUN, [LINK, UPDATE], present) == [kept], "a repeated attempt repeats its rows"


def test_only_what_made_a_contact_ours_closes_its_link() -> None:
    assert opened_link(ChangeKind.CREATE, VerdictReason.CREATED)
    assert opened_link(ChangeKind.REACTIVATE, VerdictReason.RESUMED)
    assert not opened_link(ChangeKind.REACTIVATE, VerdictReason.ENABLED_UPSTREAM)
    assert not opened_link(ChangeKind.MOVE, VerdictReason.REMAPPED)


def test_what_a_row_touches() -> None:
    touched = {kind: touches(kind, {"email": "x"}) for kind in ChangeKind}
    assert touched[ChangeKind.UPDATE] == {"email"}
    assert touched[ChangeKind.MOVE] == {"clientId", "active", "link"}
    assert touched[ChangeKind.QUEUE] == touched[ChangeKind.NONE] == set()
    assert all("active" in touched[k] for k in (ChangeKind.CREATE, ChangeKind.INACTIVATE))
