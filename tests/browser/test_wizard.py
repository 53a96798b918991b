"""The wizard from the first click to contacts, by mouse and by keyboard."""

import re

from playwright.sync_api import expect

from support.browser import ADMIN, OTHER_ADMIN
from support.program import Program
from support.running import RunningHost

from .conftest import SetUp, Visit


def test_the_counts_shown_are_those_of_the_run(set_up: SetUp, host: RunningHost) -> None:
    with Program(host.base_url, ADMIN) as program:
        counts = [run for run in program.items("/runs") if run["type"] == "initial"][-1]["counts"]
        linked = program.items("/identities", verdict="linked")
    assert isinstance(counts, dict)
    shown = {name: set_up.counts[label] for name, label in LABELS.items()}
    assert shown == {name: counts[name] for name in LABELS}
    assert len(linked) == counts["created"] + counts["linked"] > 100


LABELS = {
    "created": "Created",
    "linked": "Linked",
    "queued": "To review",
    "filtered": "Left out",
}


def test_the_wizard_has_nothing_to_complain_of(set_up: SetUp) -> None:
    assert set_up.complaints == ()


def test_every_mapped_customer_is_in_the_result(set_up: SetUp) -> None:
    assert set_up.customers == 6


def test_a_person_of_the_directory_is_a_contact_and_says_from_where(
    set_up: SetUp, visit: Visit
) -> None:
    visitor = visit(ADMIN)
    visitor.go("/contacts?q=anna.abbott@alpinedental.example")
    visitor.link("Anna Abbott").click()
    panel = visitor.page.get_by_role("region", name="Microsoft Entra").last
    expect(panel).to_contain_text("Alpine Dental Group")
    expect(panel).to_contain_text("anna.abbott@alpinedental.example")
    expect(panel).to_contain_text("The e-mail address is the same")


