"""Who sees what: every surface, for everybody who may not use it."""

from collections.abc import Iterator

import httpx
import pytest

from entra_plugin.access import Permission
from entra_plugin.domain.flags import Flag
from entra_plugin.web.routes import (
    API,
    API_MOUNT,
    CALLBACK,
    CALLBACK_MOUNT,
    PAGES,
    PAGES_MOUNT,
    Entry,
)
from support.inside import Inside
from support.program import Program
from support.running import RunningHost
from support.simulator import Simulator

NOBODY = "00000000-0000-4000-8000-000000000000"
SURFACES = [
    (mount, entry)
    for mount, table in ((API_MOUNT, API), (CALLBACK_MOUNT, CALLBACK), (PAGES_MOUNT, PAGES))
    for entry in table
]
NAMES = [f"{entry.method} {mount}{entry.path}" for mount, entry in SURFACES]


def ask(program: Program, mount: str, path: str, method: str) -> httpx.Response:
    """The bare request, with a body that no parser would take."""
    for name in ("run_id", "client_id", "contact_id", "item_id"):
        path = path.replace("{" + name + "}", NOBODY)
    path = path.replace("{name}", "entra.css")
    headers = {"X-CSRF-Token": program.csrf}
    content = None if method == "GET" else b"{not json"
    return program.http.request(method, mount + path, content=content, headers=headers)


def code_of(answer: httpx.Response) -> str | None:
    """The code of an API answer; pages have none."""
    if answer.headers["content-type"] != "application/json":
        return None
    return str(answer.json()["code"])


@pytest.fixture(scope="module")
def portal(host: RunningHost) -> Iterator[Program]:
    with Program(host.base_url, "portal@northwind.example") as program:
        yield program


@pytest.fixture(scope="module")
def reader(host: RunningHost) -> Iterator[Program]:
    with Program(host.base_url, "tech@northwind.example") as program:
        yield program


@pytest.fixture
def flags_off(host: RunningHost, request: pytest.FixtureRequest) -> Iterator[None]:
    """The named flag is off for the first MSP; afterwards it is on again."""
    host.target(request.param, host.tenant_id(0), "remove")
    yield
    host.target(request.param, host.tenant_id(0), "add")


@pytest.mark.parametrize(("mount", "entry"), SURFACES, ids=NAMES)
def test_nobody_signed_in_gets_401(host: RunningHost, mount: str, entry: Entry) -> None:
    with Program(host.base_url) as nobody:
        answer = ask(nobody, mount, entry.path, entry.method)
    assert answer.status_code == 401
    assert code_of(answer) in {None, "not_signed_in"}


@pytest.mark.parametrize(("mount", "entry"), SURFACES, ids=NAMES)
def test_a_portal_user_gets_403_whatever_his_permissions(
    portal: Program, mount: str, entry: Entry
) -> None:
    answer = ask(portal, mount, entry.path, entry.method)
    assert answer.status_code == 403
    assert code_of(answer) in {None, "portal_user"}


@pytest.mark.parametrize(("mount", "entry"), SURFACES, ids=NAMES)
def test_a_reader_may_look_and_change_nothing(reader: Program, mount: str, entry: Entry) -> None:
    answer = ask(reader, mount, entry.path, entry.method)
    if entry.needs.permission == Permission.READ:
        assert answer.status_code in {200, 400, 404}
    else:
        assert answer.status_code == 403
        assert code_of(answer) in {None, "permission_missing"}


def test_a_refusal_names_the_permission_that_is_missing(reader: Program) -> None:
    answer = reader.post("/sync", {"scope": "all"})
    assert answer.failure == (403, "permission_missing")
    assert answer.body["details"] == {"permission": "system_settings.update"}


@pytest.mark.parametrize("flags_off", [Flag.UI.value], indirect=True)
def test_with_the_main_flag_off_every_surface_is_absent_before_the_body_is_read(
    admin: Program, portal: Program, flags_off: None
) -> None:
    unknown = ask(admin, API_MOUNT, "/no-such-thing", "GET")
    for mount, entry in SURFACES:
        for program in (admin, portal):
            answer = ask(program, mount, entry.path, entry.method)
            assert answer.status_code == 404, (mount, entry.path)
            if mount == API_MOUNT:
                assert answer.content == unknown.content, "disabled cannot be told from absent"


@pytest.mark.parametrize("flags_off", [Flag.QUEUE.value], indirect=True)
def test_without_the_queue_flag_the_queue_is_absent(admin: Program, flags_off: None) -> None:
    assert admin.get("/review-items").failure == (404, "not_found")
    assert "openReviewItems" not in admin.get("/").data


@pytest.mark.parametrize("flags_off", [Flag.FIELD_SYNC.value], indirect=True)
def test_without_the_field_flag_field_rules_are_neither_shown_nor_savable(
    admin: Program, flags_off: None
) -> None:
    settings = admin.get("/settings").data
    assert "fieldSyncConfig" not in settings
    body = {"version": settings["version"], "fieldSyncConfig": {"displayName": True}}
    answer = admin.post("/settings", body, method="PUT")
    assert answer.failure == (404, "not_found")
    assert answer.body["details"] == {"field": "fieldSyncConfig"}


@pytest.mark.parametrize("flags_off", [Flag.CLIENT_SYNC.value], indirect=True)
def test_without_the_client_flag_one_client_cannot_be_synced(
    admin: Program, flags_off: None
) -> None:
    body = {"scope": "client", "clientId": "c1000000-0000-4000-8000-000000000001"}
    assert admin.post("/sync", body).failure == (404, "not_found")
    client = admin.http.get("/clients/c1000000-0000-4000-8000-000000000001")
    assert "fragments/clients" not in client.text


def test_turning_everything_off_and_on_again_loses_nothing(
    admin: Program, host: RunningHost, microsoft: Simulator, inside: Inside
) -> None:
    admin.connect(microsoft)
    admin.discover()
    admin.accept_exact()
    assert admin.sync("initial")["state"] == "completed"
    overview, people = admin.get("/").data, inside.contacts(host.tenant_id(0))
    for flag in Flag:
        host.target(flag.value, host.tenant_id(0), "remove")
    assert admin.get("/").failure == (404, "not_found")
    for flag in Flag:
        host.target(flag.value, host.tenant_id(0), "add")
    assert admin.get("/").data == overview
    assert inside.contacts(host.tenant_id(0)) == people


def test_a_change_without_the_csrf_token_is_refused(admin: Program) -> None:
    answer = admin.http.post(f"{API_MOUNT}/validate", json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


def test_an_unknown_path_and_another_method_are_not_found(admin: Program) -> None:
    for method, path in (("GET", "/nothing"), ("DELETE", "/settings"), ("POST", "/runs")):
        assert ask(admin, API_MOUNT, path, method).status_code == 404


def test_every_route_answers_with_and_without_a_trailing_slash(admin: Program) -> None:
    for path in ("/", "/runs", "/settings", "/managed-tenants", "/mappings/preview"):
        with_slash = admin.http.get(API_MOUNT + path.rstrip("/") + "/")
        without = admin.http.get(API_MOUNT + path.rstrip("/"))
        assert with_slash.status_code == without.status_code == 200, path
        assert with_slash.json() == without.json()
