"""CIPP in the wizard: chosen, refused, tested, connected, left again, and hidden by its flag."""

import re
from collections.abc import Iterator
from typing import cast

import pytest
from playwright.sync_api import expect

from support.browser import OTHER_ADMIN, Visitor
from support.program import Program
from support.running import RunningHost

from .conftest import Visit

FORM = "connect&path=cipp"
FLAG = "entra-integration-cipp"


def _facts(host: RunningHost) -> dict[str, str]:
    """How the second MSP's CIPP lets us in."""
    simulator = cast("dict[str, object]", host.facts["simulator"])
    access = cast("list[dict[str, str]]", simulator["cipp"])[1]
    return {**access, "url": str(simulator["cippUrl"])}


def _fill(visitor: Visitor, url: str, token: str) -> None:
    visitor.page.get_by_label("API URL of CIPP").fill(url)
    visitor.page.get_by_role("radio", name="API token").check()
    visitor.page.get_by_role("textbox", name="API token").fill(token)


def _connect(visitor: Visitor, host: RunningHost) -> None:
    facts = _facts(host)
    visitor.step(FORM)
    _fill(visitor, facts["url"], facts["token"])
    visitor.button("Connect CIPP").click()
    expect(visitor.page.get_by_role("status")).to_contain_text("Connected to CIPP.")


@pytest.fixture
def disconnected(host: RunningHost) -> Iterator[None]:
    """The second MSP, which is not connected once the test is over."""
    yield
    with Program(host.base_url, OTHER_ADMIN) as program:
        program.post("/disconnect")


def test_a_wrong_token_is_told_at_its_field(visit: Visit, host: RunningHost) -> None:
    visitor = visit(OTHER_ADMIN)
    visitor.step(FORM)
    _fill(visitor, _facts(host)["url"], "not-the-token")
    visitor.button("Connect CIPP").click()
    field = visitor.page.get_by_role("textbox", name="API token")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("CIPP refused the credentials"))
    expect(field).to_have_value("")
    visitor.complaints.clear()  # the browser itself notes the 422


def test_a_field_that_is_corrected_is_no_longer_marked(visit: Visit) -> None:
    visitor = visit(OTHER_ADMIN)
    visitor.step(FORM)
    _fill(visitor, "https://cipp.example/?code=1", "any")
    visitor.button("Test CIPP").click()
    field = visitor.page.get_by_label("API URL of CIPP")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(visitor.page.locator(".entra-message[data-entra-focus]")).to_be_focused()
    field.fill("https://cipp.example")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    visitor.complaints.clear()


def test_a_wrong_address_leaves_the_token_where_it_was_typed(visit: Visit) -> None:
    visitor = visit(OTHER_ADMIN)
    visitor.step(FORM)
    _fill(visitor, "https://cipp.example/?code=1", "typed-once")
    with visitor.page.expect_response("**/setup/cipp/test") as answered:
        visitor.button("Test CIPP").click()
    field = visitor.page.get_by_label("API URL of CIPP")
    expect(field).to_have_accessible_description(re.compile("The CIPP address cannot be used"))
    expect(field).to_have_value("https://cipp.example/?code=1")
    expect(visitor.page.get_by_role("textbox", name="API token")).to_have_value("typed-once")
    assert "typed-once" not in answered.value.text()
    visitor.complaints.clear()


@pytest.mark.parametrize(
    ("label", "value", "told"),
    [
        ("Tenant id", "not-a-guid", "The tenant id is not a GUID"),
        ("Client id", "not-a-guid", "is not a GUID"),
        ("Client secret", "", "credentials are incomplete"),
    ],
)
def test_each_field_of_an_api_client_says_what_is_wrong_with_it(
    visit: Visit, host: RunningHost, label: str, value: str, told: str
) -> None:
    visitor = visit(OTHER_ADMIN)
    facts = _facts(host)
    visitor.step(FORM)
    right = {
        "API URL of CIPP": facts["url"],
        "Tenant id": facts["tenantId"],
        "Client id": facts["clientId"],
        "Client secret": facts["clientSecret"],
    }
    for name, entered in {**right, label: value}.items():
        visitor.page.get_by_label(name, exact=True).fill(entered)
    visitor.button("Connect CIPP").click()
    field = visitor.page.get_by_label(label, exact=True)
    expect(field).to_have_accessible_description(re.compile(told))
    visitor.complaints.clear()


