"""Which rows of CIPP's list are managed tenants, and what is read from them."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.directory.cipp.tenants import Customer, customers
from entra_plugin.domain.errors import ConfigurationInvalid, EntraError, TransientFailure

ACME = "7d0c3f60-5a53-4c9a-9f0e-0a6f3f5b1c11"
ROW: dict[str, object] = {
    "PartitionKey": "Tenants",
    "RowKey": ACME,
    "customerId": ACME,
    "displayName": "Acme Ltd",
    "defaultDomainName": "acme.example",
    "initialDomainName": "acmeltd.onmicrosoft.com",
    "domains": "",
    "delegatedPrivilegeStatus": "granularDelegatedAdminPrivileges",
    "relationshipEnd": "2027-03-01T00:00:00Z",
    "relationshipCount": 1,
    "hasAutoExtend": True,
    "Excluded": False,
    "ExcludeUser": "",
    "ExcludeDate": "",
    "GraphErrorCount": 0,
    "LastGraphError": "",
    "RequiresRefresh": False,
    "LastRefresh": "2026-08-01T00:00:00Z",
}
OWN: dict[str, object] = {
    **ROW,
    "customerId": "00000000-1111-4222-8333-444444444444",
    "displayName": "*Partner Tenant",
    "domains": "PartnerTenant",
    "relationshipEnd": None,
}
SELECTOR: dict[str, object] = {
    "customerId": "AllTenants",
    "defaultDomainName": "AllTenants",
    "displayName": "*All Tenants",
    "domains": "AllTenants",
}
FAILED: dict[str, object] = {
    "Results": "Failed to retrieve tenants: something",
    "defaultDomainName": "",
    "displayName": "Failed to retrieve tenants. Perform a permission check.",
    "customerId": "",
}


def read(*rows: object) -> tuple[Customer, ...]:
    """The managed tenants of a list."""
    return customers(msgspec.json.encode(rows))


def one(**changes: object) -> Customer:
    """The managed tenant that a row becomes."""
    (customer,) = read({**ROW, **changes})
    return customer


def test_a_row_becomes_a_managed_tenant() -> None:
    found = one()
    assert found.tenant.entra_tenant_id == UUID(ACME)
    assert found.tenant.display_name == "Acme Ltd"
    assert found.tenant.default_domain == "acme.example"
    assert found.tenant.relationship_end == datetime(2027, 3, 1, tzinfo=UTC)
    assert found.tenant.auto_extend is True
    assert found.tenant.privilege_status == "granularDelegatedAdminPrivileges"
    assert found.tenant.provider_errors == 0
    assert found.tenant.roles == ()
    assert found.tenant_filter == "acme.example"


@pytest.mark.parametrize(
    "row",
    [
        *(OWN, {**OWN, "domains": ""}, {**OWN, "displayName": "Us"}, SELECTOR, None),
        *({**ROW, "Excluded": True}, {**ROW, "Excluded": "True"}),
    ],
)
def test_a_row_that_is_no_customer_is_left_out(row: object) -> None:
    assert [c.tenant.display_name for c in read(row, ROW)] == ["Acme Ltd"]
    assert read(row) == ()


def test_an_empty_list_is_a_result() -> None:
    assert read() == ()


def test_a_failure_that_comes_as_a_row_is_one() -> None:
    with pytest.raises(ConfigurationInvalid, match="cipp_list_failed") as caught:
        read(FAILED)
    assert caught.value.details == {"rejectedRows": 1}


def test_the_own_row_beside_a_failure_does_not_hide_it() -> None:
    with pytest.raises(ConfigurationInvalid, match="cipp_list_failed"):
        read(OWN, FAILED, SELECTOR)


@pytest.mark.parametrize("row", [{}, {"customerId": None}, {"customerId": 7}, {"id": ACME}])
def test_rows_of_something_else_are_no_list_of_tenants(row: object) -> None:
    with pytest.raises(ConfigurationInvalid, match="unusable_answer"):
        read(row, row)


@pytest.mark.parametrize(
    "guid", ["", "acme.example", "7d0c", ACME.replace("-", ""), f"{{{ACME}}}", ACME[:-1] + "g"]
)
def test_a_row_without_a_guid_is_rejected_and_the_others_are_not(guid: str) -> None:
    rejected = {**ROW, "customerId": guid, "displayName": "Rejected"}
    assert [c.tenant.display_name for c in read(rejected, ROW)] == ["Acme Ltd"]
    with pytest.raises(ConfigurationInvalid, match="cipp_list_failed"):
        read(rejected)


@pytest.mark.parametrize(
    "body", [b"", b'"text"', b"{}", b'{"Results": []}', b"[1]", b'[{"a', b"[" * 100_000]
)
def test_something_else_than_rows_is_unusable(body: bytes) -> None:
    with pytest.raises(TransientFailure, match="unusable_answer"):
        customers(body)


def test_a_tenant_that_is_there_twice_is_listed_once() -> None:
    assert [c.tenant.display_name for c in read(ROW, {**ROW, "displayName": "Again"})] == [
        "Acme Ltd"
    ]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"displayName": " Acme\x00 Ltd\t"}, "Acme Ltd"),
        ({"displayName": ""}, "acme.example"),
        ({"displayName": None, "defaultDomainName": ""}, ACME),
    ],
)
def test_a_tenant_always_has_a_name(changes: dict[str, object], name: str) -> None:
    assert one(**changes).tenant.display_name == name


@pytest.mark.parametrize(
    ("default", "initial", "known", "asked"),
    [
        ("bücher.example", "x.onmicrosoft.com", "xn--bcher-kva.example", "bücher.example"),
        ("ACME.example", "x.onmicrosoft.com", "acme.example", "ACME.example"),
        ("x.onmicrosoft.com", "x.onmicrosoft.com", "x.onmicrosoft.com", "x.onmicrosoft.com"),
        ("", "x.onmicrosoft.com", None, "x.onmicrosoft.com"),
        (None, None, None, ACME),
        ("no domain", "", None, "no domain"),
    ],
)
def test_the_default_domain_is_what_a_tenant_is_asked_for_with(
    default: object, initial: object, known: str | None, asked: str
) -> None:
    found = one(defaultDomainName=default, initialDomainName=initial, RequiresRefresh=True)
    assert (found.tenant.default_domain, found.tenant_filter) == (known, asked)


@pytest.mark.parametrize(
    ("value", "end"),
    [
        ("2027-03-01T00:00:00.0000000Z", datetime(2027, 3, 1, tzinfo=UTC)),
        ("2027-03-01T00:00:00", datetime(2027, 3, 1, tzinfo=UTC)),
        ("2027-03-01T02:00:00+02:00", datetime(2027, 3, 1, tzinfo=UTC)),
        (None, None),
        ("", None),
        ("soon", None),
        ("9999-12-31T23:59:59.9999999Z", None),
        ("0001-01-01T00:00:00", None),
        (5, None),
        ({}, None),
    ],
)
def test_an_end_that_cannot_be_read_is_none(value: object, end: datetime | None) -> None:
    assert one(relationshipEnd=value).tenant.relationship_end == end


@pytest.mark.parametrize(
    ("value", "meant"), [(True, True), ("false", False), (None, None), ("", None), (1, None)]
)
def test_auto_extend_is_yes_or_no_or_unknown(value: object, meant: bool | None) -> None:
    assert one(hasAutoExtend=value).tenant.auto_extend is meant


@pytest.mark.parametrize(
    ("value", "count"),
    [
        *((57, 57), ("57", 57), (None, None), (True, None), (0, 0), (2**31 - 1, 2**31 - 1)),
        *((2**31, None), (-1, None), ("2147483648", None), ("9" * 5_000, None), ("²", None)),
    ],
)
def test_the_errors_that_cipp_counted_are_kept_if_they_can_be(
    value: object, count: int | None
) -> None:
    assert one(GraphErrorCount=value).tenant.provider_errors == count


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 99) | st.text(max_size=5) | st.sampled_from([ACME]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(ROW, ANYTHING)), max_size=3))
def test_whatever_the_rows_hold_nothing_but_our_errors_comes_of_it(
    rows: list[dict[str, object]],
) -> None:
    try:
        found = read(*rows)
    except EntraError:
        return
    assert all(customer.tenant_filter for customer in found)