def test_a_contact_that_is_not_from_entra_has_no_panel(set_up: SetUp, visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go("/contacts?q=elena@private.example")
    visitor.link("Elena Eriksen").click()
    visitor.page.wait_for_load_state("networkidle")
    expect(visitor.page.get_by_role("heading", name="Microsoft Entra")).to_have_count(0)


def test_sync_entra_now_follows_the_sync_and_keeps_the_focus(
    set_up: SetUp, visit: Visit, host: RunningHost
) -> None:
    visitor = visit(ADMIN)
    visitor.go("/clients")
    visitor.link("Alpine Dental Group Ltd").click()
    host.control("/faults", {"faults": [{"match": "^GET ", "delayMs": 300}]})
    visitor.button("Sync Entra Now").click()
    expect(visitor.page.locator("#entra-live")).to_contain_text("Sync is running")
    expect(visitor.link("Show the contacts as they are now")).to_be_visible()
    host.control("/faults", {"faults": []})
    expect(visitor.button("Sync Entra Now")).to_be_focused()
    expect(visitor.page.locator("#entra-live")).to_contain_text("Completed")


def test_a_client_without_a_mapping_says_so(set_up: SetUp, visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go("/clients")
    visitor.link("Northwind Dental Group").click()
    expect(visitor.page.get_by_text("No managed tenant is mapped to this client")).to_be_visible()
    visitor.link("Map a tenant").click()
    expect(visitor.page.get_by_role("heading", name="Map tenants to clients")).to_be_visible()


def test_refused_consent_is_told_in_words_and_can_be_tried_again(visit: Visit) -> None:
    visitor = visit(OTHER_ADMIN)
    visitor.step("connect")
    visitor.button("Sign in with Microsoft").or_(visitor.button("Sign in again")).click()
    visitor.page.wait_for_url(re.compile("/authorize"))
    visitor.button("Cancel and refuse consent").click()
    visitor.page.wait_for_url(re.compile("outcome=failed"))
    alert = visitor.page.get_by_role("alert")
    expect(alert).to_contain_text("Consent was refused.")
    expect(alert).to_contain_text("Start again and accept the permissions")
    expect(alert).to_be_focused()


def test_the_keyboard_alone_connects_discovers_and_maps(visit: Visit) -> None:
    visitor = visit()
    page, keys = visitor.page, visitor.page.keyboard
    visitor.go("/sign-in")
    visitor.tab_to(page.locator(f"button[value='{OTHER_ADMIN}']"))
    keys.press("Enter")
    page.wait_for_url(f"{visitor.base_url}/")
    visitor.step("connect")
    visitor.tab_to(visitor.button("Sign in with Microsoft"))
    keys.press("Enter")
    page.wait_for_url(re.compile("/authorize"))
    visitor.tab_to(page.locator("button[name=partner]").nth(1))
    keys.press("Enter")
    page.wait_for_url(re.compile("outcome=connected"))
    expect(page.locator(".entra-message").first).to_be_attached()
    visitor.tab_to(visitor.link("Continue to Discover"))
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Discover managed tenants")).to_be_focused()
    visitor.tab_to(visitor.button("Discover managed tenants"))
    keys.press("Enter")
    expect(page.locator("p", has_text="Finished, 2 managed tenants found")).to_be_visible()
    visitor.tab_to(visitor.link("Continue to Map"))
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Map tenants to clients")).to_be_focused()
    visitor.tab_to(page.get_by_label("Decision for Bright Accounting"))
    keys.type("Southwind")
    visitor.tab_to(visitor.button("Confirm decisions"))
    keys.press("Enter")
    message = page.get_by_text("The decisions are in force: 2 mapped.")
    expect(message).to_be_visible()
    expect(page.locator(".entra-message:focus")).to_have_count(1)


def test_going_back_shows_the_whole_page_again(visit: Visit) -> None:
    visitor = visit(OTHER_ADMIN)
    visitor.step("connect")
    visitor.page.locator("#entra-step-map").click()
    expect(visitor.page).to_have_title("Map · Microsoft Entra · PSA")
    visitor.page.go_back()
    expect(visitor.page.get_by_role("heading", name="Connect your partner tenant")).to_be_visible()
    expect(visitor.page.get_by_role("navigation", name="Main")).to_be_visible()
    expect(visitor.page).to_have_title("Connect · Microsoft Entra · PSA")


def test_the_progress_of_a_discovery_is_announced(set_up: SetUp) -> None:
    assert any(re.search(r"\d of 8 tenants checked", text) for text in set_up.said_in_discovery)
    assert set_up.said_in_discovery[-1].startswith("Finished, 8 managed tenants found")


def test_the_progress_of_a_sync_is_announced(set_up: SetUp) -> None:
    assert any(re.search(r"\d of 6 customers finished", text) for text in set_up.said_in_sync)
    assert set_up.said_in_sync[-1] == "Result Completed"


def test_a_wrong_client_id_is_told_at_its_field(visit: Visit) -> None:
    visitor = visit(OTHER_ADMIN)
    visitor.step("connect")
    visitor.page.get_by_text("Use your own app registration").click()
    field = visitor.page.get_by_label("Application (client) id")
    field.fill("not-a-guid")
    visitor.page.get_by_label("Client secret value").fill("whatever it is")
    visitor.button("Save credentials").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("is not a GUID"))
    expect(field).to_have_value("not-a-guid")
    visitor.complaints.clear()  # the browser itself notes the 422


def test_disconnecting_asks_first_and_escape_keeps_the_connection(
    set_up: SetUp, visit: Visit
) -> None:
    visitor = visit(ADMIN)
    visitor.step("connect")
    visitor.button("Disconnect").click()
    dialog = visitor.page.get_by_role("dialog", name="Disconnect Microsoft Entra?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(visitor.button("Disconnect")).to_be_focused()
    expect(visitor.page.get_by_text("Connected", exact=True)).to_be_visible()


def test_a_customer_that_appears_after_the_mapping_is_marked_as_new(
    set_up: SetUp, visit: Visit, host: RunningHost
) -> None:
    visitor = visit(ADMIN)
    tenant = "e0000000-0000-4000-8000-0000000000ff"
    domain = "zephyrsails.example"
    new = {"tenant": tenant, "displayName": "Zephyr Sails", "defaultDomain": domain}
    host.control("/tenants", {"add": [{**new, "verifiedDomains": [domain]}]})
    try:
        visitor.step("discover")
        visitor.button("Discover again").click()
        row = visitor.page.get_by_role("row").filter(has_text="Zephyr Sails")
        expect(row).to_contain_text("New, not mapped")
        expect(visitor.page.get_by_text("New, not mapped")).to_have_count(1)
    finally:
        host.control("/tenants", {"remove": [tenant]})
