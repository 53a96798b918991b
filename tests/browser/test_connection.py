"""The page of the connection: the check of the whole chain, what runs out, credentials, bundle."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from support.browser import ADMIN, OTHER_ADMIN, Visitor
from support.program import Program
from support.running import RunningHost

from .conftest import LISTEN, SetUp, Visit

PAGE = "/integrations/entra/connection"
CALLBACK = "/api/auth/microsoft/entra/callback"
DELTA, HARBORVIEW = "Delta Logistics", "Harborview Clinic"


def _customers(host: RunningHost) -> dict[str, str]:
    """The directories of all customers, by name."""
    found = httpx.get(f"{host.control_url}/directory", trust_env=False).json()["data"]["tenants"]
    return {tenant["display_name"]: tenant["entra_tenant_id"] for tenant in found}


@contextmanager
def _without_consent(host: RunningHost, name: str) -> Iterator[str]:
    tenant = _customers(host)[name]
    host.control("/consent", {"tenant": tenant, "granted": False})
    host.control("/tokens", {"expire": True})  # the worker may hold one from before
    try:
        yield tenant
    finally:
        host.control("/consent", {"tenant": tenant, "granted": True})


def _check(visitor: Visitor) -> None:
    visitor.button("Check").click()
    expect(visitor.button("Stop the check")).to_be_visible()
    expect(visitor.button("Check again")).to_be_visible()


@pytest.fixture
def checked(set_up: SetUp, visit: Visit, host: RunningHost) -> tuple[Visitor, str]:
    """The page after a check in which two customers had not consented; and one's directory."""
    visitor = visit(ADMIN)
    with _without_consent(host, HARBORVIEW) as tenant:
        visitor.go(PAGE)
        _check(visitor)
    return visitor, tenant


def test_the_check_says_how_many_lack_consent_and_who(checked: tuple[Visitor, str]) -> None:
    visitor, _ = checked
    page = visitor.page
    expect(page.get_by_role("heading", name="2 of 8 customers cannot be read.")).to_be_visible()
    problem = page.get_by_role("region", name="2 of 8 customers lack consent")
    expect(problem.get_by_role("rowheader")).to_have_text([DELTA, HARBORVIEW])
    expect(problem).to_contain_text("Grant admin consent to the app in this tenant.")
    expect(page.get_by_text("6 customers can be read.")).to_be_visible()


def test_consent_is_granted_in_the_directory_of_the_customer(
    checked: tuple[Visitor, str], host: RunningHost
) -> None:
    visitor, tenant = checked
    row = visitor.page.get_by_role("row", name=HARBORVIEW).filter(has_text="Grant consent")
    href = row.get_by_role("link", name="Grant consent").get_attribute("href")
    assert href is not None
    query = parse_qs(urlsplit(href).query)
    simulator = cast("dict[str, str]", host.facts["simulator"])
    assert urlsplit(href).path == f"/{tenant}/v2.0/adminconsent"
    assert query["client_id"] == [simulator["clientId"]]
    assert query["redirect_uri"] == [f"{host.base_url}{CALLBACK}"]


def test_no_sentence_makes_the_page_wider_than_a_phone(checked: tuple[Visitor, str]) -> None:
    visitor, _ = checked
    visitor.page.set_viewport_size({"width": 320, "height": 800})
    captions = "document.querySelectorAll('caption')"
    assert visitor.page.evaluate(f"{captions}.length") > 0
    visitor.page.evaluate(f"{captions}.forEach(c => (c.textContent = 'wide '.repeat(80)))")
    assert visitor.overflow() <= 0


def test_the_steps_are_told_in_words(checked: tuple[Visitor, str]) -> None:
    visitor, _ = checked
    states = visitor.page.locator(".entra-chain .entra-status").all_inner_texts()
    assert states == ["Passed", "Passed", "Passed", "Passed for some", "Passed"]


