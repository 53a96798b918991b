"""Matching does not depend on order, stays inside the client, and never takes what is taken."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.matching import Candidate, Doubt, Index, Match, match
from entra_plugin.domain.states import VerdictReason
from support.builders import CLIENT, identity
from support.strategies import indexes, people

ADDRESS = "ada@contoso.example"


def found(user: DirectoryUser, index: Index) -> Match | Doubt | None:
    """What the match order says."""
    return match(identity(user), user, address=ADDRESS, client_id=CLIENT, index=index)


@given(people, indexes, st.randoms(use_true_random=False))
def test_the_order_of_candidates_does_not_matter(
    user: DirectoryUser, index: dict[str, list[Candidate]], random: Random
) -> None:
    shuffled = {name: random.sample(some, len(some)) for name, some in index.items()}
    assert found(user, shuffled) == found(user, index)


@given(people, indexes)
def test_the_order_of_aliases_does_not_matter(user: DirectoryUser, index: Index) -> None:
    turned = DirectoryUser(
        **{name: getattr(user, name) for name in user.__struct_fields__ if name != "aliases"},
        aliases=user.aliases[::-1],
    )
    assert found(turned, index) == found(user, index)


@given(people, indexes)
def test_a_match_is_a_free_contact_of_the_client(user: DirectoryUser, index: Index) -> None:
    answer = found(user, index)
    if isinstance(answer, Match):
        assert answer.contact.client_id == CLIENT
        assert answer.contact.linked_to in (None, identity(user))
        assert answer.contact in [c for contacts in index.values() for c in contacts]
        assert answer.contact.active or answer.reason == VerdictReason.LINKED_INACTIVE


@given(people, indexes)
def test_a_doubt_names_its_candidates_once_and_sorted(user: DirectoryUser, index: Index) -> None:
    answer = found(user, index)
    if isinstance(answer, Doubt):
        assert answer.candidates
        assert list(answer.candidates) == sorted(set(answer.candidates))


@given(people, indexes)
def test_contacts_of_other_addresses_change_nothing(user: DirectoryUser, index: Index) -> None:
    everybody = [c for contacts in index.values() for c in contacts]
    assert found(user, {**index, "nobody@fabrikam.example": everybody}) == found(user, index)


@given(people, indexes)
def test_nobody_is_created_while_somebody_has_the_address(
    user: DirectoryUser, index: Index
) -> None:
    assert (found(user, index) is None) <= (ADDRESS not in index)
