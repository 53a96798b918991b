"""A change over what was stored is what reading the user anew would give, or nothing."""

from collections.abc import Mapping
from uuid import UUID

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from entra_plugin.directory.microsoft import wire
from entra_plugin.directory.microsoft.changes import (
    ALIASES,
    FIELDS,
    change_page,
)
from entra_plugin.directory.protocol import UserChange
from entra_plugin.domain.errors import TransientFailure
from entra_plugin.domain.identity import DirectoryUser

ID = "5145af25-6db0-5509-8f9e-d9e761a1c2f4"
LINK = "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=x"
ADA: Mapping[str, object] = {
    "id": ID,
    "userPrincipalName": "ada@contoso.example",
    "mail": "ada@contoso.example",
    "displayName": "Ada Lovelace",
    "accountEnabled": True,
    "jobTitle": "Engineer",
    "assignedLicenses": [{"skuId": ID}],
    "proxyAddresses": ["smtp:countess@contoso.example", "SMTP:ada@contoso.example"],
    "otherMails": ["ada@home.example"],
    "businessPhones": ["+44 1"],
}


def whole(properties: Mapping[str, object]) -> DirectoryUser:
    """The user as a full reading gives it."""
    body = msgspec.json.encode({"value": [properties]})
    (found,) = wire.to_users(wire.decode(body, wire.UserList).value, body)
    return found


def page(*rows: object) -> tuple[UserChange, ...]:
    return change_page(msgspec.json.encode({"value": rows, "@odata.deltaLink": LINK})).changes


def change(**properties: object) -> UserChange:
    """The change that such an item stands for."""
    (found,) = page({"id": ID, **properties})
    return found


STORED = whole(ADA)


def test_every_property_that_is_read_decides_an_attribute() -> None:
    assert {*FIELDS, *ALIASES, "id"} == set(wire.USER_SELECT.split(","))
    attributes = {field.name for field in msgspec.structs.fields(DirectoryUser)}
    assert {*FIELDS.values(), "aliases", "object_id"} == attributes


def test_what_is_missing_is_as_stored_and_null_is_cleared() -> None:
    after = change(displayName="Ada King", jobTitle=None, accountEnabled=False).over(STORED)
    assert after == whole(
        {**ADA, "displayName": "Ada King", "jobTitle": None, "accountEnabled": False}
    )


@pytest.mark.parametrize("nothing", [None, []])
def test_a_list_that_is_null_or_empty_is_cleared(nothing: object) -> None:
    after = change(businessPhones=nothing, assignedLicenses=nothing).over(STORED)
    assert after is not None
    assert (after.business_phones, after.licensed) == ((), False)


def test_an_item_without_any_property_changes_nothing() -> None:
    assert change().over(STORED) == STORED


def test_half_of_what_is_stored_as_one_cannot_be_merged() -> None:
    assert change(proxyAddresses=[]).over(STORED) is None
    assert change(otherMails=["new@home.example"]).over(STORED) is None
    after = change(proxyAddresses=[], otherMails=["new@home.example"]).over(STORED)
    assert after is not None
    assert after.aliases == ("new@home.example",)


def test_an_unknown_user_has_to_come_whole() -> None:
    complete = {name: ADA.get(name) for name in (*FIELDS, *ALIASES)}
    assert change(**complete).over(None) == STORED
    complete.pop("mobilePhone")
    assert change(**complete).over(None) is None
    another = msgspec.structs.replace(STORED, object_id=UUID(int=1))
    assert change(displayName="Ada King").over(another) is None


@pytest.mark.parametrize("reason", ["changed", "deleted"])
def test_who_was_removed_is_nobody_afterwards(reason: str) -> None:
    gone = change(**{"@removed": {"reason": reason}})
    assert gone.removed
    assert (gone.object_id, gone.over(STORED), gone.over(None)) == (UUID(ID), None, None)