def test_a_customer_is_found_by_name_while_the_counts_stay(checked: tuple[Visitor, str]) -> None:
    visitor, _ = checked
    field = visitor.page.get_by_label("Search customers by name")
    field.press_sequentially("HARBOR")
    problem = visitor.page.get_by_role("region", name="2 of 8 customers lack consent")
    expect(problem.get_by_role("rowheader")).to_have_text([HARBORVIEW])
    expect(field).to_be_focused()
    said = visitor.page.locator("#entra-live")
    expect(said).to_have_text("1 customer with this name cannot be read")


def test_a_search_has_an_address_that_works_without_script(
    checked: tuple[Visitor, str], visit: Visit
) -> None:
    visitor = visit(ADMIN, java_script_enabled=False)
    visitor.go(PAGE)
    visitor.page.get_by_label("Search customers by name").fill("delta")
    visitor.page.keyboard.press("Enter")
    problem = visitor.page.get_by_role("region", name="2 of 8 customers lack consent")
    expect(problem.get_by_role("rowheader")).to_have_text([DELTA])


def test_the_check_is_announced_and_can_be_stopped(
    set_up: SetUp, visit: Visit, host: RunningHost
) -> None:
    visitor = visit(ADMIN)
    visitor.page.add_init_script(LISTEN)
    visitor.go(PAGE)
    host.control("/faults", {"faults": [{"match": "^GET ", "delayMs": 2000}]})
    try:
        visitor.button("Check").click()
        stop = visitor.button("Stop the check")
        expect(stop).to_be_visible()
        expect(visitor.page.locator("#entra-live")).to_contain_text("of 8 customers checked")
        stop.click()
        stopped = visitor.page.get_by_role("heading", name="The check was stopped.")
        expect(stopped).to_be_visible()
    finally:
        host.control("/faults", {"faults": []})
    said = visitor.page.evaluate("window.said")
    assert any("The check is running" in text for text in said)
    assert said[-1] == "The check was stopped."


def test_a_dead_credential_shows_the_step_that_broke(
    set_up: SetUp, visit: Visit, host: RunningHost
) -> None:
    visitor = visit(ADMIN)
    visitor.go(PAGE)
    dead = {
        "match": "^POST /[^/]+/oauth2/v2.0/token",
        "status": 400,
        "body": {"error": "invalid_grant", "error_codes": [50173]},
    }
    host.control("/faults", {"faults": [dead]})
    try:
        _check(visitor)
        states = visitor.page.locator(".entra-chain .entra-status").all_inner_texts()
        assert states == ["Passed", "Failed", "Not tried", "Not tried", "Not tried"]
        expect(visitor.page.get_by_text("The sign-in was revoked").first).to_be_visible()
        expect(visitor.page.get_by_text("AADSTS50173").first).to_be_visible()
    finally:
        host.control("/faults", {"faults": []})
        visitor.button("Test connection").click()
        expect(visitor.page.get_by_text("The connection works")).to_be_visible()


def test_a_relationship_that_ends_soon_is_a_warning_with_its_customer(
    set_up: SetUp, visit: Visit
) -> None:
    visitor = visit(ADMIN)
    visitor.go(PAGE)
    warnings = visitor.page.get_by_role("region", name="What runs out")
    expect(warnings).to_contain_text("Cedar Grove School")
    expect(warnings.get_by_role("link")).to_have_attribute(
        "href", re.compile("^https://partner.microsoft.com/")
    )
    table = visitor.page.get_by_role("region", name="Relationships (GDAP)")
    expect(table.get_by_role("rowheader").first).to_have_text("Cedar Grove School")


def test_the_support_bundle_downloads_and_names_nobody(
    set_up: SetUp, visit: Visit, tmp_path: Path
) -> None:
    visitor = visit(ADMIN)
    visitor.go(PAGE)
    with visitor.page.expect_download() as download:
        visitor.link("Download the support bundle").click()
    assert re.fullmatch(r"entra-support-[\d-]+\.json", download.value.suggested_filename)
    path = tmp_path / "bundle.json"
    download.value.save_as(path)
    text = path.read_text("utf-8")
    assert json.loads(text)["connections"]
    assert "Cedar Grove" not in text


