"""Pins over HTTP: standing orders that are put, listed, taken out, and obeyed by syncs."""

from uuid import uuid4

import pytest

from support.inside import Inside
from support.program import Json, Program
from support.running import RunningHost
from support.simulator import Simulator

SOMEBODY = str(uuid4())


@pytest.fixture(scope="module")
def contacts(inside: Inside, host: RunningHost) -> list[str]:
    """Contacts of the first MSP."""
    found = inside.rows(
        "SELECT id::text FROM psa_contacts WHERE tenant_id = %s ORDER BY id", host.tenant_id(0)
    )
    return [str(contact_id) for (contact_id,) in found]


@pytest.fixture(autouse=True)
def no_pins(admin: Program) -> None:
    for pin in admin.items("/pins"):
        subject = {k: pin[k] for k in ("kind", "contactId", "entraTenantId", "objectId", "field")}
        assert admin.post("/pins", subject, method="DELETE").data == {"removed": True}


def put(admin: Program, **pin: object) -> Json:
    return admin.post("/pins", pin, method="PUT").data


def test_a_pin_is_put_once_and_takes_the_later_reason(admin: Program, contacts: list[str]) -> None:
    first = put(admin, kind="keep_active", contactId=contacts[0], reason="On leave")
    assert (first["kind"], first["contactId"]) == ("keep_active", contacts[0])
    assert first["createdByName"] is not None
    again = put(admin, kind="keep_active", contactId=contacts[0], reason="Back in June")
    assert again == {**first, "reason": "Back in June"}
    assert admin.items("/pins") == [again]


def test_every_field_is_locked_by_a_pin_of_its_own(admin: Program, contacts: list[str]) -> None:
    put(admin, kind="lock_field", contactId=contacts[0], field="mobile")
    put(admin, kind="lock_field", contactId=contacts[0], field="officeLocation")
    put(admin, kind="lock_field", contactId=contacts[1], field="mobile")
    mine = admin.items("/pins", contactId=contacts[0])
    assert [pin["field"] for pin in mine] == ["officeLocation", "mobile"]
    assert len(admin.items("/pins", limit=1)) == 3


def test_taking_out_what_is_not_there_is_no_error(admin: Program, contacts: list[str]) -> None:
    pin = {"kind": "hands_off", "contactId": contacts[0]}
    put(admin, **pin)
    put(admin, kind="keep_active", contactId=contacts[0])
    assert admin.post("/pins", pin, method="DELETE").data == {"removed": True}
    assert admin.post("/pins", pin, method="DELETE").data == {"removed": False}
    assert [p["kind"] for p in admin.items("/pins")] == ["keep_active"]


@pytest.mark.parametrize(
    ("pin", "failure"),
    [
        ({"kind": "keep_active", "contactId": SOMEBODY}, (422, "unknown_contact")),
        (
            {"kind": "ignore_identity", "entraTenantId": SOMEBODY, "objectId": SOMEBODY},
            (422, "unknown_tenant"),
        ),
        ({"kind": "keep_active"}, (400, "malformed_request")),
        ({"kind": "lock_field", "contactId": SOMEBODY}, (400, "malformed_request")),
        (
            {"kind": "lock_field", "contactId": SOMEBODY, "field": "nickname"},
            (400, "malformed_request"),
        ),
        ({"kind": "ignore_identity", "objectId": SOMEBODY}, (400, "malformed_request")),
        ({"kind": "forever", "contactId": SOMEBODY}, (400, "malformed_request")),
    ],
)
def test_a_pin_that_cannot_be_is_refused(
    admin: Program, pin: Json, failure: tuple[int, str]
) -> None:
    assert admin.post("/pins", pin, method="PUT").failure == failure
    assert admin.items("/pins") == []


def test_contacts_of_another_msp_are_unknown_and_their_pins_unseen(
    admin: Program, host: RunningHost, contacts: list[str]
) -> None:
    put(admin, kind="hands_off", contactId=contacts[0])
    with Program(host.base_url, "admin@southwind.example") as other:
        pin = {"kind": "hands_off", "contactId": contacts[0]}
        assert other.post("/pins", pin, method="PUT").failure == (422, "unknown_contact")
        assert other.items("/pins") == []
        assert other.post("/pins", pin, method="DELETE").data == {"removed": False}
    assert len(admin.items("/pins")) == 1


def test_a_sync_obeys_and_the_contact_shows_its_pins(admin: Program, microsoft: Simulator) -> None:
    admin.connect(microsoft)
    admin.discover()
    admin.accept_exact()
    admin.sync()
    linked = [i for i in admin.items("/identities", verdict="linked") if i["contactId"]]
    ignored, pinned = linked[:2]
    key = {name: ignored[name] for name in ("entraTenantId", "objectId")}
    put(admin, kind="ignore_identity", **key)
    pin = put(admin, kind="hands_off", contactId=pinned["contactId"], reason="VIP")
    assert admin.get(f"/contacts/{pinned['contactId']}").data["pins"] == [pin]
    admin.sync()
    found = {i["objectId"]: i for i in admin.items("/identities", reason="pinned")}
    assert found[ignored["objectId"]]["verdict"] == "ignored"
