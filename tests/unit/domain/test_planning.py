"""The planner: one verdict per identity, in the order of the rules, the same for the same input."""

import dataclasses

import pytest
from msgspec.structs import replace

from entra_plugin.domain.filters import Filters
from entra_plugin.domain.identity import DirectoryUser, fingerprint
from entra_plugin.domain.ids import ContactId, EntraTenantId, ObjectId, RunId
from entra_plugin.domain.pins import Pins
from entra_plugin.domain.plan_rows import full_name, new_contact
from entra_plugin.domain.planning import (
    Known,
    PagePlan,
    Remembered,
    read,
    set_aside_unchanged,
)
from entra_plugin.domain.states import (
    ChangeKind,
    DecisionKind,
    FieldMode,
    FieldName,
    Verdict,
    VerdictReason,
)
from support.builders import OTHER_CLIENT, SCOPE, contact, guid, person, plan_of, user

ADA = user()
ADDRESS = "ada@contoso.example"
X = ContactId(guid("x"))


def remembered(
    of: DirectoryUser = ADA,
    *,
    verdict: Verdict = Verdict.LINKED,
    reason: VerdictReason = VerdictReason.CREATED,
    linked: ContactId | None = None,
    question: tuple[VerdictReason, tuple[ContactId, ...]] | None = None,
) -> dict[ObjectId, Known]:
    """What we hold of a user whom we last acted on as it is now."""
    known = Known(
        acted=fingerprint(of),
        verdict=verdict,
        reason=reason,
        linked=linked,
        question=question,
        asked_for=SCOPE.client_id,
    )
    return {of.object_id: known}


def only(plan: PagePlan) -> tuple[ChangeKind, VerdictReason]:
    """Kind and reason of the one change of a plan."""
    (change,) = plan.changes
    assert not plan.settled
    return change.kind, change.reason


def settled(plan: PagePlan) -> tuple[Verdict, VerdictReason]:
    """Verdict and reason of the one settled identity of a plan."""
    (one,) = plan.settled
    assert not plan.changes
    return one.verdict, one.reason


def test_a_user_whom_nobody_fits_is_created() -> None:
    plan = plan_of([ADA])
    assert only(plan) == (ChangeKind.CREATE, VerdictReason.CREATED)
    assert plan.changes[0].contact_id is None
    assert plan.changes[0].after == new_contact(ADA, ADDRESS)


def test_a_user_who_matches_is_linked_and_the_contact_stays_as_it_is() -> None:
    old = contact("old", active=False, values={FieldName.EMAIL: ADDRESS})
    plan = plan_of([ADA], index={ADDRESS: [old]})
    assert only(plan) == (ChangeKind.LINK, VerdictReason.LINKED_INACTIVE)
    (change,) = plan.changes
    assert change.contact_id == old.contact_id
    assert change.before == {"active": False, "email": ADDRESS}
    assert change.after == {"active": False}


def test_a_doubt_is_queued_with_its_candidates_and_links_nobody() -> None:
    there = contact("there", client_id=OTHER_CLIENT)
    plan = plan_of([ADA], index={ADDRESS: [there]})
    assert only(plan) == (ChangeKind.QUEUE, VerdictReason.OTHER_CLIENT)
    (change,) = plan.changes
    assert change.contact_id is None
    assert change.candidates == (there.contact_id,)
    assert change.after == new_contact(ADA, ADDRESS)


def test_a_name_alone_never_links() -> None:
    namesake = contact("Ada Lovelace")
    plan = plan_of(
        [ADA], index={"somebody@contoso.example": [namesake], "ada lovelace": [namesake]}
    )
    assert only(plan) == (ChangeKind.CREATE, VerdictReason.CREATED)


def test_a_link_comes_before_everything_else() -> None:
    left = replace(ADA, enabled=False, user_type="Guest", mail="new@contoso.example")
    plan = plan_of(
        [left],
        known=remembered(left, linked=X),
        index={"new@contoso.example": [contact("other")]},
        decisions={ADA.object_id: Remembered(kind=DecisionKind.IGNORED, contact_id=None)},
    )
    assert settled(plan) == (Verdict.LINKED, VerdictReason.CREATED)
    assert (plan.unchanged, plan.filtered) == (1, 0)


