"""What the wizard says of the last discovery."""

import html
import re
from collections.abc import Iterator

import pytest

from support.program import Program
from support.simulator import Simulator

PAGE = "/integrations/entra/setup?step=discover"
HARBOR = "e0000000-0000-4000-8000-000000000008"
NEWCOMERS = 200


def told(program: Program) -> str:
    """The words of the step."""
    page = program.http.get(PAGE).raise_for_status().text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture
def discovered(admin: Program, microsoft: Simulator) -> Iterator[Program]:
    """The administrator, after a discovery."""
    admin.connect(microsoft)
    admin.discover()
    yield admin
    microsoft.control("/reset", {})


def test_an_empty_list_is_explained_although_customers_are_known(
    discovered: Program, microsoft: Simulator
) -> None:
    assert "No managed tenants were found." not in told(discovered)
    nobody = {"match": "tenantRelationships", "status": 200, "body": {"value": []}}
    microsoft.control("/faults", nobody)
    discovered.discover()
    words = told(discovered)
    assert "Finished, 0 managed tenants found" in words
    assert "No managed tenants were found. The usual causes: the account that signed in" in words
    assert "Harborview Clinic" in words


def test_the_customers_that_are_announced_are_those_that_were_listed(
    discovered: Program, microsoft: Simulator
) -> None:
    new = [
        {
            "tenant": f"f0000000-0000-4000-8000-{number:012d}",
            "displayName": f"Newcomer {number}",
            "defaultDomain": f"newcomer{number}.example",
        }
        for number in range(NEWCOMERS)
    ]
    microsoft.control("/tenants", {"add": new})
    microsoft.control("/relationships", {"tenant": HARBOR, "status": "terminated"})
    assert discovered.discover()["progress"]["gone"] == 1
    assert f"Finished, {NEWCOMERS + 7} managed tenants found" in told(discovered)
