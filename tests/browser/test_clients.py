"""The page of customers and clients, with 300 of them: finding, deciding, and what is asked."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Dialog, Locator, expect

from support.browser import ADMIN, PORTAL, TECHNICIAN, Visitor
from support.inside import Inside
from support.program import Json, Program
from support.running import RunningHost
from support.simulator import Simulator

from .conftest import Visit

PAGE = "/integrations/entra/clients"


@pytest.fixture
def host(crowded: RunningHost) -> RunningHost:
    """The host of this module."""
    return crowded


@pytest.fixture(scope="module")
def program(crowded: RunningHost) -> Iterator[Program]:
    """The administrator, by the API."""
    with Program(crowded.base_url, ADMIN) as signed_in:
        yield signed_in


def undecided(program: Program, name: str = "needsReview", *, like: int = 1) -> list[Json]:
    """Rows of a list that nobody decided about, with so many look-alikes at least."""
    rows: list[Json] = program.get("/mappings/preview").data[name]
    return [row for row in rows if len(row["lookAlikes"]) >= like and not row["decision"]]


def decided(program: Program, row: Json) -> tuple[object, object]:
    """State and client of the decision in force."""
    found: list[Json] = program.get("/mappings/preview", list="decided").data["decided"]
    key = row["managedTenantId"]
    decision = next((r["decision"] for r in found if r["managedTenantId"] == key), None)
    return (decision["state"], decision["clientId"]) if decision else (None, None)


def map_to(program: Program, row: Json, client_id: str) -> None:
    """Decide as another person at another desk."""
    version = program.get("/mappings/preview").data["version"]
    decision = {"managedTenantId": row["managedTenantId"], "state": "mapped", "clientId": client_id}
    program.post("/mappings/confirm", {"version": version, "decisions": [decision]}).data  # noqa: B018


def show(visitor: Visitor, row: Json, tab: str = "all") -> Locator:
    """Open the page where the row stands; answers the row."""
    visitor.go(f"{PAGE}?list={tab}&row={row['managedTenantId']}")
    return visitor.page.locator(f"#entra-row-{row['managedTenantId']}")


def best(row: Json) -> Json:
    """The first candidate."""
    found: Json = row["candidates"][0]
    return found


def test_opening_the_page_asks_microsoft_nothing_and_writes_nothing(
    visit: Visit, host: RunningHost
) -> None:
    facts = host.facts["simulator"]
    assert isinstance(facts, dict)
    microsoft, inside = Simulator.of(facts), Inside(host.facts)
    visitor = visit(ADMIN)
    microsoft.forget_requests()
    before = inside.versions()
    for query in ("", "?list=all&page=7", "?list=auto_matched", "?list=all&q=ltd"):
        assert visitor.go(PAGE + query) == 200
    assert inside.versions() == before
    assert microsoft.requests() == []


def test_lists_have_counts_and_pages_of_fifty_with_addresses(visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go(PAGE)
    page = visitor.page
    counts = [
        int(t.split()[-1].replace(",", "")) for t in page.locator(".entra-tabs a").all_inner_texts()
    ]
    assert counts[-1] == sum(counts[:-1]) >= 300
    first_page, second_page = (f"{rows} of {counts[-1]}" for rows in ("1 to 50", "51 to 100"))
    page.locator("#entra-tab-all").click()
    expect(page).to_have_url(re.compile(r"list=all$"))
    expect(page.get_by_text(first_page, exact=True)).to_be_visible()
    first = page.locator("[data-entra-row]").first.inner_text()
    visitor.link("Next page").click()
    expect(page.get_by_text(second_page, exact=True)).to_be_visible()
    expect(page.locator("[data-entra-row]")).to_have_count(50)
    page.reload()
    expect(page.get_by_text(second_page, exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_text(first_page, exact=True)).to_be_visible()
    assert page.locator("[data-entra-row]").first.inner_text() == first


def test_a_search_finds_customers_by_name_domain_and_client(visit: Visit, program: Program) -> None:
    row = next(row for row in undecided(program) if row["displayName"].isascii())
    visitor = visit(ADMIN)
    visitor.go(f"{PAGE}?list=all")
    field = visitor.page.get_by_label("Search by customer")
    for sought in (row["displayName"], row["defaultDomain"], best(row)["clientName"]):
        field.fill("")
        field.press_sequentially(sought)
        expect(visitor.page.locator(f"#entra-row-{row['managedTenantId']}")).to_be_visible()
        visitor.page.wait_for_url(
            lambda url, q=sought: parse_qs(urlsplit(url).query).get("q") == [q]  # type: ignore[misc]
        )
        expect(visitor.page.locator("#entra-live")).to_contain_text("found")
        expect(field).to_be_focused()
    assert "q=" in visitor.page.url
    visitor.page.reload()
    expect(field).to_have_value(best(row)["clientName"])


def test_the_names_of_all_clients_are_in_the_page_once(visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go(f"{PAGE}?list=all")
    assert visitor.page.locator("datalist").count() == 1
    assert visitor.page.locator("select option").count() < 50 * 12


def test_a_candidate_that_others_claim_leads_to_their_row(visit: Visit, program: Program) -> None:
    rows = undecided(program)
    row = next(r for r in rows if any(c["rivals"] for c in r["candidates"][:3]))
    visitor = visit(ADMIN)
    found = show(visitor, row)
    expect(found.locator(".entra-against").first).to_contain_text("Against it")
    link = found.get_by_text("Also likely for").first.get_by_role("link").first
    name = link.inner_text()
    link.click()
    expect(visitor.page.locator("[data-entra-row]:focus [id^=entra-name]")).to_have_text(name)


def test_the_keyboard_alone_decides_about_several_rows(visit: Visit, program: Program) -> None:
    visitor = visit(ADMIN)
    visitor.go(f"{PAGE}?list=needs_review&page=2")
    page, keys = visitor.page, visitor.page.keyboard
    ids = page.locator("[data-entra-row]").evaluate_all("rows => rows.map((row) => row.id)")
    rows = {f"entra-row-{r['managedTenantId']}": r for r in undecided(program, like=0)}
    keys.press("j")
    expect(page.locator(f"#{ids[0]}")).to_be_focused()
    keys.press("1")
    expect(page.locator("#entra-live")).to_contain_text(best(rows[ids[0]])["clientName"])
    keys.press("ArrowDown")
    keys.press("s")
    keys.press("j")
    keys.press("s")
    expect(page.locator("[data-entra-count]")).to_have_text("3")
    keys.press("u")
    keys.press("k")
    expect(page.locator(f"#{ids[1]}")).to_be_focused()
    expect(page.locator("[data-entra-count]")).to_have_text("2")
    keys.press("Enter")
    expect(page.get_by_text("The decisions are in force: 1 mapped, 1 skipped.")).to_be_visible()
    assert decided(program, rows[ids[0]]) == ("mapped", best(rows[ids[0]])["clientId"])
    assert decided(program, rows[ids[1]]) == ("skipped", None)
    assert decided(program, rows[ids[2]]) == (None, None)
    keys.press("j")
    expect(page.locator(f"#{ids[2]}")).to_be_focused()


def test_shortcuts_do_nothing_while_typing_and_escape_leads_back(visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go(f"{PAGE}?list=unmatched")
    page, keys = visitor.page, visitor.page.keyboard
    keys.press("j")
    row = page.locator("[data-entra-row]").first
    field = row.locator("input[list]")
    field.focus()
    keys.type("jcs1?/")
    expect(field).to_have_value("jcs1?/")
    expect(row.locator("select")).to_have_value("")
    keys.press("Escape")
    expect(row).to_be_focused()
    keys.press("u")
    expect(field).to_have_value("")
    keys.press("/")
    expect(page.get_by_label("Search by customer")).to_be_focused()
    keys.type("?")
    expect(page.get_by_label("Search by customer")).to_have_value("?")


def test_shortcuts_are_explained_and_can_be_switched_off(visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go(f"{PAGE}?list=unmatched")
    page, keys = visitor.page, visitor.page.keyboard
    keys.press("?")
    expect(page.get_by_text("Undo the choice of the row")).to_be_visible()
    page.get_by_label("Shortcuts are on").uncheck()
    page.reload()
    page.locator("[data-entra-row]").first.focus()
    keys.press("s")
    expect(page.locator("[data-entra-row]").first.locator("select")).to_have_value("")


def test_a_look_alike_is_shown_before_a_client_is_created(visit: Visit, program: Program) -> None:
    row = undecided(program)[-1]
    visitor = visit(ADMIN)
    show(visitor, row).locator("select").select_option("create_new")
    visitor.button("Confirm decisions").click()
    question = visitor.page.locator("#entra-question")
    expect(question).to_be_focused()
    expect(question).to_contain_text(row["displayName"])
    expect(question).to_contain_text(row["lookAlikes"][0]["clientName"])
    assert decided(program, row) == (None, None)
    visitor.button("Confirm decisions").click()  # does not acknowledge what the other button does
    expect(question).to_be_visible()
    assert decided(program, row) == (None, None)
    visitor.button("Confirm all the same").click()
    expect(visitor.page.get_by_text("The decisions are in force: 1 to be created.")).to_be_visible()
    assert decided(program, row) == ("create_new", None)


def test_mapping_to_another_client_and_unmapping_say_what_becomes_of_links(
    visit: Visit, program: Program
) -> None:
    row = next(r for r in undecided(program) if len(r["candidates"]) > 1)
    old, new = (candidate["clientId"] for candidate in row["candidates"][:2])
    map_to(program, row, old)
    visitor = visit(ADMIN)
    told = "All contacts stay where they are, and nobody is deleted."
    for choice, state in ((new, ("mapped", new)), ("unmapped", (None, None))):
        before = decided(program, row)
        show(visitor, row).locator("select").select_option(choice)
        visitor.button("Confirm decisions").click()
        question = visitor.page.locator("#entra-question")
        expect(question).to_contain_text(told)
        assert decided(program, row) == before
        visitor.button("Confirm all the same").click()
        expect(visitor.page.get_by_role("status").first).to_contain_text(told)
        assert decided(program, row) == state


def test_a_row_that_a_colleague_changed_is_marked_and_the_rest_is_kept(
    visit: Visit, program: Program
) -> None:
    mine, theirs = undecided(program)[20:22]
    visitor = visit(ADMIN)
    visitor.go(f"{PAGE}?list=needs_review&row={mine['managedTenantId']}")
    kept, changed = (
        visitor.page.locator(f"#entra-row-{row['managedTenantId']}") for row in (mine, theirs)
    )
    for row in (kept, changed):
        row.locator("select").select_option("skipped")
    map_to(program, theirs, best(theirs)["clientId"])
    visitor.button("Confirm decisions").click()
    expect(visitor.page.get_by_role("alert").first).to_contain_text("Somebody else changed this")
    expect(kept.locator("select")).to_have_value("skipped")
    expect(changed.locator("select")).to_have_value(best(theirs)["clientId"])
    expect(changed.locator("select")).to_have_accessible_description(re.compile("Somebody"))
    visitor.complaints.clear()  # the browser itself notes the 409
    visitor.button("Confirm decisions").click()
    expect(visitor.page.get_by_text("The decisions are in force: 1 skipped.")).to_be_visible()
    assert decided(program, theirs) == ("mapped", best(theirs)["clientId"])


def test_leaving_rows_that_are_chosen_asks_first(visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go(f"{PAGE}?list=unmatched")
    page = visitor.page
    page.locator("[data-entra-row] select").first.select_option("skipped")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", stay)
    visitor.link("Next page").click()
    expect(page.get_by_text(re.compile("^1 to 50 of"))).to_be_visible()
    assert asked == ["You have chosen rows that are not confirmed. Leave them?"]


def test_a_reader_sees_rows_and_no_way_to_change_them(visit: Visit) -> None:
    visitor = visit(TECHNICIAN)
    visitor.go(f"{PAGE}?list=needs_review")
    main = visitor.page.get_by_role("main")
    expect(main.get_by_role("note")).to_contain_text("system_settings.update")
    expect(main.locator("[hx-post]")).to_have_count(0)
    expect(main.get_by_role("combobox")).to_have_count(0)
    expect(main.locator("[data-entra-row]")).to_have_count(50)


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}/file"])
def test_a_portal_user_gets_a_readable_403(visit: Visit, path: str) -> None:
    visitor = visit(PORTAL)
    assert visitor.go(path) == 403
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("own people")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "query", ["?list=needs_review", "?list=all&q=ainsworth", "/file", "?q=~~~"]
)
def test_nothing_is_wrong_for_axe_and_nothing_scrolls_sideways(
    visit: Visit, scheme: str, query: str
) -> None:
    visitor = visit(ADMIN, color_scheme=scheme)
    visitor.go(PAGE + query)
    for width in (1280, 320):
        visitor.page.set_viewport_size({"width": width, "height": 800})
        assert visitor.overflow() <= 0
        assert visitor.violations() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_question_and_chosen_rows_are_accessible(
    visit: Visit, program: Program, scheme: str
) -> None:
    row = undecided(program)[-1]
    visitor = visit(ADMIN, color_scheme=scheme)
    show(visitor, row).locator("select").select_option("create_new")
    visitor.button("Confirm decisions").click()
    expect(visitor.page.locator("#entra-question")).to_be_visible()
    for width in (1280, 320):
        visitor.page.set_viewport_size({"width": width, "height": 800})
        assert visitor.overflow() <= 0
        assert visitor.violations() == []


def test_all_exact_matches_are_accepted_at_once(visit: Visit, program: Program) -> None:
    waiting = len(program.get("/mappings/preview", list="auto_matched").data["autoMatched"])
    visitor = visit(ADMIN)
    visitor.go(f"{PAGE}?list=auto_matched&page=2")
    visitor.button(f"Accept all {waiting} exact matches").click()
    told = visitor.page.get_by_text(f"The decisions are in force: {waiting} mapped.")
    expect(told).to_be_visible()
    expect(visitor.page.get_by_text("Nothing is left in this list.")).to_be_visible()
