"""A mark is planted in every credential, everything is made to fail, and no trace of it is found.

What is looked through: logs, every column of every table, workflow histories, the support bundle,
and every answer and page on the way. The secret store and the files that describe the devhost hold
secrets on purpose.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
from psycopg import sql
from temporalio.client import Client

from devhost.servers.postgres import libpq
from support.microsoft import asking
from support.program import API, Program
from support.running import RunningHost, running_devhost
from support.simulator import Simulator

CANARY = "canary-4711-nobody-may-see-me"
TOKEN = "eyJ0eXAiOiAiSldUIiwgImFsZyI6"
"""How every token of the simulator begins."""

ALPINE = "e0000000-0000-4000-8000-000000000001"
PAGES = "/integrations/entra"
BROKEN = {
    "refused with a quotation": {
        "match": "POST /.*/token",
        "status": 400,
        "body": {
            "error": "invalid_grant",
            "error_codes": [50173],
            "error_description": f"AADSTS50173: {CANARY} was revoked.",
            "suberror": "bad_token",
        },
    },
    "a page that quotes": {
        "match": "GET /v1.0|GET /api/|POST /.*/token",
        "status": 200,
        "body": f"<html>{CANARY}</html>",
        "headers": {"content-type": "text/html"},
    },
    "an error of Graph that quotes": {
        "match": "GET /v1.0",
        "status": 403,
        "body": {"error": {"code": "Authorization_RequestDenied", "message": CANARY}},
    },
    "an error of CIPP that quotes": {
        "match": "GET /api/",
        "status": 400,
        "body": f"Graph Error: {CANARY}",
    },
    "a body that ends early": {"match": "GET /v1.0|GET /api/", "truncate": 20},
    "the provider's own failure": {"match": "GET /v1.0|GET /api/", "status": 500, "body": CANARY},
}


BROKEN_FOR_ONE = {
    "directory_role_missing": {
        "match": "GET /v1.0/organization",
        "status": 403,
        "body": {"error": {"code": "Authorization_RequestDenied", "message": CANARY}},
    },
    "cipp_graph_error": {
        "match": "GET /api/ListGraphRequest",
        "status": 400,
        "body": f"Graph Error: {CANARY}",
        "headers": {"content-type": "text/plain"},
    },
}
"""What a customer's directory answers, and what we make of it and keep with that customer."""


@dataclass(slots=True)
class Story:
    """A devhost, what has been planted in it, and what it answered."""

    host: RunningHost
    microsoft: Simulator
    admin: Program
    planted: set[str]
    answers: list[str] = field(default_factory=list)

    def keep(self, response: httpx.Response) -> None:
        """Remember an answer, headers included."""
        response.read()
        self.answers.append(f"{response.headers} {response.text}")


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with running_devhost() as host:
        facts = host.facts["simulator"]
        assert isinstance(facts, dict)
        microsoft = Simulator.of(facts)
        with asking(microsoft) as client:
            assert client.app_token(ALPINE).startswith(TOKEN)
        microsoft.control("/app", {"addSecret": f"{CANARY}-secret"})
        with Program(host.base_url, "admin@northwind.example") as admin:
            cipp = microsoft.cipp[0]
            planted = {CANARY, TOKEN, microsoft.client_secret, cipp.token, cipp.client_secret}
            told = Story(host=host, microsoft=microsoft, admin=admin, planted=planted)
            admin.http.event_hooks["response"] = [told.keep]
            _live_through_everything(told)
            admin.http.event_hooks["response"] = []
            yield told


def _live_through_everything(story: Story) -> None:
    admin, microsoft = story.admin, story.microsoft
    rotated = {"clientId": microsoft.client_id, "clientSecret": f"{CANARY}-secret"}
    assert admin.post("/credentials", rotated).status == httpx.codes.OK
    _sign_in(story)
    _work(story)
    assert admin.accept_exact()["mapped"]
    admin.sync("initial")
    _break(story, "directory_role_missing")
    _connect_cipp(story)
    _work(story)
    _break(story, "cipp_graph_error")
    admin.http.get(f"{API}/support-bundle").raise_for_status()
    admin.post("/disconnect")


def _sign_in(story: Story) -> None:
    """Connect as a person does; the code and the state are spent afterwards."""
    url = str(story.admin.post("/connect/direct").data["authorizationUrl"])
    answer = story.microsoft.sign_in(url)
    assert "outcome=connected" in story.admin.call_back(answer)
    story.planted.add(answer["code"])
    story.admin.call_back({**answer, "code": f"{CANARY}-code"})
    story.admin.call_back({"state": "x", "error": "access_denied", "error_description": CANARY})
    assert parse_qs(urlsplit(url).query)["code_challenge"]


