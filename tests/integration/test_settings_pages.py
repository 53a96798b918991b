"""The pages of rules, schedule and settings: gates, bad input, conflicts, what readers see."""

import html
import re
from collections.abc import Iterator

import httpx
import pytest

from support.inside import Inside
from support.program import Json, Program
from support.running import RunningHost
from support.simulator import Simulator

PAGES = "/integrations/entra"
FIELD_SYNC = "entra-integration-field-sync"
QUEUE = "entra-integration-ambiguous-queue"
OFF = dict.fromkeys(
    ("displayName", "email", "phone", "mobile", "role", "department", "officeLocation"), "off"
)


class Desk:
    """A person before the pages."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def see(self, path: str) -> str:
        """A page as it is shown now."""
        return self.program.http.get(PAGES + path).raise_for_status().text

    def send(self, path: str, form: dict[str, str]) -> httpx.Response:
        """Send a form."""
        headers = {"X-CSRF-Token": self.program.csrf}
        return self.program.http.post(PAGES + path, data=form, headers=headers)

    def settings(self) -> Json:
        """What is in force."""
        return self.program.get("/settings").data

    def put(self, **objects: object) -> None:
        """Save by the API, as a colleague does."""
        body = {"version": self.settings()["version"], **objects}
        assert self.program.post("/settings", body, method="PUT").status == httpx.codes.OK


def form_of(seen: str) -> dict[str, str]:
    """What the form of a page would send if nobody touched it."""
    fields = dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', seen)
        + re.findall(r'<input id="[^"]*" name="(\w+)" type="number"[^>]* value="(\d+)"', seen)
        + re.findall(r'<input name="(every)" type="number"[^>]* value="(\d+)"', seen)
        + re.findall(r'<input type="checkbox" name="(\w+)" value="(true)" checked', seen)
    )
    for name, options in re.findall(r'<select name="(\w+)".*?>(.*?)</select>', seen, re.DOTALL):
        (fields[name],) = re.findall(r'value="(\w+)" selected', options)
    for name, text in re.findall(r'<textarea [^>]*name="(\w+)".*?>\n(.*?)</textarea>', seen, re.S):
        fields[name] = html.unescape(text)
    return fields


@pytest.fixture
def desk(admin: Program, inside: Inside, host: RunningHost) -> Iterator[Desk]:
    """Nothing was ever set."""
    yield Desk(admin)
    inside.write("DELETE FROM entra_sync_settings WHERE tenant_id = %s", host.tenant_id(0))


@pytest.fixture(scope="module")
def reader(host: RunningHost) -> Iterator[Desk]:
    """Somebody who may look."""
    with Program(host.base_url, "tech@northwind.example") as program:
        yield Desk(program)


@pytest.mark.parametrize("page", ["/rules", "/schedule", "/settings"])
def test_a_form_that_nobody_touched_saves_nothing(desk: Desk, page: str) -> None:
    before = desk.settings()
    answer = desk.send(page, form_of(desk.see(page)))
    assert answer.status_code == httpx.codes.OK
    assert desk.settings() == before


@pytest.mark.parametrize("page", ["/rules", "/schedule", "/settings"])
def test_a_reader_sees_what_is_in_force_and_nothing_to_press(
    desk: Desk, reader: Desk, page: str
) -> None:
    desk.put(
        fieldSyncConfig={"role": {"enabled": True, "mode": "ask"}},
        userFilterConfig={"excludePatterns": ["temp*"]},
    )
    seen = reader.see(page)
    assert "system_settings.update" in seen
    assert "hx-post" not in seen
    assert not re.search(r"<(button|select|textarea)[^>]*name=", seen)
    assert {"/rules": "On: ask a person", "/schedule": "Off", "/settings": "temp*"}[page] in seen
    assert reader.send(page, {}).status_code == httpx.codes.FORBIDDEN


def test_without_their_flag_the_rules_are_absent_and_the_settings_are_not(
    desk: Desk, host: RunningHost
) -> None:
    host.target(FIELD_SYNC, host.tenant_id(0), "remove")
    try:
        assert desk.program.http.get(f"{PAGES}/rules").status_code == httpx.codes.NOT_FOUND
        for path in ("/rules", "/rules/preview"):
            assert desk.send(path, {"version": "1", **OFF}).status_code == httpx.codes.NOT_FOUND
        assert f"{PAGES}/rules" not in desk.program.http.get("/settings").text
        sent = {**form_of(desk.see("/settings")), "graceDays": "2"}
        assert desk.send("/settings", sent).status_code == httpx.codes.OK
    finally:
        host.target(FIELD_SYNC, host.tenant_id(0), "add")
    assert desk.settings()["guardConfig"]["graceDays"] == 2


# --- Settings ---


def test_settings_are_saved_and_only_the_objects_that_differ(desk: Desk, inside: Inside) -> None:
    sent = form_of(desk.see("/settings"))
    sent |= {"excludePatterns": "test-*@*\r\n\r\n*.external@*", "includeGuests": "true"}
    answer = desk.send("/settings", sent)
    assert "The settings are saved." in answer.text
    assert desk.settings()["userFilterConfig"] == {
        "licensedOnly": False,
        "includeGuests": True,
        "excludePatterns": ["test-*@*", "*.external@*"],
    }
    stored = inside.rows("SELECT guard_config, notification_config FROM entra_sync_settings")
    assert stored == [({}, {})], "what keeps its default follows it"


def test_everything_that_is_wrong_is_marked_and_nothing_is_written(desk: Desk) -> None:
    sent = {**form_of(desk.see("/settings")), "graceDays": "31", "overwriteMin": ""}
    sent |= {"excludePatterns": "good*\n\n[a]\n***", "includeGuests": "true"}
    before = desk.settings()
    answer = desk.send("/settings", sent)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "Nothing was saved." in answer.text
    assert answer.text.count('aria-invalid="true"') == 3
    assert "Enter a whole number from 0 to 30." in answer.text
    assert "Line 3: <bdi><code>[a]</code></bdi>" in answer.text
    assert "Line 4: <bdi><code>***</code></bdi>" in answer.text
    again = form_of(answer.text)
    assert (again["graceDays"], again["excludePatterns"]) == ("31", sent["excludePatterns"])
    assert again["includeGuests"] == "true"
    assert desk.settings() == before


def test_stale_settings_stand_beside_those_in_force_and_can_be_saved_then(desk: Desk) -> None:
    sent = {**form_of(desk.see("/settings")), "graceDays": "3", "excludePatterns": "mine*"}
    desk.put(userFilterConfig={"excludePatterns": ["theirs*"]}, guardConfig={"graceDays": 9})
    before = desk.settings()
    answer = desk.send("/settings", sent)
    assert answer.status_code == httpx.codes.CONFLICT
    assert "<code>stale_version</code>" in answer.text
    assert "stands beside what you entered" in answer.text
    assert "In force now: 9" in answer.text
    assert "<code>theirs*</code>" in answer.text
    assert desk.settings() == before
    again = form_of(answer.text)
    assert (again["graceDays"], again["excludePatterns"]) == ("3", "mine*")
    assert desk.send("/settings", again).status_code == httpx.codes.OK
    assert desk.settings()["guardConfig"]["graceDays"] == 3
    assert desk.settings()["userFilterConfig"]["excludePatterns"] == ["mine*"]


def test_a_mistake_hides_no_conflict(desk: Desk) -> None:
    sent = {**form_of(desk.see("/settings")), "graceDays": "31"}
    desk.put(notificationConfig={"held": False})
    again = {**form_of(desk.send("/settings", sent).text), "graceDays": "3"}
    assert desk.send("/settings", again).status_code == httpx.codes.CONFLICT
    assert desk.settings()["notificationConfig"]["held"] is False


@pytest.mark.parametrize("pattern", ["<script>alert(1)</script>*", "\u202e*gnp.exe", "a" * 200])
def test_a_hostile_pattern_is_only_text(desk: Desk, reader: Desk, pattern: str) -> None:
    desk.put(userFilterConfig={"excludePatterns": [pattern]})
    for who in (desk, reader):
        seen = who.see("/settings")
        assert "<script>alert" not in seen
        assert html.escape(pattern) in seen
    assert desk.send("/settings", form_of(desk.see("/settings"))).status_code == httpx.codes.OK
    assert desk.settings()["userFilterConfig"]["excludePatterns"] == [pattern]


# --- Rules ---


def test_rules_are_saved_and_the_next_sync_is_told(desk: Desk) -> None:
    sent = {**form_of(desk.see("/rules")), "role": "ask", "email": "local_wins"}
    answer = desk.send("/rules", sent)
    assert "E-mail: On: the contact wins; Job title: On: ask a person." in answer.text
    in_force = desk.settings()["fieldSyncConfig"]
    assert in_force["role"] == {"enabled": True, "mode": "ask"}
    assert in_force["email"] == {"enabled": True, "mode": "local_wins"}
    assert in_force["phone"]["enabled"] is False
    off = {**form_of(answer.text), "role": "off", "email": "off"}
    assert "the next sync overwrites nothing" in desk.send("/rules", off).text
    assert not any(rule["enabled"] for rule in desk.settings()["fieldSyncConfig"].values())


def test_stale_rules_stand_beside_those_in_force_and_can_be_saved_then(desk: Desk) -> None:
    sent = {**form_of(desk.see("/rules")), "role": "directory_wins"}
    desk.put(fieldSyncConfig={"role": {"enabled": True, "mode": "ask"}, "phone": True})
    answer = desk.send("/rules", sent)
    assert answer.status_code == httpx.codes.CONFLICT
    assert "In force now: On: ask a person" in answer.text
    assert "In force now: On: the directory wins" in answer.text
    assert desk.settings()["fieldSyncConfig"]["role"]["mode"] == "ask"
    again = form_of(answer.text)
    assert (again["role"], again["phone"]) == ("directory_wins", "off")
    assert desk.send("/rules", again).status_code == httpx.codes.OK
    assert desk.settings()["fieldSyncConfig"]["role"]["mode"] == "directory_wins"
    assert desk.settings()["fieldSyncConfig"]["phone"]["enabled"] is False


def test_without_the_queue_a_question_would_be_seen_by_nobody_and_the_page_says_so(
    desk: Desk, host: RunningHost
) -> None:
    told = "nobody sees the question"
    assert told not in desk.see("/rules")
    host.target(QUEUE, host.tenant_id(0), "remove")
    try:
        assert told in desk.see("/rules")
    finally:
        host.target(QUEUE, host.tenant_id(0), "add")


@pytest.mark.parametrize(
    ("form", "query"),
    [
        ({"version": "1", "role": "maybe"}, "?role=maybe"),
        ({"version": "x", "role": "ask"}, "?version=x"),
        ({"version": "1", "colour": "ask"}, None),
    ],
)
def test_what_is_no_rule_is_malformed(desk: Desk, form: dict[str, str], query: str | None) -> None:
    assert desk.send("/rules", form).status_code == httpx.codes.BAD_REQUEST
    if query is not None:
        answer = desk.program.http.get(f"{PAGES}/rules{query}")
        assert answer.status_code == httpx.codes.BAD_REQUEST


def test_a_preview_without_a_connection_keeps_the_rules_that_were_chosen(desk: Desk) -> None:
    sent = {**form_of(desk.see("/rules")), "role": "ask"}
    answer = desk.send("/rules/preview", sent)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "<code>not_connected</code>" in answer.text
    assert form_of(answer.text)["role"] == "ask"


# --- Schedule; from here on connected ---


def test_without_a_connection_the_schedule_waits_and_says_so(desk: Desk) -> None:
    sent = {**form_of(desk.see("/schedule")), "enabled": "true", "every": "6", "unit": "hours"}
    answer = desk.send("/schedule", sent)
    assert "nothing runs while you are not connected" in answer.text
    assert "None while nothing is connected." in answer.text
    assert desk.program.get("/schedule").data == {"syncEnabled": True, "syncIntervalMinutes": 360}


def test_the_schedule_says_when_the_next_is_due_and_what_the_last_did(
    desk: Desk, microsoft: Simulator, inside: Inside
) -> None:
    desk.program.connect(microsoft)
    desk.program.discover()
    desk.program.accept_exact()
    run = desk.program.sync()
    sent = {**form_of(desk.see("/schedule")), "enabled": "true", "every": "90", "unit": "minutes"}
    saved = desk.send("/schedule", sent).text
    due = desk.program.get("/").data["schedule"]["nextSyncAt"]
    assert f'datetime="{due.replace("Z", "+00:00")}"' in saved
    assert "Every 90 minutes" in saved
    assert "None yet" in saved, "a person started that sync"
    inside.write("UPDATE entra_sync_runs SET trigger = 'scheduled' WHERE run_id = %s", run["runId"])
    seen = desk.see("/schedule")
    assert f'href="{PAGES}/history/{run["runId"]}"' in seen
    assert f"<strong>{run['counts']['created']:,}</strong> Created" in seen


def test_an_interval_that_cannot_be_used_is_told_and_kept(desk: Desk) -> None:
    sent = {**form_of(desk.see("/schedule")), "enabled": "true", "every": "40", "unit": "days"}
    answer = desk.send("/schedule", sent)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "15 minutes at least and 30 days at most" in answer.text
    assert form_of(answer.text) == sent
    assert desk.program.get("/schedule").data["syncEnabled"] is False


def test_a_schedule_that_a_colleague_changed_stands_beside_what_was_entered(desk: Desk) -> None:
    sent = {**form_of(desk.see("/schedule")), "enabled": "true", "every": "2", "unit": "days"}
    theirs = {"syncEnabled": True, "syncIntervalMinutes": 60}
    desk.program.post("/schedule", theirs, method="PUT")
    answer = desk.send("/schedule", sent)
    assert answer.status_code == httpx.codes.CONFLICT
    assert "<code>changed_meanwhile</code>" in answer.text
    assert "In force now: Every hour" in answer.text
    assert desk.program.get("/schedule").data == theirs
    again = form_of(answer.text)
    assert (again["every"], again["unit"]) == ("2", "days")
    assert desk.send("/schedule", again).status_code == httpx.codes.OK
    assert desk.program.get("/schedule").data["syncIntervalMinutes"] == 2 * 1440


def test_while_temporal_is_away_the_schedule_stays_and_what_was_entered_is_kept(
    desk: Desk, host: RunningHost
) -> None:
    sent = {**form_of(desk.see("/schedule")), "enabled": "true", "every": "3", "unit": "hours"}
    with host.paused("temporal"):
        answer = desk.send("/schedule", sent)
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert "<code>temporal_unavailable</code>" in answer.text
    assert form_of(answer.text) == sent
    assert desk.program.get("/schedule").data["syncEnabled"] is False


def test_a_preview_goes_by_the_rules_of_the_form_and_saves_none(desk: Desk, inside: Inside) -> None:
    before = desk.settings()
    sent = {**form_of(desk.see("/rules")), "role": "ask"}
    answer = desk.send("/rules/preview", sent)
    assert answer.status_code == httpx.codes.OK
    (run_id,) = re.findall(rf'href="{PAGES}/history/([0-9a-f-]{{36}})"', answer.text)
    assert desk.program.finished(run_id)["type"] == "preview"
    ((what_if,),) = inside.rows("SELECT what_if FROM entra_sync_runs WHERE run_id = %s", run_id)
    assert isinstance(what_if, dict)
    assert what_if["fieldSyncConfig"]["role"] == {"enabled": True, "mode": "ask"}
    assert desk.settings() == before
    kept = desk.see(answer.headers["hx-push-url"].removeprefix(PAGES))
    assert form_of(kept) == sent, "they stand in the address"
    assert "Not saved yet." in kept
