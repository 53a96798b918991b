"""What the wizard says of the last discovery."""

import html
import re
from collections.abc import Iterator

import pytest

from support.program import Program
from support.simulator import Simulator

PAGE = "/integrations/entra/setup?step=discover"


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
    assert "No managed tenants were found. The usual causes: the account that signed in" in words
    assert "Harborview Clinic" in words
