"""The platform flag API with our action, as the guide's curl lines use it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from entra_plugin.domain.flags import Flag
from support.inside import Inside
from support.program import Program
from support.running import FLAGS, RunningHost

ENSURE = {"__action": "ensure_entra_phase1_flags"}
KEYS = sorted(flag.value for flag in Flag)
UNKNOWN = "9b2f6b0e-0000-4000-8000-000000000000"


@pytest.fixture
def platform(host: RunningHost) -> Iterator[httpx.Client]:
    """A client with the master tenant's key."""
    headers = {"x-api-key": str(host.facts["masterApiKey"])}
    with httpx.Client(base_url=host.base_url, headers=headers, trust_env=False) as client:
        yield client


def flags(platform: httpx.Client) -> dict[str, dict[str, object]]:
    return {str(flag["key"]): flag for flag in platform.get(FLAGS).json()["data"]}


def test_the_start_has_ensured_the_five_flags_and_targeted_every_msp(
    platform: httpx.Client,
) -> None:
    assert sorted(key for key in flags(platform) if key.startswith("entra-")) == KEYS


def test_ensuring_again_creates_nothing(platform: httpx.Client) -> None:
    answer = platform.post(FLAGS, json=ENSURE)
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["createdKeys"] == []
    assert sorted(data["existingKeys"]) == KEYS


def test_two_at_once_make_no_duplicate_and_new_flags_are_off_for_everyone(
    platform: httpx.Client, admin: Program, host: RunningHost
) -> None:
    for key, flag in flags(platform).items():
        if key in KEYS:
            assert platform.delete(f"{FLAGS}/{flag['id']}").status_code == 200
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: platform.post(FLAGS, json=ENSURE), range(8)))
    assert [a.status_code for a in answers] == [200] * 8
    created = [key for a in answers for key in a.json()["data"]["createdKeys"]]
    assert sorted(created) == KEYS
    assert admin.get("/").failure == (404, "not_found")
    for key in KEYS:
        host.target(key, host.tenant_id(0), "add")
    assert admin.get("/").status == 200


def test_targeting_one_msp_leaves_the_others_alone(host: RunningHost) -> None:
    with Program(host.base_url, "admin@southwind.example") as other:
        before = other.get("/").status
        host.target(Flag.UI.value, host.tenant_id(1), "add")
        assert other.get("/").status == 200
        host.target(Flag.UI.value, host.tenant_id(1), "remove")
        assert other.get("/").failure == (404, "not_found")
        assert before in {200, 404}


def test_keys_are_checked_and_kept_only_as_hashes(
    platform: httpx.Client, host: RunningHost, inside: Inside
) -> None:
    with httpx.Client(base_url=host.base_url, trust_env=False) as client:
        assert client.post(FLAGS, json=ENSURE).status_code == 401
        wrong = client.post(FLAGS, json=ENSURE, headers={"x-api-key": "wrong"})
    assert wrong.status_code == 401
    assert wrong.json()["success"] is False
    kept = str(inside.rows("SELECT * FROM psa_api_keys"))
    assert str(host.facts["masterApiKey"]) not in kept


def test_bad_requests_are_told_apart(platform: httpx.Client) -> None:
    some = next(iter(flags(platform).values()))["id"]
    tenant = {"__action": "add", "tenantId": UNKNOWN}
    cases: list[tuple[str, object, int]] = [
        (FLAGS, {"__action": "no_such_action"}, 400),
        (FLAGS, {}, 400),
        (FLAGS, {"key": KEYS[0]}, 409),
        (f"{FLAGS}/{UNKNOWN}/tenants", tenant, 404),
        (f"{FLAGS}/{some}/tenants", {**tenant, "__action": "toggle"}, 400),
        (f"{FLAGS}/{some}/tenants", {"__action": "add", "tenantId": "northwind"}, 400),
    ]
    for path, body, status in cases:
        answer = platform.post(path, json=body)
        assert answer.status_code == status, (path, body, answer.text)
        assert answer.json()["success"] is False
    assert platform.get(f"{FLAGS}/{UNKNOWN}").status_code == 404


REFUSED_TEXTS = ("a\x00b", "a\ud800b")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        *(({"key": text}, "key") for text in REFUSED_TEXTS),
        *(({"key": "x1", "title": text}, "title") for text in REFUSED_TEXTS),
        ({"key": 5}, "key"),
        ({"key": " "}, "key"),
        ({"key": "x" * 3000}, "key"),
        ({"key": "x1", "title": 5}, "title"),
        ({"key": "x1", "description": None}, "description"),
        ({"key": "x1", "active": "yes"}, "active"),
        ({"key": "x1", "colour": "red"}, "colour"),
        ({"key": "x1", "a\x00b": "red"}, "a\\x00b"),
        ({**ENSURE, "key": "x1"}, "key"),
        ({"__action": ["ensure_entra_phase1_flags"]}, "__action"),
    ],
)
def test_a_body_that_cannot_be_is_refused_by_its_field_and_creates_nothing(
    platform: httpx.Client, body: dict[str, object], field: str
) -> None:
    before = flags(platform)
    answer = platform.post(FLAGS, content=json.dumps(body))
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert f"'{field}'" in answer.json()["error"]
    assert flags(platform) == before


@pytest.mark.parametrize("text", REFUSED_TEXTS)
def test_a_text_that_no_database_holds_changes_nothing(platform: httpx.Client, text: str) -> None:
    path = f"{FLAGS}/{next(iter(flags(platform).values()))['id']}"
    changed = platform.patch(path, content=json.dumps({"title": text}))
    targeted = {"__action": "add", "tenantId": text}
    for answer in (changed, platform.post(f"{path}/tenants", content=json.dumps(targeted))):
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


@pytest.mark.parametrize("body", [[], {}, {"login": "admin@northwind.example", "x": 1}])
def test_a_sign_in_of_another_shape_is_malformed(platform: httpx.Client, body: object) -> None:
    answer = platform.post("/session", content=json.dumps(body))
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


@pytest.mark.parametrize("login", [*REFUSED_TEXTS, 5, None, ["admin@northwind.example"]])
def test_a_login_that_no_account_has_is_malformed(platform: httpx.Client, login: object) -> None:
    answer = platform.post("/session", content=json.dumps({"login": login}))
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert answer.json()["success"] is False
    form = {"login": str(login).encode("utf-8", "surrogatepass")}
    assert platform.post("/sign-in", data=form).status_code == 200, "the accounts again"


@pytest.mark.parametrize("suffix", ["", "/", f"/{UNKNOWN}", f"/{UNKNOWN}/tenants"])
def test_a_method_that_there_is_not_is_refused_in_the_envelope(
    platform: httpx.Client, suffix: str
) -> None:
    answer = platform.put(f"{FLAGS}{suffix}", json={})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.json()["success"] is False
    assert "POST" in answer.headers["allow"] or "DELETE" in answer.headers["allow"]
    anybody = httpx.put(f"{platform.base_url}{FLAGS}{suffix}", json={}, trust_env=False)
    assert anybody.status_code == 401


def test_a_flag_of_ones_own_can_be_created_changed_and_deleted(platform: httpx.Client) -> None:
    created = platform.post(FLAGS, json={"key": "a-flag-of-ours", "title": "Ours"})
    assert created.status_code == 201
    path = f"{FLAGS}/{created.json()['data']['id']}"
    changed = platform.patch(path, json={"active": False})
    assert changed.json()["data"]["active"] is False
    assert platform.delete(path).status_code == 200
    assert platform.get(path).status_code == 404
