"""Files of decisions as spreadsheets save them, and all that can be wrong with their lines."""

import pytest

from entra_plugin.application.decision_file import FileFault
from entra_plugin.domain.errors import Conflict, NotAcceptable
from entra_plugin.domain.states import MappingState
from entra_plugin.resources import locale
from entra_plugin.web.decision_file import MAX_FAULTS, MAX_ROWS, read_file, refusal
from support.builders import guid

HEADER = "entraTenantId,state,clientId,rowVersion"
TENANT = str(guid("tenant"))


def faults(text: str) -> list[tuple[int, str | None, str]]:
    return [(f.line, f.column, f.code) for f in read_file(text.encode()).faults]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_ends_of_lines_and_separators_are_found_out(end: str, separator: str) -> None:
    text = f"{HEADER}{end}{TENANT},skipped,,7{end}".replace(",", separator)
    (row,) = read_file(text.encode()).rows
    assert (row.line, row.state, row.row_version) == (2, MappingState.SKIPPED, 7)
    assert row.pause is None


def test_columns_may_stand_in_any_order_and_cells_be_quoted_and_padded() -> None:
    header = '"state"; rowVersion;clientId;displayName;entraTenantId'
    text = f'{header}\n SKIPPED ;"0";;"a;b";{TENANT}\n'
    (row,) = read_file(text.encode()).rows
    assert row.state == MappingState.SKIPPED


def test_the_mark_of_the_guard_is_taken_off() -> None:
    text = f"{HEADER},displayName\n{TENANT},skipped,,0,'=1+1\n"
    assert read_file(text.encode()).faults == ()


def test_blank_lines_and_lines_without_a_state_decide_nothing() -> None:
    found = read_file(f"{HEADER}\n\n,,,\n{TENANT},,junk,junk\n{TENANT}\n".encode())
    assert (found.rows, found.faults, found.left_alone) == ((), (), 2)


def test_a_line_is_numbered_where_it_begins_although_cells_hold_lines() -> None:
    text = f'{HEADER},displayName\r\n{TENANT},,,0,"a\r\nb"\r\n\r\n{TENANT},perhaps,,0,x\r\n'
    assert faults(text) == [(5, "state", "invalid_value")]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("state,clientId,rowVersion", [(1, "entraTenantId", "missing_column")]),
        (f"{HEADER},colour", [(1, "colour", "unknown_column")]),
        (f"{HEADER},state", [(1, "state", "duplicate_column")]),
        (f"{HEADER},State", [(1, "State", "unknown_column")]),
    ],
)
def test_what_is_wrong_with_the_header_is_told_alone(
    header: str, expected: list[tuple[int, str, str]]
) -> None:
    assert faults(f"{header}\nnothing,of,this,matters,now\n") == expected


def test_an_empty_file_lacks_every_column() -> None:
    assert faults("\r\n") == [(1, name, "missing_column") for name in HEADER.split(",")]


def test_the_header_is_the_first_line_with_something_in_it() -> None:
    assert faults("\n\nstate;clientId;rowVersion\n") == [(3, "entraTenantId", "missing_column")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x,skipped,,0", [("entraTenantId", "invalid_value")]),
        (f"{TENANT},mapped,x,0", [("clientId", "invalid_value")]),
        (f"{TENANT},skipped,,-1", [("rowVersion", "invalid_value")]),
        (f"{TENANT},skipped,,\u0661", [("rowVersion", "invalid_value")]),
        (f"{TENANT},skipped,,{'9' * 30}", [("rowVersion", "invalid_value")]),
        (f"{TENANT},skipped", [("rowVersion", "invalid_value")]),
        (f"{TENANT},skipped,,0,more", [(None, "too_many_cells")]),
        (f'{TENANT},"skipped" or so,,0', [(None, "unreadable")]),
    ],
)
def test_what_is_wrong_with_a_line_is_told(
    line: str, expected: list[tuple[str | None, str]]
) -> None:
    assert faults(f"{HEADER}\n{line}\n") == [(2, column, code) for column, code in expected]


def test_a_pause_needs_a_zone_and_a_year_of_ours_and_an_empty_one_ends_it() -> None:
    header = f"{HEADER},pausedUntil"
    for until in ("2099-01-01T00:00:00", "9999-12-31T23:59:59Z"):
        assert faults(f"{header}\n{TENANT},create_new,,0,{until}\n") == [
            (2, "pausedUntil", "invalid_value")
        ]
    (row,) = read_file(f"{header}\n{TENANT},create_new,,0,\n".encode()).rows
    assert row.pause is not None
    assert row.pause.value is None


@pytest.mark.parametrize("content", [b"\xe4\xf6", b"\xff\xfea", b"\xef\xbb\xbf\xff"])
def test_text_in_another_encoding_is_unreadable(content: bytes) -> None:
    (fault,) = read_file(content).faults
    assert (fault.line, fault.code) == (1, "unreadable")


def test_more_lines_than_can_be_decided_at_once_are_too_many() -> None:
    with pytest.raises(NotAcceptable, match="file_too_large"):
        read_file("\n".join([HEADER, *[TENANT] * (MAX_ROWS + 1)]).encode())


def test_a_refusal_tells_so_many_faults_and_how_many_there_are() -> None:
    found = refusal([FileFault(line=n, code="invalid_value") for n in range(500)], locale("en"))
    assert isinstance(found, NotAcceptable)
    assert found.details["total"] == 500
    lines = found.details["lines"]
    assert isinstance(lines, list)
    assert len(lines) == MAX_FAULTS


def test_nothing_but_decisions_of_others_is_a_conflict() -> None:
    stale = FileFault(line=2, code="stale_version")
    assert isinstance(refusal([stale], locale("en")), Conflict)
    other = FileFault(line=3, code="tenant_gone")
    assert isinstance(refusal([stale, other], locale("en")), NotAcceptable)