def test_testing_tells_the_result_and_stores_nothing(visit: Visit, host: RunningHost) -> None:
    visitor = visit(OTHER_ADMIN)
    facts = _facts(host)
    visitor.step(FORM)
    _fill(visitor, facts["url"], facts["token"])
    visitor.button("Test CIPP").click()
    expect(visitor.page.get_by_role("status")).to_contain_text("2 managed tenants are listed")
    visitor.step("connect")
    expect(visitor.page.get_by_text("Connected", exact=True)).to_have_count(0)


@pytest.mark.usefixtures("disconnected")
def test_cipp_connects_and_says_what_it_cannot_do(visit: Visit, host: RunningHost) -> None:
    visitor = visit(OTHER_ADMIN)
    _connect(visitor, host)
    main = visitor.page.get_by_role("main")
    expect(main).to_contain_text("With an API token")
    expect(main).to_contain_text("No, CIPP answers everybody each time")
    expect(main).to_contain_text("Only if the person is still among the deleted users")


@pytest.mark.usefixtures("disconnected")
def test_microsoft_takes_the_place_of_cipp_after_saying_what_happens(
    visit: Visit, host: RunningHost
) -> None:
    visitor = visit(OTHER_ADMIN)
    _connect(visitor, host)
    visitor.page.get_by_text("Connect again, or in another way").click()
    visitor.link("Microsoft (direct)").click()
    expect(visitor.page.get_by_text("the stored CIPP credentials are deleted")).to_be_visible()
    visitor.connect(1)
    expect(visitor.page.get_by_role("main")).to_contain_text("With a partner")
    expect(visitor.button("Sign in again")).to_be_visible()


def test_the_way_is_chosen_by_keyboard_and_the_focus_follows(visit: Visit) -> None:
    visitor = visit(OTHER_ADMIN)
    visitor.step("connect")
    visitor.tab_to(visitor.page.locator("#entra-path-cipp"))
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("heading", name="Connect CIPP")).to_be_focused()
    expect(visitor.page.locator("#entra-path-cipp")).to_have_attribute("aria-current", "true")
    visitor.tab_to(visitor.page.get_by_label("API URL of CIPP"), presses=1)
    visitor.tab_to(visitor.page.get_by_role("radio", name="API client"), presses=1)
    visitor.page.keyboard.press("ArrowDown")
    visitor.tab_to(visitor.page.get_by_role("textbox", name="API token"), presses=1)


def test_without_script_the_form_of_cipp_has_an_address(visit: Visit) -> None:
    visitor = visit(OTHER_ADMIN, java_script_enabled=False)
    visitor.step("connect")
    visitor.page.locator("#entra-path-cipp").click()
    expect(visitor.page.get_by_label("API URL of CIPP")).to_be_visible()
    expect(visitor.button("Sign in with Microsoft")).to_have_count(0)


def test_without_the_flag_cipp_is_not_offered(visit: Visit, host: RunningHost) -> None:
    visitor = visit(OTHER_ADMIN)
    host.target(FLAG, host.tenant_id(1), "remove")
    try:
        visitor.step(FORM)
        expect(visitor.button("Sign in with Microsoft")).to_be_visible()
        expect(visitor.page.locator("#entra-path-cipp")).to_have_count(0)
        expect(visitor.page.get_by_label("API URL of CIPP")).to_have_count(0)
    finally:
        host.target(FLAG, host.tenant_id(1), "add")


@pytest.mark.parametrize("path", ["/setup/cipp", "/setup/cipp/test"])
def test_without_the_flag_its_forms_lead_nowhere(host: RunningHost, path: str) -> None:
    host.target(FLAG, host.tenant_id(1), "remove")
    try:
        with Program(host.base_url, OTHER_ADMIN) as program:
            answer = program.http.post(
                f"/integrations/entra{path}",
                data={"base_url": "https://cipp.example", "kind": "token", "api_token": "any"},
                headers={"X-CSRF-Token": program.csrf},
            )
        assert answer.status_code == 404
    finally:
        host.target(FLAG, host.tenant_id(1), "add")


@pytest.mark.usefixtures("disconnected")
def test_without_the_flag_a_connection_that_exists_goes_on_working(
    visit: Visit, host: RunningHost
) -> None:
    visitor = visit(OTHER_ADMIN)
    _connect(visitor, host)
    host.target(FLAG, host.tenant_id(1), "remove")
    try:
        visitor.step("connect")
        expect(visitor.page.get_by_role("main")).to_contain_text("With an API token")
        visitor.button("Test connection").click()
        expect(visitor.page.get_by_text("The connection works")).to_be_visible()
    finally:
        host.target(FLAG, host.tenant_id(1), "add")
