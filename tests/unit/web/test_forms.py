"""Forms with credentials: what they mean, and that no secret comes back."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from entra_plugin.web.malformed import MalformedRequest
from entra_plugin.web.pages.forms import CippForm, CredentialsForm, FieldError

NEW_YORK = ZoneInfo("America/New_York")


def credentials(expires_at: str) -> CredentialsForm:
    return CredentialsForm(client_id="id", client_secret="the-secret", expires_at=expires_at)


def test_a_secret_expires_at_the_beginning_of_the_persons_day() -> None:
    assert credentials("2027-03-01").expiry(NEW_YORK) == datetime(2027, 3, 1, 5, tzinfo=UTC)


def test_a_date_may_be_left_out() -> None:
    assert credentials("").expiry(NEW_YORK) is None


@pytest.mark.parametrize("text", ["tomorrow", "2027-02-30", "0001-01-01", "9999-12-31"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(MalformedRequest):
        credentials(text).expiry(NEW_YORK)


def test_fields_of_the_other_kind_do_not_count() -> None:
    form = CippForm(base_url=" https://cipp.example ", kind="token", api_token=" t ", client_id="c")
    access = form.access()
    assert access.complete
    assert (access.base_url, access.api_token, access.client_id) == (
        "https://cipp.example",
        "t",
        None,
    )


def test_an_api_client_has_no_token() -> None:
    form = CippForm(api_token="t", tenant_id="a", client_id="b", client_secret="c")
    assert form.access().complete
    assert form.access().api_token is None


@pytest.mark.parametrize("token", ["two words", "schl\u00fcssel", "line\nbreak"])
def test_a_token_that_no_header_can_carry_is_known(token: str) -> None:
    assert not CippForm(kind="token", api_token=token).token_is_sendable


@pytest.mark.parametrize(
    ("filled", "missing"),
    [
        ({"kind": "token"}, "api_token"),
        ({}, "tenant_id"),
        ({"tenant_id": "a"}, "client_id"),
        ({"tenant_id": "a", "client_id": "b"}, "client_secret"),
    ],
)
def test_the_first_empty_field_of_the_kind_is_named(filled: dict[str, str], missing: str) -> None:
    assert CippForm.model_validate(filled).missing == missing


def test_no_secret_comes_back() -> None:
    wrong = FieldError(field="client_id", text="wrong")
    cipp = CippForm(api_token="the-token", client_secret="the-secret", client_id="shown")
    shown = repr((cipp.again(wrong), credentials("").again(wrong)))
    assert "shown" in shown
    assert "the-token" not in shown
    assert "the-secret" not in shown


def test_a_form_does_not_show_its_secrets() -> None:
    assert "the-secret" not in repr(credentials(""))
    assert "the-token" not in repr(CippForm(api_token="the-token"))


@pytest.mark.parametrize("body", [{"kind": "other"}, {"unknown": "x"}, {"base_url": "a\x00b"}])
def test_what_the_form_does_not_know_is_refused(body: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        CippForm.model_validate(body)
