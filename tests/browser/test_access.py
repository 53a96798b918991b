"""Who sees what: readers look, portal users and MSPs without the feature see nothing."""

import re

import pytest
from playwright.sync_api import expect

from support.browser import ADMIN, OTHER_TECHNICIAN, PORTAL, TECHNICIAN
from support.running import RunningHost

from .conftest import SetUp, Visit

STEPS = ("connect", "discover", "map", "sync")


@pytest.mark.parametrize("step", STEPS)
def test_a_reader_sees_every_step_and_no_way_to_change_it(
    set_up: SetUp, visit: Visit, step: str
) -> None:
    visitor = visit(TECHNICIAN)
    visitor.step(step)
    expect(visitor.page.get_by_role("note")).to_contain_text("system_settings.update")
    main = visitor.page.get_by_role("main")
    expect(main.locator("[hx-post]")).to_have_count(0)
    expect(main.get_by_role("combobox")).to_have_count(0)


def test_a_reader_sees_the_connection_and_no_way_to_change_it(set_up: SetUp, visit: Visit) -> None:
    visitor = visit(TECHNICIAN)
    visitor.go("/integrations/entra/connection")
    main = visitor.page.get_by_role("main")
    expect(main.get_by_role("note")).to_contain_text("system_settings.update")
    expect(main.locator("[hx-post]")).to_have_count(0)
    expect(main.get_by_role("textbox")).to_have_count(0)


@pytest.mark.parametrize("page", ["rules", "schedule", "settings"])
def test_a_reader_sees_rules_schedule_and_settings_and_no_way_to_change_them(
    set_up: SetUp, visit: Visit, page: str
) -> None:
    visitor = visit(TECHNICIAN)
    visitor.go(f"/integrations/entra/{page}")
    main = visitor.page.get_by_role("main")
    expect(main.get_by_role("note")).to_contain_text("system_settings.update")
    expect(main.locator("[hx-post]")).to_have_count(0)
    for role in ("button", "textbox", "combobox", "checkbox", "spinbutton"):
        expect(main.get_by_role(role)).to_have_count(0)


def test_without_the_flag_of_field_rules_there_is_no_page_of_them(
    visit: Visit, host: RunningHost
) -> None:
    visitor = visit(OTHER_TECHNICIAN)
    host.target("entra-integration-field-sync", host.tenant_id(1), "remove")
    try:
        assert visitor.go("/integrations/entra/rules") == 404
        visitor.go("/settings")
        expect(visitor.link("Entra settings")).to_be_visible()
        expect(visitor.link("Entra field rules")).to_have_count(0)
    finally:
        host.target("entra-integration-field-sync", host.tenant_id(1), "add")


def test_a_reader_is_told_why_he_cannot_sync_a_client(set_up: SetUp, visit: Visit) -> None:
    visitor = visit(TECHNICIAN)
    visitor.go("/clients")
    visitor.link("Alpine Dental Group Ltd").click()
    expect(visitor.page.get_by_text("system_settings.update")).to_be_visible()
    expect(visitor.button("Sync Entra Now")).to_have_count(0)


def test_a_portal_user_gets_a_readable_403(visit: Visit) -> None:
    visitor = visit(PORTAL)
    assert visitor.go("/integrations/entra/setup") == 403
    heading = visitor.page.get_by_role("heading", level=1)
    expect(heading).to_have_text(re.compile("This area is for the MSP.s own people"))
    assert visitor.violations() == []


def test_without_the_flag_there_is_no_card_and_no_page(visit: Visit, host: RunningHost) -> None:
    visitor = visit(OTHER_TECHNICIAN)
    host.target("entra-integration-ui", host.tenant_id(1), "remove")
    try:
        assert visitor.go("/integrations/entra/setup") == 404
        expect(visitor.page.get_by_role("heading", level=1)).to_have_text("There is nothing here.")
        assert "Entra" not in visitor.page.title()
        assert visitor.go("/integrations/entra/connection") == 404
        assert visitor.go("/integrations/entra/clients") == 404
        for page in ("review", "history", "rules", "schedule", "settings"):
            assert visitor.go(f"/integrations/entra/{page}") == 404
        assert visitor.go("/integrations/entra/static/entra.css") == 404
        visitor.go("/settings")
        expect(visitor.page.get_by_role("link", name="Entra")).to_have_count(0)
    finally:
        host.target("entra-integration-ui", host.tenant_id(1), "add")


def test_without_the_flag_of_client_sync_there_is_no_button(
    set_up: SetUp, visit: Visit, host: RunningHost
) -> None:
    visitor = visit(ADMIN)
    host.target("entra-integration-client-sync-action", host.tenant_id(0), "remove")
    try:
        visitor.go("/clients")
        visitor.link("Alpine Dental Group Ltd").click()
        visitor.page.wait_for_load_state("networkidle")
        expect(visitor.button("Sync Entra Now")).to_have_count(0)
    finally:
        host.target("entra-integration-client-sync-action", host.tenant_id(0), "add")


def test_without_script_every_step_can_be_read(set_up: SetUp, visit: Visit) -> None:
    visitor = visit(ADMIN, java_script_enabled=False)
    visitor.step("sync")
    expect(visitor.page.get_by_role("heading", name="Result")).to_be_visible()
    assert "without JavaScript" in (visitor.page.locator("noscript").text_content() or "")
    visitor.page.locator("#entra-step-map").click()
    expect(visitor.page.get_by_role("heading", name="Map tenants to clients")).to_be_visible()
