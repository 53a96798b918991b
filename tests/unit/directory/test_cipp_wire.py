"""CIPP's envelopes around what Graph answered, and the failures that hide in them."""

from uuid import UUID

import msgspec
import pytest

from entra_plugin.directory.cipp import wire
from entra_plugin.directory.microsoft.wire import User, to_user, verified
from entra_plugin.directory.protocol import Domain
from entra_plugin.domain.errors import ConsentMissing, TransientFailure

ADA: dict[str, object] = {
    "id": "5145af25-6db0-5509-8f9e-d9e761a1c2f4",
    "userPrincipalName": "ada@contoso.example",
    "mail": "ada@contoso.example",
    "accountEnabled": False,
    "proxyAddresses": ["SMTP:ada@contoso.example", "smtp:countess@contoso.example"],
    "assignedLicenses": [{"skuId": "1", "disabledPlans": []}],
    "businessPhones": ["+1 555 0100"],
}
GOOD = {"Tenant": "contoso.example", "CippStatus": "Good"}
UNREACHABLE = {
    "Tenant": "contoso.example",
    "CippStatus": "Could not connect to tenant. Something went wrong",
}
ECHO = {"Endpoint": "users", "Version": "v1.0", "Parameters": {"$top": "999"}, "CippLink": None}
NEXT = "https://graph.microsoft.com/v1.0/users?$skiptoken=x"


def body(*rows: object, **metadata: object) -> bytes:
    """An answer of ListGraphRequest."""
    return msgspec.json.encode({"Results": rows, "Metadata": {**ECHO, **metadata}})


def users(*rows: object, **metadata: object) -> wire.UserAnswer:
    return wire.graph_answer(body(*rows, **metadata), wire.UserAnswer)


def test_a_user_is_the_same_as_from_graph_itself() -> None:
    (row,) = users({**ADA, **GOOD}).results
    assert to_user(row) == to_user(msgspec.json.decode(msgspec.json.encode(ADA), type=User))


def test_no_rows_are_no_failure_by_themselves() -> None:
    assert users().results == []


@pytest.mark.parametrize(
    "rows",
    [
        [UNREACHABLE],
        [{**ADA, **GOOD}, UNREACHABLE],
        [{**ADA, **GOOD, "id": None}],
        [{**ADA, **GOOD, "id": ""}],
        [{**GOOD}],
        [{**ADA, **UNREACHABLE}],
        [{**ADA, **GOOD, "CippStatus": None}],
        [None],
    ],
)
def test_a_row_that_stands_for_a_failure_fails_the_tenant(rows: list[object]) -> None:
    with pytest.raises(ConsentMissing, match="cipp_tenant_failed"):
        users(*rows)


@pytest.mark.parametrize(
    "changes",
    [{"id": "7"}, {"accountEnabled": "yes"}, {"proxyAddresses": "one"}, {"userPrincipalName": 5}],
)
def test_a_user_that_cannot_be_read_is_no_failure_of_the_tenant(
    changes: dict[str, object],
) -> None:
    with pytest.raises(TransientFailure, match="unusable_answer"):
        users({**ADA, **GOOD, **changes})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'"Graph Error: text"',
        b"[]",
        b"{}",
        b'{"Metadata": {}}',
        b'{"Results": null, "Metadata": {}}',
        b'{"Results": {}, "Metadata": {}}',
        b'{"Results": [], "Metadata": []}',
        b'{"Results": [{"id": "5145',
        b'{"Results": [], "Metadata": ' + b"[" * 100_000,
    ],
)
def test_another_document_is_never_no_users(content: bytes) -> None:
    with pytest.raises(TransientFailure, match="unusable_answer"):
        wire.graph_answer(content, wire.UserAnswer)


@pytest.mark.parametrize("missing", [{}, {"Metadata": None}, {"Metadata": {}}])
def test_an_answer_without_metadata_is_the_last_page(missing: dict[str, object]) -> None:
    content = msgspec.json.encode({"Results": [{**ADA, **GOOD}], **missing})
    answer = wire.graph_answer(content, wire.UserAnswer)
    assert len(answer.results) == 1
    assert wire.next_link(answer.metadata) is None


