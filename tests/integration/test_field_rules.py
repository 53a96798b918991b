"""Field rules on contacts that are linked: who wins, and what is never overwritten."""

from collections.abc import Iterator

import pytest

from support.folders import write_seed
from support.ruling import Meet, changes, questions, rests, value
from support.running import RunningHost, running_devhost
from support.undoing import Customer, guard, rules

USERS = 6
FIELD_SYNC = "entra-integration-field-sync"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("seed")
    write_seed(folder, tenants=16, users=USERS)
    with running_devhost(seed=str(folder)) as running:
        yield running


def ruled(customer: Customer, **on: object) -> None:
    """Set the rules, and let everybody be compared under them."""
    rules(customer.admin, **on)
    customer.sync()


def mode(name: str) -> dict[str, object]:
    return {"enabled": True, "mode": name}


@pytest.mark.parametrize(
    ("number", "who_wins", "both_changed", "asked"),
    [
        (1, "directory_wins", "Chief", {}),
        (2, "local_wins", "By hand", {}),
        (3, "ask", "By hand", {"person3": "field_conflict"}),
    ],
)
def test_the_mode_decides_only_where_both_sides_changed(
    meet: Meet, number: int, who_wins: str, both_changed: str, asked: dict[str, str]
) -> None:
    customer = meet(number)
    customer.sync()
    customer.edit(1, role="Clerk")
    ruled(customer, role=mode(who_wins))
    customer.change(0, jobTitle="Chief")
    customer.edit(2, role="By hand")
    customer.change(3, jobTitle="Chief")
    customer.edit(3, role="By hand")
    customer.change(4, jobTitle=None)
    customer.sync()
    assert {n: value(customer, n, "role") for n in range(USERS)} == {
        0: "Chief",
        1: "Clerk",
        2: "By hand",
        3: both_changed,
        4: "Clerk",
        5: "Clerk",
    }
    assert questions(customer) == asked
    rests(customer)
    customer.change(2, jobTitle="Chief")
    customer.edit(2, role="Chief")
    customer.sync()
    assert value(customer, 2, "role") == "Chief", "both came to agree"
    rests(customer)


def test_what_a_person_keeps_is_settled_until_the_directory_changes_again(meet: Meet) -> None:
    customer = meet(4)
    customer.sync()
    ruled(customer, role=mode("local_wins"))
    customer.change(0, jobTitle="Chief")
    customer.edit(0, role="By hand")
    customer.sync()
    customer.edit(0, role="Chief")
    rests(customer)
    customer.change(0, jobTitle="Head")
    assert changes(customer.sync()) == {"updated": 1}
    assert value(customer, 0, "role") == "Head"


def test_a_rule_that_is_off_changes_nothing(meet: Meet) -> None:
    customer = meet(5)
    customer.sync()
    ruled(customer, department=True)
    customer.change(0, jobTitle="Chief", displayName="Somebody Else", mobilePhone="+1 555 77")
    assert changes(customer.sync()) == {}
    assert value(customer, 0, "role") == "Clerk"
    assert value(customer, 0, "full_name") == "Person 0"


def test_without_the_flag_no_rule_has_an_effect_and_with_it_again_it_has(meet: Meet) -> None:
    customer = meet(6)
    customer.sync()
    ruled(customer, role=True)
    customer.change(0, jobTitle="Chief")
    customer.host.target(FIELD_SYNC, customer.host.tenant_id(0), "remove")
    try:
        assert changes(customer.sync()) == {}
        assert value(customer, 0, "role") == "Clerk"
        rests(customer)
    finally:
        customer.host.target(FIELD_SYNC, customer.host.tenant_id(0), "add")
    assert changes(customer.sync()) == {"updated": 1}
    assert value(customer, 0, "role") == "Chief"


def test_numbers_of_other_types_stay(meet: Meet) -> None:
    customer = meet(7)
    customer.sync()
    ruled(customer, phone=True)
    customer.inside.write(
        "INSERT INTO psa_contact_phones (tenant_id, contact_id, type, number)"
        " SELECT tenant_id, id, t, '+1 555 ' || t FROM psa_contacts, unnest(%s::text[]) t"
        " WHERE email = %s",
        ["home", "mobile"],
        customer.address(0),
    )
    customer.change(0, businessPhones=["+1 555 4444"], mobilePhone="+1 555 8888")
    run = customer.sync()
    assert numbers(customer, 0) == {
        "work": "+1 555 4444",
        "home": "+1 555 home",
        "mobile": "+1 555 mobile",
    }
    assert customer.rows(run)["person0", "update"]["before"] == {"phone": "+1 555 0000"}
    rests(customer)


def test_a_number_that_is_only_written_otherwise_is_the_same(meet: Meet) -> None:
    customer = meet(8)
    customer.sync()
    ruled(customer, phone=True)
    customer.change(0, businessPhones=["001 (555) 00-00"])
    assert changes(customer.sync()) == {}
    assert numbers(customer, 0) == {"work": "+1 555 0000"}


def test_an_address_that_a_contact_anywhere_has_is_not_taken_and_the_rest_is_written(
    meet: Meet,
) -> None:
    customer, other = meet(9), meet(10)
    customer.sync()
    other.sync()
    ruled(customer, email=True, role=True)
    customer.change(0, mail=other.address(2), jobTitle="Chief")
    customer.change(2, mail="renamed@customer9.example")
    run = customer.sync()
    rows = {row["contactId"]: row for row in customer.rows(run, kind="update").values()}
    assert value(customer, 0, "email") == customer.address(0)
    assert value(customer, 0, "role") == "Chief"
    assert value(customer, 2, "email") == "renamed@customer9.example"
    row = rows[value(customer, 0, "id")]
    assert row["after"] == {"role": "Chief"}
    assert row["note"] == {"emailTaken": value(other, 2, "id")}
    rests(customer)