@pytest.mark.parametrize(
    "changed",
    [
        replace(ADA, licensed=False),
        replace(ADA, mail=None, user_principal_name="ada@contoso.onmicrosoft.com"),
        replace(ADA, user_principal_name="svc-ada@contoso.example"),
        replace(ADA, resource_account=True),
    ],
    ids=["licence lost", "address lost", "renamed", "resource"],
)
def test_a_filter_lets_go_of_nobody_who_is_linked(changed: DirectoryUser) -> None:
    plan = plan_of(
        [changed], known=remembered(changed, linked=X), filters=Filters(licensed_only=True)
    )
    assert settled(plan) == (Verdict.LINKED, VerdictReason.CREATED)


@pytest.mark.parametrize(
    ("kind", "verdict", "reason"),
    [
        (DecisionKind.IGNORED, Verdict.IGNORED, VerdictReason.DECIDED),
        (DecisionKind.UNDONE, Verdict.UNDONE, VerdictReason.UNDONE),
    ],
)
def test_a_remembered_decision_comes_before_matching_and_filters(
    kind: DecisionKind, verdict: Verdict, reason: VerdictReason
) -> None:
    decisions = {ADA.object_id: Remembered(kind=kind, contact_id=None)}
    for ada in (ADA, replace(ADA, enabled=False)):
        plan = plan_of([ada], decisions=decisions, index={ADDRESS: [contact("ada")]})
        assert settled(plan) == (verdict, reason)


def test_a_decision_about_one_identity_binds_no_other() -> None:
    decisions = {ADA.object_id: Remembered(kind=DecisionKind.IGNORED, contact_id=None)}
    plan = plan_of([ADA, person("bob")], decisions=decisions)
    assert [change.address for change in plan.changes] == ["bob@contoso.example"]


def test_a_filtered_user_is_counted_with_its_reason_and_changes_nothing() -> None:
    plan = plan_of([replace(ADA, enabled=False)], index={ADDRESS: [contact("ada")]})
    assert settled(plan) == (Verdict.FILTERED, VerdictReason.DISABLED)
    assert (plan.unchanged, plan.filtered) == (0, 1)
    assert plan.settled[0].address == ADDRESS


def test_a_user_without_address_is_filtered_and_remembered_without_one() -> None:
    nobody = replace(ADA, mail=None, user_principal_name="ada@contoso.onmicrosoft.com")
    plan = plan_of([nobody])
    assert settled(plan) == (Verdict.FILTERED, VerdictReason.NO_ADDRESS)
    assert plan.settled[0].address is None


def test_a_question_that_is_already_open_is_not_asked_again() -> None:
    question = (VerdictReason.OTHER_CLIENT, (contact("there").contact_id,))
    known = remembered(verdict=Verdict.QUEUED, reason=VerdictReason.OTHER_CLIENT, question=question)
    index = {ADDRESS: [contact("there", client_id=OTHER_CLIENT)]}
    plan = plan_of([ADA], known=known, index=index)
    assert not plan.changes
    assert not plan.settled
    assert plan.unchanged == 1


def test_an_open_question_is_asked_anew_when_the_user_changed() -> None:
    question = (VerdictReason.OTHER_CLIENT, (contact("there").contact_id,))
    known = remembered(verdict=Verdict.QUEUED, reason=VerdictReason.OTHER_CLIENT, question=question)
    index = {ADDRESS: [contact("there", client_id=OTHER_CLIENT)]}
    plan = plan_of([replace(ADA, job_title="Countess")], known=known, index=index)
    assert only(plan) == (ChangeKind.QUEUE, VerdictReason.OTHER_CLIENT)


def test_an_open_question_is_asked_anew_when_its_candidates_changed() -> None:
    known = remembered(
        verdict=Verdict.QUEUED,
        reason=VerdictReason.MULTIPLE_MATCHES,
        question=(VerdictReason.MULTIPLE_MATCHES, (X,)),
    )
    index = {ADDRESS: [contact("first"), contact("second")]}
    plan = plan_of([ADA], known=known, index=index)
    assert only(plan) == (ChangeKind.QUEUE, VerdictReason.MULTIPLE_MATCHES)


def test_a_queued_identity_is_linked_when_the_doubt_is_gone() -> None:
    known = remembered(
        verdict=Verdict.QUEUED,
        reason=VerdictReason.MULTIPLE_MATCHES,
        question=(VerdictReason.MULTIPLE_MATCHES, (X,)),
    )
    plan = plan_of([ADA], known=known, index={ADDRESS: [contact("ada")]})
    assert only(plan) == (ChangeKind.LINK, VerdictReason.MATCHED_EMAIL)


