"""Rules, schedule and settings, as people change them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Dialog, expect

from support.browser import ADMIN, Visitor
from support.program import Json, Program
from support.running import RunningHost

from .conftest import SetUp, Visit

PAGES = "/integrations/entra"
RULES, SCHEDULE, SETTINGS = (f"{PAGES}/{page}" for page in ("rules", "schedule", "settings"))


@pytest.fixture
def colleague(set_up: SetUp, host: RunningHost) -> Iterator[Program]:
    """Somebody else; what was changed is as it was at the end."""
    with Program(host.base_url, ADMIN) as program:
        before, schedule = program.get("/settings").data, program.get("/schedule").data
        yield program
        save(program, **{key: value for key, value in before.items() if key != "version"})
        program.post("/schedule", schedule, method="PUT")


def save(program: Program, **objects: object) -> None:
    """Save settings by the API."""
    body = {"version": program.get("/settings").data["version"], **objects}
    assert program.post("/settings", body, method="PUT").status == 200


def settings(program: Program) -> Json:
    """What is in force."""
    return program.get("/settings").data


def choose(visitor: Visitor, field: str, rule: str) -> None:
    """Choose the rule of a field."""
    visitor.page.get_by_label(field, exact=True).select_option(label=rule)


def expect_rule(visitor: Visitor, field: str, rule: str) -> None:
    """The rule that a field stands at."""
    chosen = visitor.page.get_by_label(field, exact=True).locator("option:checked")
    expect(chosen).to_have_text(rule)


def test_rules_are_previewed_before_they_are_saved(visit: Visit, colleague: Program) -> None:
    visitor = visit(ADMIN)
    visitor.go("/settings")
    visitor.link("Entra field rules").click()
    choose(visitor, "Job title", "On: the directory wins")
    visitor.page.wait_for_load_state("networkidle")  # what follows needs the scripts
    visitor.button("Preview with these rules").click()
    message = visitor.page.get_by_role("status").filter(has_text="The preview is being made.")
    expect(message).to_be_focused()
    assert not settings(colleague)["fieldSyncConfig"]["role"]["enabled"]
    link = visitor.link("See the preview").get_attribute("href") or ""
    run_id = link.removeprefix(f"{PAGES}/history/")
    assert colleague.finished(run_id)["state"] == "completed"
    visitor.page.reload()
    visitor.page.wait_for_load_state("networkidle")
    expect_rule(visitor, "Job title", "On: the directory wins")
    expect(visitor.page.get_by_text("Not saved yet.")).to_be_visible()
    visitor.button("Save rules").click()
    expect(visitor.page.get_by_text("The rules are saved.")).to_be_visible()
    expect(visitor.page.get_by_text("Job title: On: the directory wins.")).to_be_visible()
    expect(visitor.page).to_have_url(re.compile(f"{RULES}$"))
    assert settings(colleague)["fieldSyncConfig"]["role"]["enabled"]


def test_rules_that_a_colleague_changed_stand_beside_mine(visit: Visit, colleague: Program) -> None:
    visitor = visit(ADMIN)
    visitor.go(RULES)
    choose(visitor, "E-mail", "On: the directory wins")
    save(colleague, fieldSyncConfig={"email": {"enabled": True, "mode": "ask"}})
    visitor.button("Save rules").click()
    expect(visitor.page.get_by_role("alert").first).to_contain_text("Nothing was written")
    row = visitor.page.get_by_role("row").filter(has_text="E-mail")
    expect(row).to_contain_text("In force now: On: ask a person")
    expect_rule(visitor, "E-mail", "On: the directory wins")
    assert settings(colleague)["fieldSyncConfig"]["email"]["mode"] == "ask"
    visitor.button("Save rules").click()
    expect(visitor.page.get_by_text("The rules are saved.")).to_be_visible()
    assert settings(colleague)["fieldSyncConfig"]["email"]["mode"] == "directory_wins"
    visitor.complaints.clear()  # the browser itself notes the 409


def test_a_schedule_is_switched_on_and_off(visit: Visit, colleague: Program) -> None:
    visitor = visit(ADMIN)
    page = visitor.page
    visitor.go(SCHEDULE)
    page.get_by_label("Sync by itself").check()
    page.get_by_label("How often: number").fill("6")
    page.get_by_label("How often: unit").select_option("hours")
    visitor.button("Save schedule").click()
    expect(page.get_by_text("The schedule is saved and in force.")).to_be_visible()
    state = page.get_by_role("region", name="State")
    expect(state).to_contain_text("Every 6 hours")
    due = state.locator("time").first.get_attribute("datetime") or ""
    left = datetime.fromisoformat(due) - datetime.now(UTC)
    assert timedelta(minutes=-1) < left <= timedelta(hours=6)
    expect(page.get_by_label("How often: number")).to_have_value("6")
    page.get_by_label("Sync by itself").uncheck()
    visitor.button("Save schedule").click()
    expect(state).to_contain_text("None: switched off")
    assert colleague.get("/schedule").data == {"syncEnabled": False, "syncIntervalMinutes": 360}


def test_what_is_wrong_in_the_settings_is_told_at_its_line(
    visit: Visit, colleague: Program
) -> None:
    visitor = visit(ADMIN)
    visitor.go(SETTINGS)
    patterns = visitor.page.get_by_label("Leave out these addresses")
    patterns.fill("test-*@*\n[oops]\n<b>bold</b>*")
    visitor.page.get_by_label("Make them inactive only after").fill("14")
    visitor.button("Save settings").click()
    alert = visitor.page.get_by_role("alert").filter(has_text="Nothing was saved.")
    expect(alert).to_be_focused()
    expect(patterns).to_have_accessible_description(re.compile(r"Line 2: \[oops\]"))
    expect(patterns).to_have_attribute("aria-invalid", "true")
    assert settings(colleague)["guardConfig"]["graceDays"] == 0
    patterns.fill("test-*@*\n<b>bold</b>*")
    visitor.button("Save settings").click()
    expect(visitor.page.get_by_text("The settings are saved.")).to_be_visible()
    saved = settings(colleague)
    assert saved["userFilterConfig"]["excludePatterns"] == ["test-*@*", "<b>bold</b>*"]
    assert saved["guardConfig"]["graceDays"] == 14
    visitor.complaints.clear()  # the browser itself notes the 422


def test_a_number_out_of_its_range_does_not_leave_the_browser(
    visit: Visit, colleague: Program
) -> None:
    visitor = visit(ADMIN)
    visitor.go(SETTINGS)
    share = visitor.page.get_by_role("group", name="Contacts of a client made inactive")
    share.get_by_label("and more than").fill("101")
    visitor.button("Save settings").click()
    expect(share.get_by_label("and more than")).to_be_focused()
    assert visitor.page.evaluate("document.querySelectorAll(':invalid').length") >= 1
    assert settings(colleague)["guardConfig"]["inactivatePercent"] == 10


def test_settings_are_changed_by_keyboard(visit: Visit, colleague: Program) -> None:
    visitor = visit(ADMIN)
    visitor.go(SETTINGS)
    visitor.tab_to(visitor.page.get_by_label("Take guests in"))
    visitor.page.keyboard.press("Space")
    visitor.tab_to(visitor.button("Save settings"))
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_text("The settings are saved.")).to_be_visible()
    assert settings(colleague)["userFilterConfig"]["includeGuests"] is True


@pytest.mark.parametrize(
    ("path", "label"),
    [(SETTINGS, "Take guests in"), (SCHEDULE, "Sync by itself"), (RULES, "Job title")],
)
def test_what_was_entered_is_not_left_behind_without_a_word(
    colleague: Program, visit: Visit, path: str, label: str
) -> None:
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    visitor = visit(ADMIN)
    visitor.page.on("dialog", answer)
    visitor.go(path)
    visitor.link("Back to the set-up").click()
    visitor.page.wait_for_url(re.compile("/setup"))
    assert asked == []
    visitor.go(path)
    field = visitor.page.get_by_label(label, exact=path == RULES)
    if path == RULES:
        field.select_option("ask")
    else:
        field.check()
    visitor.link("Back to the set-up").click()
    visitor.page.wait_for_url(re.compile("/setup"))
    assert asked == ["beforeunload"]


def test_on_a_phone_everything_fits_and_can_be_saved(visit: Visit, colleague: Program) -> None:
    visitor = visit(ADMIN, viewport={"width": 375, "height": 700})
    for path in (RULES, SCHEDULE, SETTINGS):
        visitor.go(path)
        assert visitor.overflow() <= 0
    visitor.page.get_by_label("Leave out users without a licence").check()
    visitor.button("Save settings").click()
    expect(visitor.page.get_by_text("The settings are saved.")).to_be_visible()
    assert settings(colleague)["userFilterConfig"]["licensedOnly"] is True