def _connect_cipp(story: Story) -> None:
    access = story.microsoft.cipp[0]
    base = {"baseUrl": story.microsoft.cipp_url}
    story.admin.post("/connect/cipp/test", {**base, "apiToken": f"{CANARY}-token"})
    story.admin.post("/connect/cipp", {**base, "apiToken": f"{CANARY}-token"})
    quoting = {"baseUrl": f"https://user:{CANARY}@localhost/", "apiToken": f"{CANARY}-token"}
    story.admin.post("/connect/cipp", quoting)
    client = {
        "tenantId": access.tenant_id,
        "clientId": access.client_id,
        "clientSecret": access.client_secret,
    }
    story.admin.post("/connect/cipp", {**base, **client, "clientSecret": f"{CANARY}-wrong"})
    assert story.admin.post("/connect/cipp", {**base, **client}).data["valid"]
    assert story.admin.post("/connect/cipp", {**base, "apiToken": access.token}).data["valid"]


def _work(story: Story) -> None:
    """What a connection is for, and every page that speaks of it."""
    story.admin.discover()
    run_id = story.admin.post("/validate/chain").data["runId"]
    story.admin.finished(run_id)
    _look(story)


def _break(story: Story, code: str) -> None:
    """Let everything go wrong: first all that the provider answers, then a customer's part."""
    for fault in BROKEN.values():
        story.microsoft.control("/faults", {"faults": [fault]})
        _fail(story)
    story.microsoft.control("/faults", {"faults": [BROKEN_FOR_ONE[code]]})
    _work(story)
    healths = [tenant["health"] for tenant in story.admin.items("/managed-tenants")]
    assert code in {health["code"] for health in healths if health}
    story.microsoft.control("/faults", {"faults": []})


def _fail(story: Story) -> None:
    """Everything that asks the provider, while it misbehaves."""
    admin = story.admin
    admin.post("/validate")
    wrong = {"clientId": story.microsoft.client_id, "clientSecret": f"{CANARY}-wrong"}
    admin.post("/credentials", wrong)
    for path in ("/discovery", "/validate/chain"):
        run_id = admin.post(path).data["runId"]
        admin.post(f"/runs/{run_id}/cancel")
        admin.finished(run_id)
    _look(story)


def _look(story: Story) -> None:
    admin = story.admin
    for path in ("/", "/managed-tenants", "/runs", "/health"):
        admin.get(path)
    for step in ("connect", "discover", "map", "sync"):
        admin.http.get(f"{PAGES}/setup", params={"step": step}).raise_for_status()
    admin.http.get(f"{PAGES}/connection").raise_for_status()


def found_in(text: str, planted: set[str]) -> set[str]:
    """What was planted and is in a text; where it stands, for the reader of a failure."""
    places = (re.search(f".{{0,80}}{re.escape(mark)}.{{0,20}}", text) for mark in planted)
    return {place[0] for place in places if place}


def test_no_answer_and_no_page_shows_a_secret(story: Story) -> None:
    shown = {place for answer in story.answers for place in found_in(answer, story.planted)}
    assert len(story.answers) > 100
    assert shown == set()


def test_no_log_has_a_secret(story: Story) -> None:
    logs = sorted((story.host.folder / "logs").iterdir())
    assert {"web.log", "worker.log"} <= {log.name for log in logs}
    found = {log.name: found_in(log.read_text(errors="replace"), story.planted) for log in logs}
    assert {name: places for name, places in found.items() if places} == {}


def test_no_row_of_any_table_has_a_secret(story: Story) -> None:
    found = {}
    with psycopg.connect(libpq(str(story.host.facts["adminDatabaseUrl"]))) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (name,) in names:
            query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(name))
            rows = " ".join(str(row[0]) for row in connection.execute(query))
            found[name] = found_in(rows, story.planted)
    assert "entra_partner_connections" in found
    assert {name: places for name, places in found.items() if places} == {}


async def test_no_workflow_history_has_a_secret(story: Story) -> None:
    client = await Client.connect(str(story.host.facts["temporalAddress"]))
    histories = [await _history(client, w.id, w.run_id) async for w in client.list_workflows()]
    assert len(histories) > len(BROKEN)
    assert any(str(story.host.tenant_id(0)) in text for text in histories), "inputs can be read"
    assert {place for text in histories for place in found_in(text, story.planted)} == set()


async def _history(client: Client, workflow_id: str, run_id: str) -> str:
    """All events as they are stored: as JSON, what goes in and out would stand there in base64."""
    history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
    return " ".join(e.SerializeToString().decode(errors="replace") for e in history.events)


def test_the_secret_store_keeps_nothing_in_the_clear(story: Story) -> None:
    files = [file for file in (story.host.folder / "secrets").rglob("*") if file.is_file()]
    assert files
    assert {file.name for file in files if found_in(file.read_text(), story.planted)} == set()
