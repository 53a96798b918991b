"""The OpenAPI document: served behind the gate, valid, and true to routes and codes."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import cast

import httpx
import jsonschema
import pytest
from fastapi.openapi.models import OpenAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from devhost.accounts import COOKIE
from devhost.servers.postgres import Urls
from entra_plugin.web.app import build_apps
from entra_plugin.web.routes import API, API_MOUNT
from support.devhost import running_host
from support.postgres import fresh_database

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "error-codes.md"
NOT_JSON_OF_OURS = {"/openapi.json"}
Json = Mapping[str, object]


@pytest.fixture(scope="module")
async def document(postgres_server: Urls) -> AsyncIterator[Json]:
    """The document as a signed-in person is answered it."""
    with fresh_database(postgres_server) as urls, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEXT_PUBLIC_EDITION", "enterprise")
        async with running_host(urls, {}) as host:
            apps = build_apps(lambda: host.opened.runtime)
            app = Starlette(routes=[Mount(each.mount, each.app) for each in apps])
            token = await host.host.accounts.sign_in("admin@northwind.example")
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://127.0.0.1",
                cookies={COOKIE: token or ""},
            ) as client:
                answer = await client.get(f"{API_MOUNT}/openapi.json")
        assert answer.status_code == httpx.codes.OK, answer.text
        yield answer.json()


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in cast("Mapping[str, Mapping[str, Json]]", document["paths"]).items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def nodes(node: object) -> Iterator[Json]:
    """Every object in the document."""
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from nodes(child)


def test_the_document_is_openapi(document: Json) -> None:
    assert re.fullmatch(r"3\.1\.\d", str(document["openapi"]))
    OpenAPI.model_validate(document)


def test_whatever_changes_something_says_what_it_takes(document: Json) -> None:
    """A route that takes nothing refuses what it would otherwise leave out of account."""
    silent = {
        path
        for method, path, operation in operations(document)
        if method != "GET" and "requestBody" not in operation
    }
    assert silent == set()


def test_a_body_of_which_every_field_may_be_left_out_may_be_left_out(document: Json) -> None:
    insisting = [
        f"{method} {path}"
        for method, path, operation in operations(document)
        if (schema := needed(document, operation)) and not schema.get("required")
    ]
    assert insisting == []


def needed(document: Json, operation: Json) -> Json | None:
    """The object that a request has to have as its body, if it has to."""
    body = cast("Mapping[str, Mapping[str, Mapping[str, Json]]]", operation.get("requestBody", {}))
    if not body.get("required") or "application/json" not in body["content"]:
        return None
    schema = body["content"]["application/json"]["schema"]
    return resolved(document, str(schema["$ref"])) if "$ref" in schema else schema


def test_every_number_that_is_asked_for_has_bounds(document: Json) -> None:
    unbounded = [
        f"{method} {path}"
        for method, path, operation in operations(document)
        for schema in asked(document, operation)
        if schema.get("type") in {"integer", "number"} and not {"minimum", "maximum"} <= set(schema)
    ]
    assert unbounded == []


def asked(document: Json, operation: Json) -> Iterator[Json]:
    """Every schema of what a request may say, those referred to included."""
    seen: set[str] = set()
    waiting = [operation.get("parameters"), operation.get("requestBody")]
    while waiting:
        for node in nodes(waiting.pop()):
            yield node
            reference = str(node.get("$ref", ""))
            if reference and reference not in seen:
                seen.add(reference)
                waiting.append(resolved(document, reference))


def resolved(document: Json, reference: str) -> Json:
    """What a reference leads to."""
    found: object = document
    for part in reference.removeprefix("#/").split("/"):
        found = cast("Mapping[str, object]", found)[part]
    return cast("Json", found)


def test_every_reference_leads_somewhere(document: Json) -> None:
    for node in nodes(document):
        reference = node.get("$ref")
        if isinstance(reference, str):
            found: object = document
            for part in reference.removeprefix("#/").split("/"):
                assert isinstance(found, dict), reference
                found = found[part]


def test_every_schema_is_a_schema(document: Json) -> None:
    components = cast("Mapping[str, Mapping[str, Json]]", document["components"])
    for schema in components["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_schema_is_used(document: Json) -> None:
    components = cast("Mapping[str, Mapping[str, Json]]", document["components"])
    used = {str(node["$ref"]).rpartition("/")[2] for node in nodes(document) if "$ref" in node}
    assert set(components["schemas"]) - used == set()


def test_every_operation_has_an_id_of_its_own(document: Json) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))


def test_the_document_has_every_route_of_the_api_and_no_other(document: Json) -> None:
    described = {(method, path) for method, path, _ in operations(document)}
    routed = {(entry.method, entry.path) for entry in API if entry.path not in NOT_JSON_OF_OURS}
    assert described == routed


def test_the_document_says_where_the_api_is(document: Json) -> None:
    assert document["servers"] == [{"url": API_MOUNT}]


def test_every_open_place_of_a_path_is_described(document: Json) -> None:
    for method, path, operation in operations(document):
        parameters = cast("list[Mapping[str, str]]", operation.get("parameters", []))
        described = {each["name"] for each in parameters if each["in"] == "path"}
        assert described == set(re.findall(r"\{(\w+)\}", path)), f"{method} {path}"


def test_every_operation_says_in_a_sentence_what_it_does(document: Json) -> None:
    silent = {(m, p) for m, p, operation in operations(document) if not operation["description"]}
    assert silent == set()


def test_every_body_refuses_what_it_does_not_know(document: Json) -> None:
    components = cast("Mapping[str, Mapping[str, Json]]", document["components"])
    for _, _, operation in operations(document):
        body = operation.get("requestBody")
        for node in nodes(body):
            if "$ref" in node:
                schema = components["schemas"][str(node["$ref"]).rpartition("/")[2]]
                assert schema["additionalProperties"] is False


def codes(document: Json) -> Iterator[tuple[str, str, str]]:
    """Operation, status and code of every failure that is described."""
    for method, path, operation in operations(document):
        for status, response in cast("Mapping[str, Json]", operation["responses"]).items():
            listed = str(response["description"])
            if listed.startswith("Codes: "):
                for code in re.findall(r"`(\w+)`", listed):
                    yield f"{method} {path}", status, code


def listed_statuses() -> dict[str, str]:
    """Status by code, as the reference has it."""
    found = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", REFERENCE.read_text("utf-8"), flags=re.M)
    return dict(found)


def test_every_failure_has_a_status_and_code_of_the_reference(document: Json) -> None:
    reference = listed_statuses()
    wrong = {
        (status, code)
        for _, status, code in codes(document)
        if status not in reference.get(code, "").split(", ")
    }
    assert wrong == set()


def test_no_code_is_said_twice_of_one_operation(document: Json) -> None:
    said = list(codes(document))
    assert len(said) == len(set(said))


def test_every_operation_says_how_it_is_refused(document: Json) -> None:
    said = {(operation, code) for operation, _, code in codes(document)}
    for method, path, _ in operations(document):
        refusals = {"not_signed_in", "portal_user", "permission_missing", "not_found"}
        wanted = refusals if method == "GET" else refusals | {"csrf_failed"}
        assert {(f"{method} {path}", code) for code in wanted} <= said


def test_failures_that_are_never_answered_are_not_described(document: Json) -> None:
    described = {
        (m, p)
        for m, p, operation in operations(document)
        if "HTTPValidationError" in str(operation)
    }
    assert described == set()
