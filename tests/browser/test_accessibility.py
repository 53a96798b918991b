"""No WCAG A or AA violation and no sideways scrolling, on every page, in both colour schemes."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from support.browser import ADMIN, OTHER_ADMIN, TECHNICIAN, Visitor
from support.running import RunningHost

from .conftest import SetUp, Visit

SETUP = "/integrations/entra/setup?step="
CONNECTION = "/integrations/entra/connection"
CLIENTS = "/integrations/entra/clients"
REVIEW, HISTORY = "/integrations/entra/review", "/integrations/entra/history"
RULES, SCHEDULE, SETTINGS = (f"/integrations/entra/{p}" for p in ("rules", "schedule", "settings"))
EMPTY = [SETUP + step for step in ("connect", "connect&path=cipp", "discover", "map", "sync")]
EMPTY += [CONNECTION, CLIENTS, f"{CLIENTS}/file", REVIEW, HISTORY]
EMPTY += [RULES, f"{RULES}?role=ask&email=local_wins", SCHEDULE, SETTINGS]
FILLED = [*EMPTY, "/", "/settings", "/clients", "/contacts", "/contacts?q=nobody", "/notices"]
WIDTHS = {"desktop": 1280, "phone": 390}


def _check(visitor: Visitor) -> None:
    for name, width in WIDTHS.items():
        visitor.page.set_viewport_size({"width": width, "height": 800})
        assert visitor.overflow() <= 0, f"{visitor.page.url} scrolls sideways on a {name}"
        assert visitor.violations() == []


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    """A colour scheme."""
    return str(request.param)


@pytest.mark.parametrize("path", EMPTY)
def test_steps_of_an_msp_that_has_not_synced(visit: Visit, scheme: str, path: str) -> None:
    visitor = visit(OTHER_ADMIN, color_scheme=scheme)
    visitor.go(path)
    _check(visitor)


@pytest.mark.parametrize("path", FILLED)
def test_pages_of_an_msp_that_is_set_up(
    set_up: SetUp, visit: Visit, scheme: str, path: str
) -> None:
    visitor = visit(ADMIN, color_scheme=scheme)
    visitor.go(path)
    _check(visitor)


@pytest.mark.parametrize("path", EMPTY)
def test_steps_as_a_reader(set_up: SetUp, visit: Visit, scheme: str, path: str) -> None:
    visitor = visit(TECHNICIAN, color_scheme=scheme)
    visitor.go(path)
    _check(visitor)


def _sign_in_page(visitor: Visitor) -> None:
    visitor.go("/sign-in")


def _client(visitor: Visitor) -> None:
    visitor.go("/clients")
    visitor.link("Alpine Dental Group Ltd").click()
    # Our styles come with the fragment, a moment after the host's page.
    expect(visitor.button("Sync Entra Now")).to_have_css("cursor", "pointer")


def _contact(visitor: Visitor) -> None:
    visitor.go("/contacts?q=anna.abbott@alpinedental.example")
    visitor.link("Anna Abbott").click()
    expect(visitor.page.get_by_text("Linked because")).to_be_visible()


def _failed_sign_in(visitor: Visitor) -> None:
    visitor.go("/integrations/entra/setup?step=connect&outcome=failed&code=consent_refused")


def _tested_connection(visitor: Visitor) -> None:
    visitor.step("connect")
    visitor.button("Test connection").click()
    expect(visitor.page.get_by_text("The connection works")).to_be_visible()


def _dialog(visitor: Visitor) -> None:
    visitor.step("connect")
    visitor.button("Disconnect").click()


def _wrong_cipp(visitor: Visitor) -> None:
    visitor.step("connect&path=cipp")
    visitor.page.get_by_label("API URL of CIPP").fill("https://cipp.example/?code=1")
    visitor.button("Test CIPP").click()
    expect(visitor.page.get_by_role("alert").first).to_contain_text("credentials are incomplete")
    visitor.complaints.clear()  # the browser itself notes the 422


def _advanced(visitor: Visitor) -> None:
    visitor.step("connect&path=direct")
    visitor.page.get_by_text("Advanced").click()
    expect(visitor.page.get_by_label("Also read Microsoft 365 Lighthouse")).to_be_visible()


def _checked_chain(visitor: Visitor) -> None:
    visitor.go(CONNECTION)
    visitor.button("Check").click()
    expect(visitor.button("Stop the check")).to_be_visible()
    expect(visitor.button("Check again")).to_be_visible()
    expect(visitor.link("Grant consent").first).to_be_visible()


def _wrong_settings(visitor: Visitor) -> None:
    visitor.go(SETTINGS)
    visitor.page.get_by_label("Leave out these addresses").fill("[a]\n" + "x" * 500)
    visitor.page.get_by_label("Take guests in").check()
    visitor.button("Save settings").click()
    expect(visitor.page.get_by_role("alert").first).to_contain_text("Nothing was saved")
    visitor.complaints.clear()  # the browser itself notes the 422


def _wrong_schedule(visitor: Visitor) -> None:
    visitor.go(SCHEDULE)
    visitor.page.get_by_label("How often: number").fill("31")
    visitor.button("Save schedule").click()
    expect(visitor.page.get_by_role("alert").first).to_contain_text("Nothing was saved")
    visitor.complaints.clear()  # the browser itself notes the 422


def _run(visitor: Visitor) -> None:
    visitor.go(f"{HISTORY}?type=initial")
    visitor.link("First sync").click()
    expect(visitor.page.get_by_role("table", name="Changes")).to_be_visible()
    visitor.page.wait_for_load_state("networkidle")


def _undo(visitor: Visitor) -> None:
    _run(visitor)
    visitor.page.get_by_role("button", name="Undo", exact=True).click()
    expect(visitor.button("Plan the undo")).to_be_visible()


def _question(visitor: Visitor) -> None:
    visitor.go(REVIEW)
    visitor.link("Ines Ivanov").click()
    expect(visitor.page.get_by_role("heading", name="Both sides")).to_be_visible()


def _no_such_page(visitor: Visitor) -> None:
    visitor.go("/integrations/entra/nothing")


STATES = [_sign_in_page, _client, _contact, _failed_sign_in, _tested_connection, _dialog]
STATES += [_wrong_cipp, _advanced, _checked_chain, _wrong_settings, _wrong_schedule]
STATES += [_run, _undo, _question, _no_such_page]


@pytest.mark.parametrize("reach", STATES, ids=lambda reach: reach.__name__.strip("_"))
def test_states_of_pages(
    set_up: SetUp, visit: Visit, scheme: str, reach: Callable[[Visitor], None]
) -> None:
    visitor = visit(ADMIN, color_scheme=scheme)
    reach(visitor)
    _check(visitor)


def test_a_sync_while_it_runs(set_up: SetUp, visit: Visit, host: RunningHost, scheme: str) -> None:
    visitor = visit(ADMIN, color_scheme=scheme)
    visitor.step("sync")
    host.control("/faults", {"faults": [{"match": "^GET ", "delayMs": 2000}]})
    try:
        visitor.button("Sync all tenants now").click()
        expect(visitor.page.get_by_role("progressbar")).to_be_visible()
        _check(visitor)
    finally:
        host.control("/faults", {"faults": []})
        visitor.wait_for_result()


def test_a_check_while_it_runs(set_up: SetUp, visit: Visit, host: RunningHost, scheme: str) -> None:
    visitor = visit(ADMIN, color_scheme=scheme)
    visitor.go(CONNECTION)
    host.control("/faults", {"faults": [{"match": "^GET ", "delayMs": 2000}]})
    try:
        visitor.button("Check").click()
        expect(visitor.page.get_by_role("progressbar")).to_be_visible()
        _check(visitor)
    finally:
        host.control("/faults", {"faults": []})
        expect(visitor.button("Check again")).to_be_visible()


@pytest.mark.parametrize(
    "path",
    [
        SETUP + "sync",
        SETUP + "connect&path=direct",
        CONNECTION,
        CLIENTS,
        REVIEW,
        HISTORY,
        RULES,
        SCHEDULE,
        SETTINGS,
    ],
)
def test_the_heading_order_has_no_gap(set_up: SetUp, visit: Visit, path: str) -> None:
    visitor = visit(ADMIN)
    visitor.go(path)
    script = "[...document.querySelectorAll('h1,h2,h3,h4,h5')].map((h) => Number(h.tagName[1]))"
    levels = visitor.page.evaluate(script)
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
