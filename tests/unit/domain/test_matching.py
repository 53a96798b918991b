"""The match order: address, then UPN and aliases, in the client; every doubt goes to a person."""

import pytest

from entra_plugin.domain.identity import DirectoryUser, IdentityKey
from entra_plugin.domain.ids import EntraTenantId, ObjectId
from entra_plugin.domain.matching import Doubt, Index, Match, match, other_addresses
from entra_plugin.domain.states import VerdictReason
from support.builders import CLIENT, DIRECTORY, OTHER_CLIENT, contact, guid, identity, user

ADDRESS = "ada@contoso.example"
ALIAS = "lovelace@contoso.example"
ADA = user(aliases=(ALIAS,), user_principal_name="al@contoso.example")
SOMEBODY = IdentityKey(entra_tenant_id=DIRECTORY, object_id=ObjectId(guid("somebody")))


def found(index: Index, of: DirectoryUser = ADA) -> Match | Doubt | None:
    """What the match order says about Ada."""
    return match(identity(of), of, address=ADDRESS, client_id=CLIENT, index=index)


def test_nobody_fits() -> None:
    assert found({}) is None


def test_one_contact_with_the_address_is_linked() -> None:
    ada = contact("ada")
    assert found({ADDRESS: [ada]}) == Match(contact=ada, reason=VerdictReason.MATCHED_EMAIL)


@pytest.mark.parametrize("name", [ALIAS, "al@contoso.example"])
def test_one_contact_with_an_alias_or_the_user_principal_name_is_linked(name: str) -> None:
    ada = contact("ada")
    assert found({name: [ada]}) == Match(contact=ada, reason=VerdictReason.MATCHED_ALIAS)


def test_the_address_comes_before_an_alias() -> None:
    by_address, by_alias = contact("a"), contact("b")
    answer = found({ADDRESS: [by_address], ALIAS: [by_alias]})
    assert answer == Match(contact=by_address, reason=VerdictReason.MATCHED_EMAIL)


def test_an_inactive_contact_with_the_address_comes_before_an_active_one_with_an_alias() -> None:
    by_address = contact("a", active=False)
    answer = found({ADDRESS: [by_address], ALIAS: [contact("b")]})
    assert answer == Match(contact=by_address, reason=VerdictReason.LINKED_INACTIVE)


def test_an_active_contact_comes_before_an_inactive_one() -> None:
    active = contact("active")
    answer = found({ADDRESS: [contact("old", active=False), active]})
    assert answer == Match(contact=active, reason=VerdictReason.MATCHED_EMAIL)


@pytest.mark.parametrize("name", [ADDRESS, ALIAS])
def test_a_lone_inactive_contact_is_linked_and_told_apart(name: str) -> None:
    old = contact("old", active=False)
    assert found({name: [old]}) == Match(contact=old, reason=VerdictReason.LINKED_INACTIVE)


@pytest.mark.parametrize("name", [ADDRESS, ALIAS])
@pytest.mark.parametrize("active", [True, False])
def test_two_contacts_alike_are_a_question(name: str, active: bool) -> None:
    first, second = contact("first", active=active), contact("second", active=active)
    assert found({name: [first, second]}) == Doubt(
        reason=VerdictReason.MULTIPLE_MATCHES,
        candidates=tuple(sorted([first.contact_id, second.contact_id])),
    )


def test_two_aliases_that_lead_to_two_contacts_are_a_question() -> None:
    answer = found({ALIAS: [contact("first")], "al@contoso.example": [contact("second")]})
    assert isinstance(answer, Doubt)
    assert answer.reason == VerdictReason.MULTIPLE_MATCHES


def test_two_aliases_that_lead_to_one_contact_are_no_question() -> None:
    ada = contact("ada")
    answer = found({ALIAS: [ada], "al@contoso.example": [ada]})
    assert answer == Match(contact=ada, reason=VerdictReason.MATCHED_ALIAS)


@pytest.mark.parametrize("name", [ADDRESS, ALIAS])
@pytest.mark.parametrize("active", [True, False])
def test_a_contact_that_another_identity_has_is_a_question(name: str, active: bool) -> None:
    taken = contact("taken", active=active, linked_to=SOMEBODY)
    assert found({name: [taken]}) == Doubt(
        reason=VerdictReason.LINKED_ELSEWHERE, candidates=(taken.contact_id,)
    )


def test_the_same_object_id_in_another_directory_is_another_identity() -> None:
    elsewhere = IdentityKey(
        entra_tenant_id=EntraTenantId(guid("elsewhere")), object_id=ADA.object_id
    )
    answer = found({ADDRESS: [contact("taken", linked_to=elsewhere)]})
    assert isinstance(answer, Doubt)
    assert answer.reason == VerdictReason.LINKED_ELSEWHERE


def test_a_contact_that_this_identity_already_has_is_linked() -> None:
    own = contact("own", linked_to=identity(ADA))
    assert found({ADDRESS: [own]}) == Match(contact=own, reason=VerdictReason.MATCHED_EMAIL)


@pytest.mark.parametrize("active", [True, False])
def test_the_address_at_another_client_is_a_question(active: bool) -> None:
    there = contact("there", client_id=OTHER_CLIENT, active=active)
    assert found({ADDRESS: [there]}) == Doubt(
        reason=VerdictReason.OTHER_CLIENT, candidates=(there.contact_id,)
    )


def test_a_contact_of_the_client_comes_before_one_of_another_client() -> None:
    here, there = contact("here"), contact("there", client_id=OTHER_CLIENT)
    answer = found({ADDRESS: [there, here]})
    assert answer == Match(contact=here, reason=VerdictReason.MATCHED_EMAIL)


def test_an_alias_inside_the_client_comes_before_the_address_elsewhere() -> None:
    here, there = contact("here"), contact("there", client_id=OTHER_CLIENT)
    answer = found({ADDRESS: [there], ALIAS: [here]})
    assert answer == Match(contact=here, reason=VerdictReason.MATCHED_ALIAS)


def test_an_alias_at_another_client_is_nothing() -> None:
    assert found({ALIAS: [contact("there", client_id=OTHER_CLIENT)]}) is None


def test_other_addresses_are_normal_distinct_and_without_the_address() -> None:
    ada = user(
        user_principal_name="AL@Contoso.Example",
        aliases=(
            "al@contoso.example",
            "ADA@contoso.example",
            "\u200fx@contoso.example",
            "b@c.example",
        ),
    )
    assert other_addresses(ada, ADDRESS) == ("al@contoso.example", "b@c.example")


def test_the_candidates_of_a_question_are_sorted_whatever_order_they_came_in() -> None:
    several = [contact(name) for name in "abcdef"]
    assert found({ADDRESS: several}) == found({ADDRESS: several[::-1]})