def test_one_bad_user_does_not_disturb_the_others() -> None:
    broken = user("broken", mail="\x00", user_principal_name="", display_name=None)
    plan = plan_of([broken, ADA])
    assert [one.reason for one in plan.settled] == [VerdictReason.NO_ADDRESS]
    assert [change.address for change in plan.changes] == [ADDRESS]


def test_a_user_named_twice_on_a_page_has_one_verdict_by_its_last_state() -> None:
    plan = plan_of([ADA, replace(ADA, enabled=False)])
    assert settled(plan) == (Verdict.FILTERED, VerdictReason.DISABLED)


# --- Change ids ---


def change_id(of: DirectoryUser = ADA, **scope: object) -> object:
    """The id of the one change that creates a user."""
    return plan_of([of], scope=dataclasses.replace(SCOPE, **scope)).changes[0].change_id  # type: ignore[arg-type]


def test_a_repeated_attempt_gives_the_same_change_ids() -> None:
    assert change_id() == change_id()
    assert change_id(replace(ADA, job_title="Countess")) == change_id()


def test_another_run_directory_or_identity_gives_another_change_id() -> None:
    ids = {
        change_id(),
        change_id(run_id=RunId(guid("another run"))),
        change_id(entra_tenant_id=EntraTenantId(guid("another directory"))),
        change_id(user("bob")),
    }
    assert len(ids) == 4


def test_another_kind_gives_another_change_id() -> None:
    (linked,) = plan_of([ADA], index={ADDRESS: [contact("ada")]}).changes
    (queued,) = plan_of([ADA], index={ADDRESS: [contact("a"), contact("b")]}).changes
    assert len({change_id(), linked.change_id, queued.change_id}) == 3


def test_a_change_id_is_the_one_of_earlier_releases() -> None:
    assert str(change_id()) == "639557c5-639e-356d-ee6f-5621eb304317"


# --- What needs no second look ---


def pending(known: dict[ObjectId, Known], *, of: DirectoryUser = ADA, policy: bool = False) -> int:
    """How many of one user must be planned."""
    return len(set_aside_unchanged(read([of], known), PagePlan(), policy_changed=policy))


def test_an_unknown_identity_is_planned() -> None:
    assert pending({}) == 1


def test_a_linked_identity_that_did_not_change_is_set_aside() -> None:
    plan = PagePlan()
    assert not set_aside_unchanged(read([ADA], remembered(linked=X)), plan, policy_changed=False)
    assert (plan.unchanged, plan.filtered) == (1, 0)


def test_a_filtered_identity_that_did_not_change_is_set_aside_as_filtered() -> None:
    known = remembered(verdict=Verdict.FILTERED, reason=VerdictReason.GUEST)
    plan = PagePlan()
    assert not set_aside_unchanged(read([ADA], known), plan, policy_changed=False)
    assert (plan.unchanged, plan.filtered) == (0, 1)


@pytest.mark.parametrize("verdict", [Verdict.IGNORED, Verdict.UNDONE])
def test_a_decided_identity_that_did_not_change_is_set_aside(verdict: Verdict) -> None:
    assert pending(remembered(verdict=verdict, reason=VerdictReason.DECIDED)) == 0


@pytest.mark.parametrize("verdict", [Verdict.QUEUED, Verdict.FAILED])
def test_a_queued_or_failed_identity_is_always_looked_at_again(verdict: Verdict) -> None:
    assert pending(remembered(verdict=verdict, reason=VerdictReason.MULTIPLE_MATCHES)) == 1


def test_an_identity_whose_link_was_closed_is_planned() -> None:
    assert pending(remembered(verdict=Verdict.LINKED, linked=None)) == 1


def test_an_identity_that_changed_is_planned() -> None:
    assert pending(remembered(linked=X), of=replace(ADA, job_title="Countess")) == 1


def test_every_identity_is_planned_when_the_policy_changed() -> None:
    assert pending(remembered(linked=X), policy=True) == 1