def test_an_address_that_two_people_get_is_written_once_and_stops_nobody(meet: Meet) -> None:
    customer = meet(14)
    customer.sync()
    ruled(customer, email=True, role=True)
    customer.change(0, mail="same@customer14.example")
    customer.change(2, mail="same@customer14.example")
    customer.change(3, jobTitle="Chief")
    assert customer.sync()["state"] == "completed"
    assert value(customer, 3, "role") == "Chief"
    customer.sync()
    assert "same" in customer.people()
    rests(customer)


def test_an_address_that_is_free_again_is_taken_though_microsoft_reports_no_change(
    meet: Meet,
) -> None:
    customer = meet(12)
    customer.sync()
    ruled(customer, email=True)
    customer.inside.write(
        "UPDATE psa_contacts SET email = t, email_key = t, version = version + 1"
        " FROM (VALUES (%s)) AS v (t) WHERE email = %s",
        "taken@customer12.example",
        customer.address(2),
    )
    customer.change(0, mail="taken@customer12.example")
    assert changes(customer.sync()) == {}
    rests(customer)
    customer.change(2, mail="elsewhere@customer12.example")
    customer.sync()
    customer.sync()
    assert value(customer, 2, "email") == "elsewhere@customer12.example"
    assert value(customer, 0, "email") == "taken@customer12.example"
    rests(customer)


def test_a_new_contact_has_what_only_a_rule_fills_and_starts_with_the_directorys_values(
    meet: Meet,
) -> None:
    customer = meet(11)
    customer.change(0, department="Sales", officeLocation="Room 1")
    ruled(customer, department=True, role=mode("local_wins"))
    assert value(customer, 0, "department") == "Sales"
    assert value(customer, 0, "office_location") is None
    customer.change(0, department="Service")
    customer.change(2, jobTitle="Chief")
    assert changes(customer.sync()) == {"updated": 2}
    assert value(customer, 0, "department") == "Service"
    assert value(customer, 2, "role") == "Chief", "nobody had edited it"
    rests(customer)


def test_a_held_overwrite_beside_a_question_rests_until_somebody_decides(meet: Meet) -> None:
    customer = meet(12)
    customer.sync()
    customer.inside.write(
        "UPDATE psa_contacts SET role = 'Edited', full_name = 'Edited', name_key = 'edited',"
        " version = version + 1 WHERE email = %s",
        customer.address(1),
    )
    guard(customer.admin, overwriteMin=0, overwritePercent=0)
    ruled(customer, role=True, displayName=mode("ask"))
    assert questions(customer) == {"person1": "field_conflict"}
    for _ in range(3):
        rests(customer)
    customer.inside.write(
        "UPDATE psa_contacts SET full_name = 'Again', name_key = 'again', version = version + 1"
        " WHERE email = %s",
        customer.address(1),
    )
    assert changes(customer.sync()) == {"queued": 1}
    for _ in range(2):
        rests(customer)
    guard(customer.admin)
    rules(customer.admin)


def numbers(customer: Customer, number: int) -> dict[str, str]:
    """The numbers of a contact by type."""
    found = customer.inside.rows(
        "SELECT p.type, p.number FROM psa_contact_phones p JOIN psa_contacts c"
        " ON c.tenant_id = p.tenant_id AND c.id = p.contact_id WHERE c.email = %s",
        customer.address(number),
    )
    return {str(kind): str(written) for kind, written in found}


@pytest.mark.parametrize(("number", "kept"), [(15, True), (16, False)])
def test_who_left_and_is_kept_active_follows_the_rules_as_before(
    meet: Meet, number: int, *, kept: bool
) -> None:
    customer = meet(number)
    customer.sync()
    ruled(customer, role=True)
    if kept:
        customer.pin("keep_active", 0)
    else:
        guard(customer.admin, markInactiveWhenDisabled=False)
    customer.change(0, accountEnabled=False)
    customer.sync()
    customer.change(0, jobTitle="Chief")
    try:
        assert changes(customer.sync()) == {"updated": 1}
        assert value(customer, 0, "role") == "Chief"
        customer.edit(0, role="By hand")
        rests(customer)
    finally:
        guard(customer.admin)
        rules(customer.admin)
    if not kept:
        assert changes(customer.sync()) == {"inactivated": 1}, "the evidence is not forgotten"


def test_who_is_active_again_by_hand_follows_the_rules_and_stays_so(meet: Meet) -> None:
    customer = meet(13)
    customer.sync()
    ruled(customer, role=True)
    customer.change(0, accountEnabled=False)
    customer.sync()
    customer.edit(0, active=True)
    customer.change(0, jobTitle="Chief")
    guard(customer.admin, overwriteMin=0, overwritePercent=0)
    try:
        held = customer.sync()
        assert (held["state"], changes(held)) == ("held", {"held": 1})
        assert changes(customer.sync()) == {}, "what waits for a person makes nobody leave again"
        assert "person0" in customer.active()
    finally:
        guard(customer.admin)
    customer.admin.post(f"/runs/{held['runId']}/approve", {})
    customer.sync()
    assert value(customer, 0, "role") == "Chief"
    assert "person0" in customer.active()
    rules(customer.admin)