def test_who_was_disabled_or_restored_is_not_removed() -> None:
    assert not change(accountEnabled=False).removed
    assert not change(**{"@removed": None}).removed


@pytest.mark.parametrize(
    "row",
    [
        {"displayName": "Nobody"},
        {"id": None},
        {"id": 7},
        {"id": "x"},
        {"@removed": {"reason": "deleted"}},
        {"id": ID, "@odata.type": "#microsoft.graph.group", "businessPhones": 5},
    ],
)
def test_what_is_no_user_or_has_no_id_is_left_out(row: dict[str, object]) -> None:
    ada = {"id": ID.upper(), "@odata.type": "#microsoft.graph.user", "displayName": "Ada"}
    assert [found.object_id for found in page(row, ada, row)] == [UUID(ID)]


def test_changes_stay_in_their_order_and_may_be_of_one_user() -> None:
    first, second, third = page(
        {"id": ID, "displayName": "First"},
        {"id": str(UUID(int=1)), "@removed": {"reason": "changed"}},
        {"id": ID, "displayName": "Last"},
    )
    assert [found.object_id for found in (first, second, third)] == [
        UUID(ID),
        UUID(int=1),
        UUID(ID),
    ]
    assert [found.over(STORED) for found in (first, third)] == [
        msgspec.structs.replace(STORED, display_name=name) for name in ("First", "Last")
    ]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"value": [], "@odata.deltaLink": ""},
        {"value": [], "@odata.nextLink": LINK, "@odata.deltaLink": LINK},
        {"value": None, "@odata.deltaLink": LINK},
        {"value": [None], "@odata.deltaLink": LINK},
        {"value": [{"id": ID, "accountEnabled": "yes"}], "@odata.deltaLink": LINK},
    ],
)
def test_a_page_of_another_shape_is_unusable(document: object) -> None:
    with pytest.raises(TransientFailure, match="unusable_answer"):
        change_page(msgspec.json.encode(document))


def test_half_a_surrogate_pair_does_not_cost_the_page() -> None:
    body = b'{"value":[{"id":"%s","displayName":"A\\ud800da"}],"@odata.deltaLink":"%s"}'
    (found,) = change_page(body % (ID.encode(), LINK.encode())).changes
    after = found.over(STORED)
    assert after is not None
    assert after.display_name == "A\ufffdda"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
ADDRESS = TEXT | st.sampled_from(["ada@contoso.example", "ADA@x.example", " ada@x.example "])
LISTS = {
    "businessPhones": st.lists(TEXT, max_size=2),
    "otherMails": st.lists(ADDRESS, max_size=2),
    "proxyAddresses": st.lists(
        st.builds("{}{}".format, st.sampled_from(["SMTP:", "smtp:", "SIP:", ""]), ADDRESS),
        max_size=3,
    ),
    "assignedLicenses": st.lists(st.just({"skuId": ID}), max_size=1),
}
VALUES = {
    name: st.none()
    | LISTS.get(
        name,
        st.booleans()
        if name in {"accountEnabled", "isResourceAccount"}
        else ADDRESS
        if name in {"mail", "userPrincipalName"}
        else TEXT,
    )
    for name in (*FIELDS, *ALIASES)
}
PROPERTIES = st.fixed_dictionaries({}, optional=VALUES)


@given(PROPERTIES, PROPERTIES)
def test_merging_equals_reading_whole_whenever_it_can_be_told(
    before: dict[str, object], changed: dict[str, object]
) -> None:
    stored = whole({"id": ID, **before})
    after = change(**changed).over(stored)
    event("merged" if after is not None else "to be read whole")
    if after is None:
        assert len(ALIASES & changed.keys()) == 1
    else:
        assert after == whole({"id": ID, **before, **changed})


@given(PROPERTIES)
def test_what_comes_whole_needs_nothing_stored(changed: dict[str, object]) -> None:
    complete = {name: changed.get(name) for name in VALUES}
    assert change(**complete).over(None) == whole({"id": ID, **changed})