@pytest.mark.parametrize("name", ["otherMails", "proxyAddresses", "assignedLicenses"])
def test_a_collection_that_is_null_is_empty(name: str) -> None:
    without = {key: value for key, value in ADA.items() if key != name}
    null, left_out = users({**without, **GOOD, name: None}, {**without, **GOOD}).results
    assert to_user(null) == to_user(left_out)


def test_what_is_queued_is_not_ready() -> None:
    with pytest.raises(TransientFailure, match="cipp_not_ready") as caught:
        users(Queued=True, QueueMessage="Loading data", QueueId="1")
    assert caught.value.retry_after == 30


@pytest.mark.parametrize("link", [None, ""])
def test_without_a_next_link_it_is_the_last_page(link: str | None) -> None:
    assert wire.next_link(users(nextLink=link).metadata) is None
    assert wire.next_link(users().metadata) is None


@pytest.mark.parametrize(
    "link",
    [
        NEXT,
        "https://graph.microsoft.us/v1.0/users?$skiptoken=x",
        "http://proxy.example/v1.0/users",
        "https://graph.microsoft.com/" + "x" * 4068,
    ],
)
def test_a_next_link_goes_back_to_cipp_wherever_it_leads(link: str) -> None:
    assert wire.next_link(users(nextLink=link).metadata) == link


@pytest.mark.parametrize(
    "link",
    [
        *("//graph.microsoft.com/v1.0/users", "true", "javascript:0", "ftp://graph.example/"),
        "https://graph.microsoft.com/" + "x" * 4069,
    ],
)
def test_a_next_link_that_is_no_link_is_unusable(link: str) -> None:
    with pytest.raises(TransientFailure, match="unusable_answer"):
        wire.next_link(users(nextLink=link).metadata)


def test_the_domains_of_an_organization_are_its_verified_ones_in_ascii() -> None:
    domains = [
        {"name": "Bücher.example", "isDefault": True, "isInitial": False, "type": "Managed"},
        {"name": "x.onmicrosoft.com", "isDefault": False, "isInitial": True},
        {"name": "no domain", "isDefault": False, "isInitial": False},
    ]
    row = {"id": str(UUID(int=1)), "verifiedDomains": domains, **GOOD}
    (organization,) = wire.graph_answer(body(row), wire.OrganizationAnswer).results
    assert verified(organization.verified_domains) == (
        Domain(name="xn--bcher-kva.example", is_default=True, is_initial=False),
        Domain(name="x.onmicrosoft.com", is_default=False, is_initial=True),
    )


@pytest.mark.parametrize("missing", [{}, {"verifiedDomains": None}, {"verifiedDomains": []}])
def test_an_organization_may_come_without_its_domains(missing: dict[str, object]) -> None:
    row = {"id": str(UUID(int=1)), **missing, **GOOD}
    (organization,) = wire.graph_answer(body(row), wire.OrganizationAnswer).results
    assert not organization.verified_domains


@pytest.mark.parametrize(
    "keys",
    [
        ("id", "isDefault", "isInitial"),
        ("id", "isdefault", "isinitial"),
        ("Id", "ISDEFAULT", "IsInitial"),
    ],
)
def test_listed_domains_are_read_whatever_the_case_of_their_keys(
    keys: tuple[str, str, str],
) -> None:
    rows = [dict(zip(keys, ("Contoso.example", True, False), strict=True))]
    assert wire.listed_domains(msgspec.json.encode(rows)) == (
        Domain(name="contoso.example", is_default=True, is_initial=False),
    )


def test_a_listed_domain_that_is_none_or_not_verified_is_left_out() -> None:
    rows = [{"id": None}, {"id": "no domain"}, {"id": "new.example", "isVerified": False}, {}]
    assert wire.listed_domains(msgspec.json.encode(rows)) == ()


@pytest.mark.parametrize("content", [b'["text"]', b'"text"', b"{}", b"", b"[["])
def test_something_else_than_a_list_of_domains_is_unusable(content: bytes) -> None:
    with pytest.raises(TransientFailure, match="unusable_answer"):
        wire.listed_domains(content)
