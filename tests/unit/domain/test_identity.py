"""An identity's fingerprint says whether it changed; its document brings it back."""

import msgspec
import pytest
from msgspec.structs import replace

from entra_plugin.domain.identity import (
    DirectoryUser,
    IdentityKey,
    attributes,
    fingerprint,
    from_attributes,
)
from entra_plugin.domain.ids import EntraTenantId, ObjectId
from support.builders import guid, user

ADA = user(aliases=("a@contoso.example", "b@contoso.example"), business_phones=("1",))
OTHER_VALUES: dict[str, object] = {
    "object_id": ObjectId(guid("bob")),
    "aliases": ("a@contoso.example",),
    "enabled": False,
    "resource_account": True,
    "licensed": False,
    "business_phones": ("1", "2"),
}


@pytest.mark.parametrize("name", DirectoryUser.__struct_fields__)
def test_a_change_of_any_attribute_changes_the_fingerprint(name: str) -> None:
    other = replace(ADA, **{name: OTHER_VALUES.get(name, "other")})
    assert fingerprint(other) != fingerprint(ADA)


def test_equal_users_have_equal_fingerprints_of_sixteen_bytes() -> None:
    assert fingerprint(replace(ADA)) == fingerprint(ADA)
    assert len(fingerprint(ADA)) == 16


def test_text_does_not_slip_from_one_attribute_into_the_next() -> None:
    first = user(given_name="Ada", surname=None)
    second = user(given_name=None, surname="Ada")
    assert fingerprint(first) != fingerprint(second)


def test_a_fingerprint_is_the_one_of_earlier_releases() -> None:
    assert fingerprint(user()).hex() == "4b3ed769860f74e7d06e4bd7d0c6c6b8"


def test_the_stored_document_brings_the_user_back() -> None:
    document = msgspec.json.decode(msgspec.json.encode(attributes(ADA)))
    assert from_attributes(document) == ADA


def test_another_document_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        from_attributes({"object_id": "x"})


def test_an_object_id_is_an_identity_only_with_its_directory() -> None:
    here, there = EntraTenantId(guid("here")), EntraTenantId(guid("there"))
    assert IdentityKey(entra_tenant_id=here, object_id=ADA.object_id) != IdentityKey(
        entra_tenant_id=there, object_id=ADA.object_id
    )
