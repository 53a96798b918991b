"""Every identity gets exactly one verdict, whatever the directory says and in whatever order."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.directory.microsoft.wire import User, decode, to_user
from entra_plugin.domain.filters import Filters
from entra_plugin.domain.identity import DirectoryUser, fingerprint
from entra_plugin.domain.ids import ContactId, ObjectId
from entra_plugin.domain.matching import Index
from entra_plugin.domain.planning import Known, PagePlan, Remembered, read, set_aside_unchanged
from entra_plugin.domain.states import ChangeKind, DecisionKind, Verdict, VerdictReason
from support.builders import guid, plan_of, user
from support.strategies import (
    anything,
    directory_users,
    filters,
    hostile,
    indexes,
    object_ids,
)

users = st.lists(directory_users(), max_size=8)
known = st.dictionaries(
    object_ids,
    st.builds(
        Known,
        acted=st.none() | st.just(b"x"),
        verdict=st.sampled_from(Verdict),
        reason=st.sampled_from(VerdictReason),
        linked=st.none() | st.just(ContactId(guid("linked"))),
        question=st.none(),
    ),
    max_size=6,
)
decisions = st.dictionaries(
    object_ids,
    st.builds(
        Remembered,
        kind=st.sampled_from([DecisionKind.IGNORED, DecisionKind.UNDONE, DecisionKind.DISMISSED]),
        contact_id=st.none(),
    ),
    max_size=4,
)


def verdicts(plan: PagePlan) -> list[ObjectId]:
    """Whose verdict a plan gives, once per verdict."""
    changed = [change.user.object_id for change in plan.changes]
    return changed + [one.user.object_id for one in plan.settled]


def rows(plan: PagePlan) -> set[bytes]:
    """A plan's rows, without their order."""
    return {msgspec.msgpack.encode(row) for row in (*plan.changes, *plan.settled)}


@given(users, indexes, known, decisions, filters)
def test_every_identity_gets_exactly_one_verdict(
    page: list[DirectoryUser],
    index: Index,
    held: dict[ObjectId, Known],
    decided: dict[ObjectId, Remembered],
    options: Filters,
) -> None:
    plan = plan_of(page, index=index, known=held, decisions=decided, filters=options)
    assert sorted(verdicts(plan)) == sorted({user.object_id for user in page})
    assert len(plan.settled) == plan.unchanged + plan.filtered


@given(users, known, st.booleans())
def test_every_identity_is_either_counted_or_planned(
    page: list[DirectoryUser], held: dict[ObjectId, Known], changed: bool
) -> None:
    plan = PagePlan()
    pending = set_aside_unchanged(read(page, held), plan, policy_changed=changed)
    distinct = {user.object_id for user in page}
    assert len(pending) + plan.unchanged + plan.filtered == len(distinct)


@given(users, indexes, known, decisions, filters)
def test_planning_twice_gives_the_same_plan(
    page: list[DirectoryUser],
    index: Index,
    held: dict[ObjectId, Known],
    decided: dict[ObjectId, Remembered],
    options: Filters,
) -> None:
    plans = [
        plan_of(page, index=index, known=held, decisions=decided, filters=options) for _ in range(2)
    ]
    assert plans[0] == plans[1]


@given(
    st.lists(directory_users(), max_size=8, unique_by=lambda user: user.object_id),
    indexes,
    known,
    st.data(),
)
def test_the_plan_does_not_depend_on_the_order_or_size_of_pages(
    page: list[DirectoryUser], index: Index, held: dict[ObjectId, Known], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(page))
    cut = data.draw(st.integers(0, len(page)))
    whole = plan_of(page, index=index, known=held)
    first = plan_of(shuffled[:cut], index=index, known=held)
    second = plan_of(shuffled[cut:], index=index, known=held)
    assert rows(whole) == rows(first) | rows(second)
    assert whole.filtered == first.filtered + second.filtered
    assert whole.unchanged == first.unchanged + second.unchanged


@given(users, indexes, filters)
def test_only_a_link_names_a_contact_and_only_a_question_has_candidates(
    page: list[DirectoryUser], index: Index, options: Filters
) -> None:
    for change in plan_of(page, index=index, filters=options).changes:
        assert (change.contact_id is not None) == (change.kind == ChangeKind.LINK)
        assert bool(change.candidates) == (change.kind == ChangeKind.QUEUE)


@given(users, indexes, known, filters)
def test_who_is_linked_stays_linked(
    page: list[DirectoryUser], index: Index, held: dict[ObjectId, Known], options: Filters
) -> None:
    plan = plan_of(page, index=index, known=held, filters=options)
    linked = {key for key, one in held.items() if one.linked is not None}
    assert not [change for change in plan.changes if change.user.object_id in linked]
    assert all(
        one.verdict == Verdict.LINKED for one in plan.settled if one.user.object_id in linked
    )


@given(users, indexes)
def test_change_ids_are_distinct(page: list[DirectoryUser], index: Index) -> None:
    changes = plan_of(page, index=index).changes
    assert len({change.change_id for change in changes}) == len(changes)


@given(directory_users(), directory_users())
def test_fingerprints_are_equal_exactly_for_equal_users(
    first: DirectoryUser, second: DirectoryUser
) -> None:
    assert (fingerprint(first) == fingerprint(second)) == (first == second)


@given(hostile, hostile, st.lists(hostile, max_size=2), indexes)
def test_text_that_is_no_address_concerns_nobody(
    mail: str, upn: str, aliases: list[str], index: Index
) -> None:
    odd = user("odd", mail=mail, user_principal_name=upn, aliases=tuple(aliases))
    plan = plan_of([odd], index=index)
    assert [one.reason for one in plan.settled] == [VerdictReason.NO_ADDRESS]


@given(hostile, hostile, indexes)
def test_bad_text_beside_a_good_address_changes_no_match(
    name: str, alias: str, index: Index
) -> None:
    good = user("odd", job_title=None)
    bad = user("odd", display_name=name, surname=name, aliases=(alias,), job_title=name)
    assert [(c.change_id, c.reason) for c in plan_of([bad], index=index).changes] == [
        (c.change_id, c.reason) for c in plan_of([good], index=index).changes
    ]


@given(anything, anything, anything, st.lists(anything, max_size=3))
def test_any_document_of_a_directory_is_planned_without_failing(
    name: str, mail: str, title: str, aliases: list[str]
) -> None:
    document = {
        "id": str(guid("odd")),
        "userPrincipalName": mail,
        "displayName": name,
        "mail": mail,
        "jobTitle": title,
        "otherMails": aliases,
        "proxyAddresses": [f"SMTP:{alias}" for alias in aliases],
    }
    odd = to_user(decode(json.dumps(document).encode(), User))
    assert verdicts(plan_of([odd])) == [odd.object_id]
