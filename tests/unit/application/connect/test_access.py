"""Credentials of a CIPP: one kind, whole, or not at all; and never shown."""

from dataclasses import replace
from itertools import product

import pytest

from entra_plugin.application.connect.access import NAMES, CippAccess
from entra_plugin.domain import secret_names
from entra_plugin.domain.states import ConnectionMode

BASE = "https://cipp.example"
CANARY = "canary-of-a-secret"
TOKEN = CippAccess(base_url=BASE, api_token="a-token")
CLIENT = CippAccess(
    base_url=BASE, tenant_id="a-tenant", client_id="a-client", client_secret="a-secret"
)


@pytest.mark.parametrize(
    ("access", "mode"),
    [(TOKEN, ConnectionMode.API_TOKEN), (CLIENT, ConnectionMode.CLIENT_CREDENTIALS)],
)
def test_either_kind_is_complete_by_itself(access: CippAccess, mode: ConnectionMode) -> None:
    assert access.complete
    assert access.mode == mode


@pytest.mark.parametrize("present", list(product([True, False], repeat=4)))
def test_what_is_neither_kind_whole_and_alone_is_not_complete(
    present: tuple[bool, bool, bool, bool],
) -> None:
    token, tenant, client, secret = present
    access = CippAccess(
        base_url=BASE,
        api_token="a-token" if token else None,
        tenant_id="a-tenant" if tenant else None,
        client_id="a-client" if client else None,
        client_secret="a-secret" if secret else None,
    )
    wanted = present in {(True, False, False, False), (False, True, True, True)}
    assert access.complete is wanted


@pytest.mark.parametrize("name", ["tenant_id", "client_id", "client_secret"])
def test_an_empty_part_is_a_missing_part(name: str) -> None:
    assert not replace(CLIENT, **{name: ""}).complete


def test_an_empty_token_is_a_missing_token() -> None:
    assert not replace(TOKEN, api_token="").complete


def test_an_empty_part_of_the_other_kind_is_still_a_part_of_it() -> None:
    assert not replace(TOKEN, client_secret="").complete


def test_only_what_there_is_is_stored_under_the_guides_names() -> None:
    assert TOKEN.secrets() == {"entra_cipp_base_url": BASE, "entra_cipp_api_token": "a-token"}
    assert CLIENT.secrets() == {
        "entra_cipp_base_url": BASE,
        "entra_cipp_tenant_id": "a-tenant",
        "entra_cipp_client_id": "a-client",
        "entra_cipp_client_secret": "a-secret",
    }


@pytest.mark.parametrize("access", [TOKEN, CLIENT])
def test_what_was_stored_reads_back_as_it_was(access: CippAccess) -> None:
    stored = access.secrets()
    assert CippAccess.of({field: stored.get(name) for field, name in NAMES.items()}) == access


def test_a_store_that_lost_everything_reads_as_not_complete() -> None:
    found = CippAccess.of(dict.fromkeys(NAMES))
    assert (found.base_url, found.complete) == ("", False)


def test_every_name_is_one_of_those_that_a_switch_deletes() -> None:
    assert set(NAMES.values()) == set(secret_names.CIPP) <= set(secret_names.OF_CONNECTIONS)


@pytest.mark.parametrize(
    "access",
    [
        replace(TOKEN, api_token=CANARY),
        replace(CLIENT, client_secret=CANARY),
    ],
)
def test_its_text_shows_no_secret(access: CippAccess) -> None:
    assert CANARY not in f"{access} {access!r}"