def test_a_new_secret_is_saved_with_the_date_on_which_it_expires(
    visit: Visit, host: RunningHost
) -> None:
    visitor = visit(OTHER_ADMIN)
    simulator = cast("dict[str, str]", host.facts["simulator"])
    day = (datetime.now(UTC) + timedelta(days=9)).date()
    with Program(host.base_url, OTHER_ADMIN) as program:
        try:
            visitor.step("connect")
            visitor.connect(1)
            visitor.go(PAGE)
            visitor.page.get_by_label("Application (client) id").fill(simulator["clientId"])
            visitor.page.get_by_label("Client secret value").fill(simulator["clientSecret"])
            visitor.page.get_by_label("The secret expires on").fill(day.isoformat())
            visitor.button("Save credentials").click()
            expect(visitor.page.get_by_role("status")).to_contain_text("The credentials are stored")
            warnings = visitor.page.get_by_role("region", name="What runs out")
            expect(warnings).to_contain_text("The client secret expires soon.")
            shown = f"Expires on {day.day} {day:%b %Y}"
            expect(warnings).to_contain_text(shown)
        finally:
            program.post("/disconnect")


def test_a_wrong_secret_is_told_at_its_field_and_stores_nothing(
    set_up: SetUp, visit: Visit, host: RunningHost
) -> None:
    visitor = visit(ADMIN)
    simulator = cast("dict[str, str]", host.facts["simulator"])
    visitor.go(PAGE)
    visitor.page.get_by_label("Application (client) id").fill(simulator["clientId"])
    field = visitor.page.get_by_label("Client secret value")
    field.fill("wrong")
    visitor.button("Save credentials").click()
    expect(field).to_have_accessible_description(re.compile("The client secret is wrong"))
    expect(field).to_have_value("")
    visitor.complaints.clear()  # the browser itself notes the 422
    visitor.go(PAGE)
    expect(visitor.page.get_by_text("from its environment")).to_be_visible()


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("admin_consent=True&tenant=t", "Consent was granted."),
        ("error=access_denied&error_description=AADSTS65004%3A+no", "Consent was refused."),
        ("error=permission_denied&error_description=canceled", "Consent was refused."),
    ],
)
def test_the_way_back_from_the_consent_page_ends_here(
    set_up: SetUp, visit: Visit, query: str, told: str
) -> None:
    visitor = visit(ADMIN)
    visitor.go(f"{CALLBACK}?{query}&state=consent")
    assert urlsplit(visitor.page.url).path == PAGE
    message = visitor.page.locator(".entra-message[data-entra-focus]")
    expect(message).to_contain_text(told)
    expect(message).to_be_focused()
    expect(visitor.page.get_by_text("Connected", exact=True)).to_be_visible()


def test_the_page_and_the_wizard_lead_to_each_other(set_up: SetUp, visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.step("connect")
    visitor.link("Connection and checks").click()
    expect(visitor.page).to_have_title("Connection · Microsoft Entra · PSA")
    visitor.link("Back to the set-up").click()
    expect(visitor.page.get_by_role("heading", name="Connect your partner tenant")).to_be_visible()


def test_disconnecting_on_the_page_asks_first(set_up: SetUp, visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go(PAGE)
    visitor.button("Disconnect").click()
    dialog = visitor.page.get_by_role("dialog", name="Disconnect Microsoft Entra?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.get_by_text("Connected", exact=True)).to_be_visible()


def test_without_a_connection_the_page_leads_to_the_first_step(visit: Visit) -> None:
    visitor = visit(OTHER_ADMIN)
    visitor.go(PAGE)
    visitor.link("Connect in the first step of the set-up.").click()
    expect(visitor.button("Sign in with Microsoft")).to_be_visible()
