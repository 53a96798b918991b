"""Microsoft's users become ours: trimmed, mended where harmless, refused where it is not."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.directory.microsoft import wire
from entra_plugin.directory.protocol import Domain
from entra_plugin.domain.errors import TransientFailure
from entra_plugin.domain.identity import DirectoryUser

ADA = {
    "id": "5145af25-6db0-5509-8f9e-d9e761a1c2f4",
    "userPrincipalName": "ada@contoso.example",
    "mail": "ada@contoso.example",
    "displayName": "Ada Lovelace",
    "accountEnabled": True,
    "proxyAddresses": ["smtp:countess@contoso.example", "SMTP:ada@contoso.example", "SIP:ada"],
    "otherMails": ["ada@home.example"],
}


def read(**changes: object) -> DirectoryUser:
    """A user as it comes over the wire."""
    return wire.to_user(
        msgspec.json.decode(msgspec.json.encode({**ADA, **changes}), type=wire.User)
    )


def test_aliases_are_the_smtp_ones_primary_first_then_other_mails() -> None:
    assert read().aliases == (
        "ada@contoso.example",
        "countess@contoso.example",
        "ada@home.example",
    )


@pytest.mark.parametrize(
    "name",
    [
        *("userPrincipalName", "otherMails", "proxyAddresses", "businessPhones"),
        *("assignedLicenses", "displayName", "isResourceAccount"),
    ],
)
def test_a_property_that_is_null_is_as_if_it_were_left_out(name: str) -> None:
    without = {key: value for key, value in ADA.items() if key != name}
    bodies = (msgspec.json.encode({"value": [row]}) for row in (without, {**without, name: None}))
    left_out, null = (
        wire.to_users(wire.decode(body, wire.UserList).value, body) for body in bodies
    )
    assert null == left_out


def test_a_domain_that_does_not_say_what_it_is_is_neither_default_nor_initial() -> None:
    body = msgspec.json.encode(
        {
            "id": ADA["id"],
            "verifiedDomains": [{"name": "a.example", "isDefault": None, "isInitial": None}],
        }
    )
    assert wire.verified(wire.decode(body, wire.Organization).verified_domains) == (
        Domain(name="a.example", is_default=False, is_initial=False),
    )


@pytest.mark.parametrize("missing", [{}, {"verifiedDomains": None}, {"verifiedDomains": []}])
def test_an_organization_may_come_without_domains(missing: dict[str, object]) -> None:
    body = msgspec.json.encode({"id": ADA["id"], **missing})
    assert wire.verified(wire.decode(body, wire.Organization).verified_domains) == ()


@pytest.mark.parametrize("start", [b"", b"\xff"], ids=["as it is", "mended"])
def test_a_document_that_nests_without_end_is_unusable(start: bytes) -> None:
    with pytest.raises(TransientFailure, match="unusable_answer"):
        wire.decode(b'{"value":[],"more":' + b"[" * 100_000 + start, wire.UserList)


@pytest.mark.parametrize(
    "name", [" Ada Lovelace", "Ada Lovelace\t", "Ada\x00 Lovelace", "Ada Lovelace "]
)
def test_a_name_is_trimmed_and_rid_of_control_characters(name: str) -> None:
    assert read(displayName=name).display_name == "Ada Lovelace"


@pytest.mark.parametrize("name", ["userType", "externalUserState"])
def test_a_word_is_rid_of_control_characters_as_well(name: str) -> None:
    """The database stores no NUL."""
    found = read(**{name: "Guest\x00"})
    assert "Guest" in {found.user_type, found.external_state}


@pytest.mark.parametrize(
    ("spelt", "text"),
    [
        (rb"Cut \ud83d", "Cut \ufffd"),
        (rb"\ude00 cut", "\ufffd cut"),
        (rb"Ann \ud83d\ude00, cut \uD83D", "Ann \U0001f600, cut \ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\\ud83d, cut \ud83d", "\\ud83d, cut \ufffd"),
    ],
)
def test_half_a_character_is_replaced_and_nothing_beside_it(spelt: bytes, text: str) -> None:
    assert wire.decode(b'{"code":"' + spelt + b'"}', wire.ErrorBody).code == text


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_empty_text_is_none(text: str) -> None:
    found = read(displayName=text, mail=text)
    assert (found.display_name, found.mail) == (None, None)


@pytest.mark.parametrize(
    "address", ["ada\x00@contoso.example", "ada\ufffd@contoso.example", "a\u202eda@x.example"]
)
def test_an_address_with_a_character_that_none_has_is_none_and_not_mended(address: str) -> None:
    found = read(mail=address, proxyAddresses=[f"SMTP:{address}"], otherMails=[])
    assert (found.mail, found.aliases) == (None, ())


@pytest.mark.parametrize("address", [" ada@contoso.example", "ada@contoso.example "])
def test_an_address_is_trimmed(address: str) -> None:
    assert read(mail=address).mail == "ada@contoso.example"
    assert read(proxyAddresses=[f"SMTP:{address}"], otherMails=[]).aliases == (
        "ada@contoso.example",
    )


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    st.fixed_dictionaries(dict.fromkeys(("displayName", "mail", "jobTitle"), TEXT)),
    st.lists(TEXT, max_size=3),
)
def test_the_quick_look_changes_nothing(texts: dict[str, str], mails: list[str]) -> None:
    found = read(**texts, proxyAddresses=[f"smtp:{m}" for m in mails], otherMails=mails)
    assert found.display_name == wire._text(texts["displayName"])
    assert found.job_title == wire._text(texts["jobTitle"])
    assert found.mail == wire._address(texts["mail"])
    wanted = [wire._address(mail) for mail in mails]
    assert found.aliases == tuple(dict.fromkeys(mail for mail in wanted if mail))


@pytest.mark.parametrize(
    ("error", "codes"),
    [
        ({"code": "Authorization_RequestDenied"}, ("Authorization_RequestDenied",)),
        ({"code": "outer", "innerError": {"code": "inner"}}, ("outer", "inner")),
        ({"code": "", "innererror": {"code": "inner", "date": "x"}}, ("inner",)),
        ({"code": None, "innerError": None}, ()),
        ({"message": "Request_ResourceNotFound"}, ()),
    ],
)
def test_the_codes_of_an_error_are_found_however_deep(
    error: dict[str, object], codes: tuple[str, ...]
) -> None:
    assert wire.error_codes(msgspec.json.encode({"error": error})) == codes


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"error":"text"}', b'{"error":{"code":5}}', b"\xff"]
)
def test_a_body_that_is_no_error_of_graph_has_no_codes(body: bytes) -> None:
    assert wire.error_codes(body) == ()


def test_an_error_that_nests_without_end_is_given_up() -> None:
    body = b'{"innerError":' * 100_000
    assert wire.error_codes(b'{"error":' + body) == ()


letters = st.sampled_from(' \t:"\\\x7f\u00a0\ufffdé花') | st.characters(codec="utf-8")
texts = st.text(letters, max_size=6)
proxies = st.builds("{}{}".format, st.sampled_from(["SMTP:", "smtp:", "Smtp:", "SIP:", ""]), texts)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "displayName": st.none() | texts,
                "mail": st.none() | texts,
                "jobTitle": st.none() | texts,
                "userPrincipalName": st.none() | texts,
                "proxyAddresses": st.none() | st.lists(proxies, max_size=3),
                "otherMails": st.none() | st.lists(texts, max_size=2),
                "businessPhones": st.none() | st.lists(texts, max_size=2),
                "assignedLicenses": st.none() | st.just([{"skuId": "1"}]),
                "accountEnabled": st.sampled_from([True, False, None]),
            }
        ),
        max_size=3,
    )
)
def test_a_page_read_at_one_look_is_as_if_each_user_were_looked_at(
    rows: list[dict[str, object]],
) -> None:
    body = msgspec.json.encode({"value": [{**ADA, **row} for row in rows]})
    users = wire.decode(body, wire.UserList).value
    assert wire.to_users(users, body) == tuple(map(wire.to_user, users))
