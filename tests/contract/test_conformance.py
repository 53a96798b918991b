"""Every request that the whole suite made as the plugin keeps to what Microsoft and CIPP publish.

``dev.py test`` has the simulators write down what they are asked, and runs this last.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from support.published import CIPP_PARAMETERS, LARGEST_PAGE, facts, faults

pytestmark = pytest.mark.conformance

Entry = dict[str, Any]

OURS = "entra-plugin/"
"""How the plugin's own requests call themselves; tests that provoke the simulator do not."""

GRAPH = {
    "/v1.0/tenantRelationships/delegatedAdminCustomers",
    "/v1.0/tenantRelationships/delegatedAdminRelationships",
    "/v1.0/contracts",
    "/v1.0/organization",
    "/v1.0/users",
    "/v1.0/users/delta",
    "/v1.0/groups",
    "/v1.0/directory/deletedItems/microsoft.graph.user",
}
"""What a whole run asks at least, so that an empty log proves nothing by accident."""


@pytest.fixture(scope="module")
def log() -> list[Entry]:
    """What the simulators of this run of the suite wrote down, of the plugin's own requests."""
    folder = os.environ.get("ENTRA_TEST_REQUEST_LOG")
    assert folder, "run by `python3 dev.py test`, which keeps the log"
    entries = [
        json.loads(line)
        for file in sorted(Path(folder).glob("**/*"))
        if file.is_file()
        for line in file.read_text().splitlines()
    ]
    return [e for e in entries if str(e["userAgent"] or "").startswith(OURS)]


def of(log: list[Entry], host: str) -> list[Entry]:
    return [entry for entry in log if entry["host"] == host]


def query(entry: Entry) -> dict[str, str]:
    pairs = parse_qsl(entry["query"], keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs), f"an option twice: {entry}"
    return dict(pairs)


@pytest.mark.whole
def test_the_suite_asked_for_everything_that_the_plugin_reads(log: list[Entry]) -> None:
    assert {entry["path"] for entry in of(log, "graph")} >= GRAPH
    functions = {str(entry["path"]).removeprefix("/api/") for entry in of(log, "cipp")}
    assert functions >= {"ListTenants", "ListGraphRequest", "ListDomains"}
    assert {entry["method"] for entry in of(log, "sign_in")} == {"GET", "POST"}


def test_microsoft_is_only_read(log: list[Entry]) -> None:
    assert {entry["method"] for entry in of(log, "graph")} <= {"GET"}


def test_questions_to_graph_keep_to_microsofts_metadata(log: list[Entry]) -> None:
    wrong = {
        (fault, entry["path"])
        for entry in of(log, "graph")
        for fault in faults(entry["path"], query(entry))
    }
    assert wrong == set()


def test_every_question_to_graph_says_how_urgent_it_is(log: list[Entry]) -> None:
    assert {entry["priority"] for entry in of(log, "graph")} <= {"low", "normal", "high"}


def test_sign_in_is_asked_for_discovery_and_tokens_only(log: list[Entry]) -> None:
    asked = {
        (entry["method"], str(entry["path"]).strip("/").partition("/")[2])
        for entry in of(log, "sign_in")
    }
    assert asked <= {
        ("GET", "v2.0/.well-known/openid-configuration"),
        ("POST", "oauth2/v2.0/token"),
    }


def test_cipp_is_only_read_by_functions_and_parameters_that_it_documents(log: list[Entry]) -> None:
    assert set(cipp_faults(of(log, "cipp"))) == set()


def cipp_faults(log: list[Entry]) -> Iterator[str]:
    for entry in log:
        function = str(entry["path"]).removeprefix("/api/")
        if entry["method"] != "GET" or function not in CIPP_PARAMETERS:
            yield f"{entry['method']} {entry['path']}"
            continue
        asked = query(entry)
        for name in asked.keys() - CIPP_PARAMETERS[function]:
            yield f"{function} with {name}"
        if function == "ListGraphRequest":
            yield from graph_request_faults(asked)


def graph_request_faults(asked: dict[str, str]) -> Iterator[str]:
    """One customer at a time, the stable version, page by page, known properties only."""
    endpoint = asked.get("Endpoint", "")
    if asked.get("Version") != "v1.0":
        yield f"{endpoint} at CIPP's default version"
    if asked.get("tenantFilter", "AllTenants") == "AllTenants":
        yield f"{endpoint} of all tenants at once"
    type_ = facts().type_at(endpoint)
    if type_ is None:
        yield f"no such address in v1.0: {endpoint}"
        return
    many = type_.startswith("Collection(") and not endpoint.startswith("organization")
    if many and asked.get("manualPagination") != "true":
        yield f"{endpoint} without manual pagination"
    for name in filter(None, asked.get("$select", "").split(",")):
        if name not in facts().properties(type_):
            yield f"{type_} has no property {name}"
    if int(asked.get("$top", "1")) > LARGEST_PAGE:
        yield f"{endpoint} with a page of {asked['$top']}"
