"""Users who come in a text that is known are not decoded; everybody else is, as ever."""

from collections.abc import Mapping

import msgspec
import pytest

from entra_plugin.directory.microsoft.pages import RawPage, raw_page, user_page
from entra_plugin.domain.errors import TransientFailure

ANNA = {"id": "a0000000-0000-4000-8000-000000000001", "displayName": "Anna", "mail": "a@x.example"}
BERT = {"id": "a0000000-0000-4000-8000-000000000002", "displayName": "Bert", "mail": None}


def _page(*users: Mapping[str, object]) -> RawPage:
    return raw_page(_body(*users))


def _body(*users: Mapping[str, object]) -> bytes:
    return msgspec.json.encode({"value": users, "@odata.nextLink": "https://graph/next"})


def test_a_known_text_is_named_and_not_decoded() -> None:
    whole = user_page(_page(ANNA, BERT), ())
    anna, bert = whole.digests

    page = user_page(_page(ANNA, BERT), {anna})

    assert page.known == (anna,)
    assert page.users == whole.users[1:]
    assert page.digests == (bert,)
    assert page.next_link == whole.next_link == "https://graph/next"


@pytest.mark.parametrize(
    "change",
    [{"displayName": "anna"}, {"mail": None}, {"accountEnabled": False}, {"businessPhones": ["1"]}],
)
def test_another_value_is_another_text(change: Mapping[str, object]) -> None:
    known = set(user_page(_page(ANNA, BERT), ()).digests)

    page = user_page(_page({**ANNA, **change}, BERT), known)

    assert [str(user.object_id) for user in page.users] == [ANNA["id"]]
    assert len(page.known) == 1


def test_a_user_who_is_decoded_alone_is_the_same_as_among_others() -> None:
    spoilt = {**BERT, "displayName": " Bert\u0007 ", "mail": "b@x.example "}
    whole = user_page(_page(ANNA, spoilt), ())

    page = user_page(_page(ANNA, spoilt), {whole.digests[0]})

    assert page.users == whole.users[1:]


@pytest.mark.parametrize("known", [False, True])
def test_an_unusable_user_spoils_the_page(known: bool) -> None:
    digests = user_page(_page(ANNA), ()).digests if known else ()

    with pytest.raises(TransientFailure):
        user_page(_page(ANNA, {"id": "nobody"}), digests)


def test_a_truncated_page_is_unusable() -> None:
    with pytest.raises(TransientFailure):
        raw_page(_body(ANNA, BERT)[:-5])
