"""Addresses on our pages below a host that is itself mounted somewhere."""

from typing import TYPE_CHECKING, cast

import pytest
from starlette.requests import Request

from entra_plugin.web.facts import BASE_KEY, Facts
from entra_plugin.web.pages.render import Screen

if TYPE_CHECKING:
    from entra_plugin.web.runtime import Runtime


@pytest.mark.parametrize("mounted", ["", "/psa"])
def test_the_api_lies_beside_our_pages(mounted: str) -> None:
    scope = {"type": "http", "state": {BASE_KEY: f"{mounted}/integrations/entra"}}
    screen = Screen(Request(scope), cast("Facts", None), cast("Runtime", None))
    assert screen.api == f"{mounted}/api/integrations/entra"
