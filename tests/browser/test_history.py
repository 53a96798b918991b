"""The history: runs, one run with its rows, and what people do to it, after a question."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from support.browser import ADMIN, TECHNICIAN, Visitor
from support.inside import Inside
from support.program import Json, Program
from support.running import RunningHost
from support.simulator import Simulator

from .conftest import LISTEN, Visit

PAGE = "/integrations/entra/history"
ALPINE = "e0000000-0000-4000-8000-000000000001"
ALPINE_CLIENT = "c1000000-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def program(host: RunningHost) -> Iterator[Program]:
    """The administrator by the API, who has discovered and mapped."""
    facts = host.facts["simulator"]
    assert isinstance(facts, dict)
    with Program(host.base_url, ADMIN) as program:
        program.connect(Simulator.of(facts))
        program.discover()
        program.accept_exact()
        yield program


@pytest.fixture(scope="module")
def first(program: Program) -> Json:
    """The first sync."""
    return program.sync("initial")


@pytest.fixture(scope="module")
def held(program: Program, first: Json, host: RunningHost) -> Json:
    """A sync in which twelve people of Alpine are held."""
    rows = program.items(f"/runs/{first['runId']}/changes", kind="create")
    people = [r["identity"] for r in rows if r["identity"]["entraTenantId"] == ALPINE]
    leaving = [person["objectId"] for person in people[:12]]
    host.control("/users", {"tenant": ALPINE, "disable": leaving})
    return program.sync()


def open_run(visitor: Visitor, run: Json, query: str = "") -> None:
    assert visitor.go(f"{PAGE}/{run['runId']}{query}") == 200


def question(visitor: Visitor) -> Locator:
    return visitor.page.locator("#entra-question")


def changes(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("table", name="Changes").get_by_role("row")


def counted(program: Program, run: Json) -> dict[str, int]:
    found = program.get(f"/runs/{run['runId']}").data["counts"]
    assert isinstance(found, dict)
    return found


def test_runs_are_listed_youngest_first_and_filtered(visit: Visit, first: Json, held: Json) -> None:
    visitor = visit(ADMIN)
    visitor.go("/settings")
    visitor.link("Entra history").click()
    visitor.page.wait_for_load_state("networkidle")
    names = visitor.page.get_by_role("table", name="Runs").locator("tbody th a")
    expect(names).to_have_text(
        [re.compile(r"^" + name) for name in ("Sync of all customers", "First sync", "Discovery")]
    )
    row = visitor.page.get_by_role("row").filter(has_text="First sync")
    expect(row).to_contain_text("Ada Administrator · Through the API")
    expect(row).to_contain_text(f"{first['counts']['created']} Created")
    expect(row).not_to_contain_text("Updated")
    check = visitor.page.get_by_role("row").filter(has_text="Discovery")
    expect(check).to_contain_text("8 Checked")
    expect(check).to_contain_text("1 Failed")
    visitor.page.get_by_label("State").select_option(label="Held for approval")
    expect(names).to_have_count(1)
    expect(visitor.page).to_have_url(re.compile("state=held"))
    visitor.page.get_by_label("Client").select_option(label="Alpine Dental Group Ltd")
    expect(visitor.page).to_have_url(re.compile(f"client={ALPINE_CLIENT}"))
    visitor.page.get_by_label("Kind").select_option(label="Preview")
    expect(visitor.page.locator("#entra-runs").get_by_text("No run matches.")).to_be_visible()
    visitor.page.get_by_label("Kind").select_option(label="Sync of all customers")
    names.click()
    expect(visitor.page).to_have_url(re.compile(held["runId"]))
    expect(visitor.page).to_have_title("Sync of all customers · Microsoft Entra · PSA")


def test_rows_are_filtered_searched_and_downloaded(
    visit: Visit, first: Json, held: Json, program: Program
) -> None:
    visitor = visit(ADMIN)
    open_run(visitor, first)
    visitor.page.get_by_label("Start of a name or an address").fill("anna.abbott@al")
    expect(changes(visitor)).to_have_count(2)
    row = changes(visitor).nth(1)
    contact = row.get_by_role("link", name="Anna Abbott")
    expect(contact).to_have_attribute("href", re.compile("/contacts/"))
    expect(row).to_contain_text("Applied")
    visitor.page.get_by_label("Start of a name or an address").fill("")
    visitor.page.get_by_label("Change", exact=True).select_option(label="Link to a contact")
    expect(changes(visitor)).to_have_count(1 + first["counts"]["linked"])
    customers = visitor.page.get_by_role("table", name="Customers")
    customers.get_by_role("link", name=re.compile("Its changes.*Fjord Fisk")).click()
    expect(visitor.page.get_by_label("Customer", exact=True)).to_contain_text("Fjord Fisk")
    rows = program.items(f"/runs/{first['runId']}/changes")
    fjord = next(t for t in first["tenants"] if t["clientName"] == "Fjord Fisk")
    mine = [r for r in rows if r["managedTenantId"] == fjord["managedTenantId"]]
    expect(changes(visitor)).to_have_count(1 + len(mine))
    with visitor.page.expect_download() as download:
        visitor.link("Download as CSV").click()
    assert download.value.suggested_filename == f"entra-run-{first['runId']}.csv"


def test_all_rows_are_reached_page_by_page(visit: Visit, first: Json, program: Program) -> None:
    visitor = visit(ADMIN)
    open_run(visitor, first)
    seen: list[str] = []
    while True:
        expect(changes(visitor)).not_to_have_count(0)
        names = changes(visitor).locator("th[scope=row] > bdi").all_inner_texts()
        seen += names
        onward = visitor.page.get_by_label("Pages of changes").get_by_role("link", name="Next page")
        if not onward.count():
            break
        onward.click()
        expect(changes(visitor).nth(1)).not_to_contain_text(names[0])
    rows = program.items(f"/runs/{first['runId']}/changes")
    assert len(rows) > 100
    assert seen == [row["identity"]["address"] for row in rows]
    visitor.link("From the beginning").click()
    expect(changes(visitor).nth(1)).to_contain_text(seen[0])


def test_chosen_rows_are_approved_after_a_question(
    visit: Visit, held: Json, program: Program
) -> None:
    visitor = visit(ADMIN)
    open_run(visitor, held)
    visitor.button("Approve the chosen").click()
    expect(visitor.page.get_by_role("status").first).to_contain_text("No row was chosen.")
    boxes = visitor.page.locator("input[name=change]")
    boxes.nth(0).check()
    boxes.nth(1).check()
    visitor.button("Approve the chosen").click()
    expect(question(visitor)).to_be_focused()
    expect(question(visitor)).to_contain_text("2 held changes will be applied.")
    assert counted(program, held)["held"] == 12, "a question changes nothing"
    visitor.link("Do nothing").click()
    expect(question(visitor)).to_have_count(0)
    expect(boxes.nth(1)).to_be_checked()
    visitor.button("Approve the chosen").click()
    question(visitor).get_by_role("button", name="Approve").click()
    expect(visitor.page.get_by_text("2 changes are approved")).to_be_visible()
    expect(visitor.page.locator("input[name=change]")).to_have_count(10)
    expect(changes(visitor).filter(has_text="Applied")).to_have_count(2)
    assert counted(program, held)["inactivated"] == 2
    assert visitor.violations() == []


def test_what_is_decided_meanwhile_is_told_and_the_ticks_are_kept(
    visit: Visit, held: Json, program: Program
) -> None:
    visitor = visit(ADMIN)
    open_run(visitor, held, "?state=held")
    boxes = visitor.page.locator("input[name=change]")
    keys = [boxes.nth(n).get_attribute("value") for n in range(2)]
    boxes.nth(0).check()
    boxes.nth(1).check()
    visitor.button("Discard the chosen").click()
    expect(question(visitor)).to_contain_text("2 held changes will never be applied.")
    body = {"changeIds": [keys[0]]}
    assert program.post(f"/runs/{held['runId']}/discard", body).status == 200
    question(visitor).get_by_role("button", name="Discard").click()
    alert = visitor.page.get_by_role("alert").filter(has_text="changed_meanwhile")
    expect(alert).to_be_focused()
    expect(boxes).to_have_count(9)
    expect(visitor.page.locator("input[name=change]:checked")).to_have_value(str(keys[1]))
    visitor.complaints.clear()  # the browser itself notes the 409


def test_all_on_the_page_are_ticked_at_once_and_discarded(
    visit: Visit, held: Json, program: Program
) -> None:
    left = program.items(f"/runs/{held['runId']}/changes", state="held")
    letter = left[0]["identity"]["address"][0]
    visitor = visit(ADMIN)
    open_run(visitor, held, f"?state=held&q={letter}")
    visitor.page.get_by_label("All on this page").check()
    ticked = visitor.page.locator("input[name=change]:checked").count()
    assert 1 <= ticked < len(left)
    visitor.button("Discard the chosen").click()
    question(visitor).get_by_role("button", name="Discard").click()
    expect(visitor.page.get_by_text("discarded", exact=False).first).to_be_visible()
    expect(visitor.page.locator("#entra-rows").get_by_text("No change matches.")).to_be_visible()
    assert counted(program, held)["held"] == len(left) - ticked


def test_what_is_held_of_a_customer_is_approved_by_keyboard(
    visit: Visit, held: Json, program: Program
) -> None:
    visitor = visit(ADMIN)
    open_run(visitor, held)
    customers = visitor.page.get_by_role("table", name="Customers")
    ask = customers.get_by_role("button", name=re.compile("Approve what is held.*Alpine"))
    visitor.tab_to(ask)
    visitor.page.keyboard.press("Enter")
    expect(question(visitor)).to_be_focused()
    expect(question(visitor)).to_contain_text("Alpine Dental Group Ltd: Approve what is held?")
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_text("approved and").first).to_be_visible()
    state = visitor.page.get_by_role("region", name="How it stands")
    expect(state).to_contain_text("Completed")
    expect(visitor.button("Approve")).to_have_count(0)
    assert counted(program, held)["held"] == 0


def test_one_customer_is_undone_planned_first_then_applied_and_resumed(
    visit: Visit, first: Json, held: Json, program: Program, host: RunningHost
) -> None:
    inside = Inside(host.facts)
    visitor = visit(ADMIN)
    open_run(visitor, first)
    customers = visitor.page.get_by_role("table", name="Customers")
    customers.get_by_role("button", name=re.compile("Undo.*Fjord Fisk")).click()
    expect(question(visitor)).to_contain_text("Fjord Fisk: Undo this run?")
    question(visitor).get_by_role("button", name="Plan the undo").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Undo")
    expect(visitor.page).to_have_url(re.compile(f"{PAGE}/(?!{first['runId']})"))
    visitor.button("Apply the plan").click()
    active = "SELECT count(*) FROM psa_contacts WHERE active"
    before = inside.rows(active)
    question(visitor).get_by_role("button", name="Apply it now").click()
    state = visitor.page.get_by_role("region", name="How it stands")
    expect(state).to_contain_text("Completed")
    expect(state).to_contain_text("Ada Administrator · By hand")
    expect(changes(visitor).filter(has_text="Applied").first).to_be_visible()
    assert inside.rows(active) != before
    expect(visitor.button("Apply the plan")).to_have_count(0)
    visitor.button("Resume who was left alone").click()
    question(visitor).get_by_role("button", name="Resume").click()
    expect(visitor.page.get_by_text("planned by the next sync again")).to_be_visible()
    expect(visitor.button("Resume who was left alone")).to_have_count(0)
    program.sync()
    assert inside.rows(active) == before
    state.get_by_role("link", name="That run").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("First sync")
    expect(customers.get_by_role("button", name=re.compile("Undo.*Fjord Fisk"))).to_have_count(0)


def test_a_run_is_followed_and_stopped(
    visit: Visit, first: Json, held: Json, program: Program, host: RunningHost
) -> None:
    visitor = visit(ADMIN)
    visitor.page.add_init_script(LISTEN)
    host.control("/faults", {"faults": [{"match": "^GET ", "delayMs": 4000}]})
    try:
        run = program.post("/sync", {"scope": "all"}).data
        visitor.go(PAGE)
        expect(visitor.page.get_by_text(re.compile("0 of 4 customers finished"))).to_be_visible()
        open_run(visitor, run)
        expect(visitor.page.get_by_role("progressbar")).to_be_visible()
        assert visitor.violations() == []
        visitor.button("Stop the run").click()
        expect(question(visitor)).to_contain_text("What it has applied stays")
        question(visitor).get_by_role("button", name="Stop it").click()
        expect(visitor.page.get_by_text("The run was asked to stop.")).to_be_visible()
    finally:
        host.control("/faults", {"faults": []})
    state = visitor.page.get_by_role("region", name="How it stands")
    expect(state).to_contain_text("Cancelled")
    expect(visitor.page.get_by_role("progressbar")).to_have_count(0)
    visitor.page.wait_for_function("window.said.at(-1).includes('Cancelled')")
    said = visitor.page.evaluate("window.said")
    assert any("customers finished" in text for text in said), said


def test_a_reader_sees_everything_and_no_button(visit: Visit, first: Json, held: Json) -> None:
    visitor = visit(TECHNICIAN)
    open_run(visitor, first)
    expect(changes(visitor)).not_to_have_count(1)
    expect(visitor.page.locator(".entra").get_by_role("button")).to_have_count(0)
    open_run(visitor, first, "?ask=undo")
    expect(question(visitor)).to_have_count(0)


def test_hostile_names_break_nothing(
    visit: Visit, first: Json, held: Json, host: RunningHost
) -> None:
    inside = Inside(host.facts)
    hostile = "\u202e<script>alert(1)</script>" + "x" * 500
    row = "UPDATE entra_sync_changes SET label = %s WHERE change_id = (SELECT change_id"
    row += " FROM entra_sync_changes WHERE run_id = %s AND kind = 'link' LIMIT 1)"
    inside.write(row, hostile, first["runId"])
    client = "UPDATE entra_sync_run_tenants SET client_name = %s WHERE run_id = %s"
    inside.write(client, hostile, first["runId"])
    visitor = visit(ADMIN)
    open_run(visitor, first, "?kind=link")
    expect(visitor.page.get_by_text("<script>alert(1)").first).to_be_visible()
    for width in (1280, 375):
        visitor.page.set_viewport_size({"width": width, "height": 800})
        assert visitor.overflow() <= 0
        assert visitor.violations() == []


def test_other_pages_lead_to_the_run_that_they_show(
    visit: Visit, first: Json, held: Json, program: Program
) -> None:
    visitor = visit(ADMIN)
    visitor.step("sync")
    visitor.link("Show the run").click()
    expect(visitor.page).to_have_url(re.compile(PAGE))
    key = next(t for t in first["tenants"] if t["clientId"] == ALPINE_CLIENT)["managedTenantId"]
    visitor.go(f"/integrations/entra/clients/{key}")
    visitor.link("Runs of this client").click()
    expect(visitor.page.get_by_label("Client")).to_have_value(ALPINE_CLIENT)
    visitor.go(f"/clients/{ALPINE_CLIENT}")
    visitor.link("Show the run").click()
    expect(visitor.page).to_have_url(re.compile(f"{PAGE}/"))