# --- The contact to be ---


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({}, "Ada Lovelace"),
        ({"display_name": None}, "Ada Lovelace"),
        ({"display_name": "Countess"}, "Countess"),
        ({"display_name": None, "given_name": None}, "Lovelace"),
        ({"display_name": None, "surname": None}, "Ada"),
        ({"display_name": None, "given_name": None, "surname": None}, "ada"),
        ({"display_name": "", "given_name": "", "surname": ""}, "ada"),
    ],
)
def test_the_name_is_the_best_that_there_is(attributes: dict[str, object], name: str) -> None:
    assert full_name(user(**attributes), ADDRESS) == name


def test_a_new_contact_carries_name_address_phones_and_title() -> None:
    ada = user(business_phones=("+44 1", "+44 2"), mobile_phone="+44 7", department="Engines")
    assert new_contact(ada, ADDRESS) == {
        "fullName": "Ada Lovelace",
        "email": ADDRESS,
        "phones": [{"type": "work", "number": "+44 1"}, {"type": "mobile", "number": "+44 7"}],
        "role": "Engineer",
        "active": True,
    }


def test_a_new_contact_without_phones_has_none() -> None:
    assert new_contact(user(job_title=None), ADDRESS)["phones"] == []


# --- What people decided ---


def chosen(of: ContactId) -> dict[ObjectId, Remembered]:
    return {ADA.object_id: Remembered(kind=DecisionKind.LINKED, contact_id=of)}


def test_a_contact_that_a_person_chose_is_linked_whatever_else_fits() -> None:
    plan = plan_of(
        [ADA],
        decisions=chosen(X),
        chosen=[contact("x")],
        index={ADDRESS: [contact("y"), contact("z")]},
    )
    assert only(plan) == (ChangeKind.LINK, VerdictReason.DECIDED)
    assert plan.changes[0].contact_id == X


def test_a_choice_made_at_another_client_is_asked_anew() -> None:
    there = contact("x", client_id=OTHER_CLIENT)
    plan = plan_of([ADA], decisions=chosen(X), chosen=[there], index={ADDRESS: [there]})
    assert only(plan) == (ChangeKind.QUEUE, VerdictReason.OTHER_CLIENT)


def test_a_chosen_contact_that_nobody_may_touch_is_left_alone() -> None:
    pins = Pins(hands_off=frozenset({X}))
    plan = plan_of([ADA], decisions=chosen(X), chosen=[contact("x")], pins=pins)
    assert settled(plan) == (Verdict.IGNORED, VerdictReason.PINNED)
    assert plan.settled[0].waits


def test_who_is_matched_to_a_contact_that_nobody_may_touch_is_looked_at_again() -> None:
    """The contact may lose the address, or get another owner, without a change upstream."""
    pins = Pins(hands_off=frozenset({X}))
    plan = plan_of([ADA], index={ADDRESS: [contact("x")]}, pins=pins)
    assert settled(plan) == (Verdict.IGNORED, VerdictReason.PINNED)
    assert plan.settled[0].waits


def test_whoever_is_linked_while_disabled_has_left_before_in_every_row() -> None:
    disabled = replace(ADA, enabled=False)
    values = {FieldName.DISPLAY_NAME: "A. L.", FieldName.ROLE: "Countess"}
    plan = plan_of(
        [disabled],
        decisions=chosen(X),
        chosen=[contact("x", values=values)],
        fields={
            FieldName.DISPLAY_NAME: FieldMode.DIRECTORY_WINS,
            FieldName.ROLE: FieldMode.ASK,
        },
    )
    kinds = [change.kind for change in plan.changes]
    assert kinds == [ChangeKind.LINK, ChangeKind.UPDATE, ChangeKind.QUEUE]
    assert all(c.departure is not None and c.departure.settled for c in plan.changes)


def test_a_contact_that_is_linked_once_more_is_compared_with_what_was_written_before() -> None:
    edited = contact("ada", values={FieldName.ROLE: "Edited", FieldName.DISPLAY_NAME: "Ada"})
    fields = {FieldName.ROLE: FieldMode.DIRECTORY_WINS}
    ada = replace(ADA, job_title="Countess")
    before = {(ADA.object_id, edited.contact_id): {"role": "Countess", "department": "Analysis"}}
    (linked,) = plan_of([ada], index={ADDRESS: [edited]}, fields=fields, bases=before).changes
    assert linked.kind == ChangeKind.LINK, "an edit alone is never reverted"
    assert linked.base == {"role": "Countess", "department": "Analysis"}
    _, update = plan_of([ada], index={ADDRESS: [edited]}, fields=fields).changes
    assert update.after == {"role": "Countess"}
