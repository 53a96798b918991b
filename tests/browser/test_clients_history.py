"""The page of one customer, and decisions as a file."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.browser import ADMIN, TECHNICIAN, Visitor
from support.program import Json, Program
from support.running import RunningHost

from .conftest import SetUp, Visit

PAGE = "/integrations/entra/clients"


def customer(host: RunningHost, name: str) -> Json:
    """A managed tenant by its name."""
    with Program(host.base_url, ADMIN) as program:
        return next(t for t in program.items("/managed-tenants") if t["displayName"] == name)


def open_customer(visitor: Visitor, host: RunningHost, name: str) -> None:
    """Go to the page of a customer by its link in the list."""
    visitor.go(f"{PAGE}?list=all&q={name}")
    visitor.page.get_by_role("link", name=re.compile(f"History and pause.*{name}")).click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(name)


def test_the_history_says_who_when_what_and_why(
    set_up: SetUp, visit: Visit, host: RunningHost
) -> None:
    visitor = visit(ADMIN)
    open_customer(visitor, host, "Alpine Dental Group")
    history = visitor.page.get_by_role("region", name="History of decisions")
    expect(history).to_contain_text("Ada Administrator")
    expect(history).to_contain_text("Mapped")
    expect(history).to_contain_text("Alpine Dental Group Ltd")
    expect(history).to_contain_text("Verified domain alpinedental.example is the client")
    expect(visitor.page.get_by_role("region", name="What is known")).to_contain_text(
        "alpinedental.onmicrosoft.com"
    )
    visitor.link("Back to customers and clients").click()
    expect(visitor.page.get_by_label("Search by customer")).to_have_value("Alpine Dental Group")


def test_a_pause_is_set_shown_and_ended(set_up: SetUp, visit: Visit, host: RunningHost) -> None:
    visitor = visit(ADMIN)
    open_customer(visitor, host, "Fjord Fisk AS")
    page = visitor.page
    day = (datetime.now(UTC) + timedelta(days=40)).date()
    shown = f"{day.day} {day:%b %Y}"
    page.get_by_label("Pause until").fill(day.isoformat())
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text("The customer is paused.")).to_be_visible()
    expect(page.get_by_role("region", name="Decision in force")).to_contain_text(shown)
    visitor.link("Back to customers and clients").click()
    expect(page.get_by_text("Paused until")).to_contain_text(shown)
    page.go_back()
    visitor.button("Resume now").click()
    expect(page.get_by_text("The customer is no longer paused.")).to_be_visible()
    history = page.get_by_role("region", name="History of decisions")
    expect(history.get_by_text("Pause or filters changed").first).to_be_visible()
    assert customer(host, "Fjord Fisk AS")["decision"]["pausedUntil"] is None


def test_a_pause_in_the_past_is_refused_in_words(
    set_up: SetUp, visit: Visit, host: RunningHost
) -> None:
    visitor = visit(ADMIN)
    open_customer(visitor, host, "Fjord Fisk AS")
    visitor.page.get_by_label("Pause until").fill("2020-01-01")
    visitor.page.get_by_role("button", name="Pause", exact=True).click()
    expect(visitor.page.get_by_role("alert").first).to_contain_text("past")
    visitor.complaints.clear()  # the browser itself notes the 422


def test_a_file_goes_out_and_comes_in_after_a_look(
    set_up: SetUp, visit: Visit, host: RunningHost, tmp_path: Path
) -> None:
    name = "Ebony & Oak Furniture"
    visitor = visit(ADMIN)
    visitor.go(f"{PAGE}/file")
    with visitor.page.expect_download() as download:
        visitor.link("Download the decisions").click()
    path = tmp_path / "decisions.csv"
    download.value.save_as(path)
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
    before = customer(host, name)["decision"]
    state = "skipped" if before is None or before["state"] != "skipped" else "unmapped"
    for row in rows:
        row["state"] = state if row["displayName"] == name else ""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), "utf-8")

    visitor.page.get_by_label("CSV file").set_input_files(path)
    visitor.button("Check the file").click()
    expect(visitor.page.get_by_role("heading", name="The file changes 1 customer")).to_be_focused()
    expect(visitor.page.get_by_role("row").filter(has_text=name)).to_be_visible()
    assert customer(host, name)["decision"] == before
    visitor.button("Apply 1 change").click()
    expect(visitor.page.get_by_role("status")).to_contain_text("Customers changed: 1.")
    assert customer(host, name)["decision"]["state"] == state


def test_every_fault_of_a_file_is_told_with_its_line(
    set_up: SetUp, visit: Visit, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.csv"
    nobody = "00000000-0000-4000-8000-000000000000"
    lines = ["entraTenantId,state,clientId,rowVersion", f"{nobody},skipped,,0", "x,lost,,y"]
    path.write_text("\n".join(lines))
    visitor = visit(ADMIN)
    visitor.go(f"{PAGE}/file")
    visitor.page.get_by_label("CSV file").set_input_files(path)
    visitor.button("Check the file").click()
    faults = visitor.page.get_by_role("table", name="What is wrong with the file")
    expect(faults.get_by_role("row")).to_have_count(5)
    expect(faults).to_contain_text("Line 2")
    expect(faults).to_contain_text("No tenant with this id was discovered.")
    expect(visitor.button("Apply")).to_have_count(0)
    assert visitor.violations() == []
    visitor.complaints.clear()  # the browser itself notes the 422


def test_a_reader_can_download_and_not_upload(set_up: SetUp, visit: Visit) -> None:
    visitor = visit(TECHNICIAN)
    visitor.go(f"{PAGE}/file")
    expect(visitor.link("Download the decisions")).to_be_visible()
    expect(visitor.page.locator("input[type=file]")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("login", [ADMIN, TECHNICIAN])
def test_the_page_of_a_customer_is_accessible(
    set_up: SetUp, visit: Visit, host: RunningHost, scheme: str, login: str
) -> None:
    visitor = visit(login, color_scheme=scheme)
    open_customer(visitor, host, "Cedar Grove School")
    for width in (1280, 320):
        visitor.page.set_viewport_size({"width": width, "height": 800})
        assert visitor.overflow() <= 0
        assert visitor.violations() == []


def test_the_wizard_shows_a_look_alike_before_a_client_is_created(
    set_up: SetUp, visit: Visit, host: RunningHost
) -> None:
    visitor = visit(ADMIN)
    visitor.step("map")
    visitor.page.get_by_label("Decision for Delta Logistics").select_option("create_new")
    visitor.button("Confirm decisions").click()
    question = visitor.page.locator("#entra-question")
    expect(question).to_be_focused()
    expect(question).to_contain_text("Delta Logistics resembles")
    expect(visitor.page.get_by_label("Decision for Delta Logistics")).to_have_value("create_new")
    assert customer(host, "Delta Logistics")["decision"] is None
    assert visitor.violations() == []


def test_the_wizard_and_the_page_lead_to_each_other(set_up: SetUp, visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.step("map")
    visitor.link("Customers and clients").click()
    expect(visitor.page).to_have_title("Customers and clients · Microsoft Entra · PSA")
    visitor.link("Back to the set-up").click()
    expect(visitor.page.get_by_role("heading", name="Map tenants to clients")).to_be_visible()
