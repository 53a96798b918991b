"""The forms of the settings, the schedule and the rules: what they say, and what is wrong."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from entra_plugin.application.settings import SettingsView
from entra_plugin.domain.states import FieldName
from entra_plugin.resources import locale
from entra_plugin.web.api.settings import GuardConfig, NotificationConfig, UserFilterConfig
from entra_plugin.web.malformed import MalformedRequest
from entra_plugin.web.pages.rules import Choice, rows_of
from entra_plugin.web.pages.schedule import Interval, ScheduleForm, Unit, in_words
from entra_plugin.web.pages.settings_form import (
    Draft,
    Line,
    as_texts,
    change_of,
    find_wrong,
    ranges,
    read_draft,
)

TEXTS = locale("en")
DEFAULTS = SettingsView(
    version=4,
    field_sync={},
    user_filter=UserFilterConfig.model_validate({}).model_dump(by_alias=True),
    guard=GuardConfig().model_dump(by_alias=True),
    notification=NotificationConfig().model_dump(by_alias=True),
)


def draft(**entered: str) -> Draft:
    """The form as it is shown, with some of it entered anew."""
    return Draft(entered={**as_texts(DEFAULTS), **entered}, version=4)


def test_a_form_that_is_sent_as_it_was_shown_changes_nothing() -> None:
    shown = {name: text for name, text in as_texts(DEFAULTS).items() if text}
    sent = read_draft(FormData({**shown, "version": "4"}))
    assert sent == draft()
    assert not find_wrong(sent, TEXTS).fields
    assert change_of(sent, DEFAULTS) is None


def test_only_the_objects_that_differ_are_replaced_and_each_wholly() -> None:
    change = change_of(draft(graceDays=" 7 ", markInactiveWhenDisabled=""), DEFAULTS)
    assert change is not None
    assert (change.version, change.user_filter, change.notification) == (4, None, None)
    assert change.guard == {**DEFAULTS.guard, "graceDays": 7, "markInactiveWhenDisabled": False}


def test_patterns_are_lines_without_the_empty_ones() -> None:
    sent = read_draft(FormData({"version": "4", "excludePatterns": " a* \r\n\r\nb?\r\n\r\n"}))
    assert sent.entered["excludePatterns"] == " a* \n\nb?"
    change = change_of(draft(excludePatterns=" a* \n\nb?"), DEFAULTS)
    assert change is not None
    assert change.user_filter == {**DEFAULTS.user_filter, "excludePatterns": ["a*", "b?"]}


def test_every_line_that_cannot_be_used_is_named() -> None:
    long = "x" * 201
    wrong = find_wrong(draft(excludePatterns=f"good*\n\n[a]\n*?*\n{long}"), TEXTS)
    assert wrong.lines == (
        Line(number=3, pattern="[a]"),
        Line(number=4, pattern="*?*"),
        Line(number=5, pattern=long),
    )
    assert set(wrong.fields) == {"excludePatterns"}


def test_a_hundred_patterns_are_the_most() -> None:
    hundred = "\n".join(f"a{n}*" for n in range(100))
    assert not find_wrong(draft(excludePatterns=hundred), TEXTS).fields
    assert (
        "At most 100"
        in find_wrong(draft(excludePatterns=f"{hundred}\nb"), TEXTS).fields["excludePatterns"]
    )


@pytest.mark.parametrize("text", ["", "31", "-1", "1.5", "1e1", "ten", "٣", "9" * 5000])
def test_what_is_no_number_of_the_range_is_told_with_the_range(text: str) -> None:
    wrong = find_wrong(draft(graceDays=text, keepChangesDays="29"), TEXTS)
    assert wrong.fields == {
        "graceDays": "Enter a whole number from 0 to 30.",
        "keepChangesDays": "Enter a whole number from 30 to 3,650.",
    }


@pytest.mark.parametrize("name", sorted(ranges()))
def test_both_ends_of_a_range_can_be_entered(name: str) -> None:
    limits = ranges()[name]
    for number in (limits.least, limits.most):
        assert not find_wrong(draft(**{name: str(number)}), TEXTS).fields


@pytest.mark.parametrize(
    "sent",
    [
        FormData([("version", "4"), ("fieldSyncConfig", "x")]),
        FormData([("version", "4"), ("graceDays", "1"), ("graceDays", "2")]),
        FormData([("version", "4"), ("excludePatterns", "a\x00b")]),
        FormData([("version", "4"), ("graceDays", UploadFile(file=None))]),  # type: ignore[arg-type]
        FormData([("version", "four")]),
        FormData([]),
    ],
)
def test_what_no_page_of_ours_sends_is_malformed(sent: FormData) -> None:
    with pytest.raises(MalformedRequest):
        read_draft(sent)


def rules(**stored: object) -> SettingsView:
    return replace(DEFAULTS, field_sync=stored)


def chosen(found: SettingsView, draft: Mapping[FieldName, Choice], *capabilities: str) -> str:
    """The rows that are not off, in words."""
    rows = rows_of(found, draft, frozenset(capabilities))
    return " ".join(
        f"{row.name}={row.in_force}>{row.chosen}"
        for row in rows
        if {row.in_force, row.chosen} != {Choice.OFF}
    )


def test_a_choice_stands_beside_what_is_in_force() -> None:
    found = rules(email={"enabled": True, "mode": "ask"}, role={"enabled": False, "mode": "ask"})
    assert chosen(found, {}) == "email=ask>ask"
    draft = {FieldName.EMAIL: Choice.OFF, FieldName.ROLE: Choice.LOCAL_WINS}
    assert chosen(found, draft) == "email=ask>off role=off>local_wins"


def test_a_field_that_the_host_lacks_is_not_available_and_cannot_be_chosen() -> None:
    draft = {FieldName.DEPARTMENT: Choice.ASK, FieldName.MOBILE: Choice.ASK}
    lacking = {row.name for row in rows_of(DEFAULTS, {}, frozenset()) if not row.available}
    assert lacking == {
        FieldName.PHONE,
        FieldName.MOBILE,
        FieldName.DEPARTMENT,
        FieldName.OFFICE_LOCATION,
    }
    assert chosen(DEFAULTS, draft) == ""
    assert chosen(DEFAULTS, draft, "department") == "department=off>ask"
    assert chosen(DEFAULTS, draft, "phones") == "mobile=off>ask"


def schedule(every: str, unit: str) -> ScheduleForm:
    return ScheduleForm.model_validate(
        {"every": every, "unit": unit, "seen_enabled": "false", "seen_minutes": "1440"}
    )


@pytest.mark.parametrize(
    ("every", "unit", "minutes"),
    [
        ("15", "minutes", 15),
        ("43200", "minutes", 43_200),
        ("1", "hours", 60),
        ("720", "hours", 43_200),
        (" 1 ", "days", 1440),
        ("30", "days", 43_200),
    ],
)
def test_an_interval_is_said_in_the_unit_that_people_like(
    every: str, unit: str, minutes: int
) -> None:
    assert schedule(every, unit).minutes == minutes


@pytest.mark.parametrize(
    ("every", "unit"),
    [
        ("14", "minutes"),
        ("43201", "minutes"),
        ("0", "hours"),
        ("721", "hours"),
        ("31", "days"),
        ("", "days"),
        ("-1", "days"),
        ("1.5", "hours"),
        ("٣", "days"),
        ("9" * 4096, "days"),
    ],
)
def test_an_interval_out_of_the_range_cannot_be_used(every: str, unit: str) -> None:
    assert schedule(every, unit).minutes is None


@pytest.mark.parametrize("unit", ["weeks", ""])
def test_a_unit_that_is_not_offered_is_refused(unit: str) -> None:
    with pytest.raises(ValidationError):
        schedule("1", unit)


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (15, ("15", Unit.MINUTES)),
        (90, ("90", Unit.MINUTES)),
        (120, ("2", Unit.HOURS)),
        (1440, ("1", Unit.DAYS)),
        (2160, ("36", Unit.HOURS)),
        (43_200, ("30", Unit.DAYS)),
    ],
)
def test_an_interval_is_shown_in_the_largest_unit_that_fits(
    minutes: int, said: tuple[str, Unit]
) -> None:
    assert in_words(minutes) == Interval(number=said[0], unit=said[1])
