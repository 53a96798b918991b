"""A point in time has a zone, and is kept in UTC."""

from datetime import UTC, datetime

import pytest

from entra_plugin.web.moments import moment_text, parse_moment


@pytest.mark.parametrize(
    "text", ["2030-01-02T03:04:05Z", "2030-01-02T05:04:05+02:00", "2030-01-01T20:04:05-07:00"]
)
def test_a_time_with_a_zone_is_understood(text: str) -> None:
    found = parse_moment(text)
    assert found == datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert moment_text(found) == "2030-01-02T03:04:05Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2030-01-02",
        "2030-01-02T03:04:05",
        "1893553445",
        "tomorrow",
        "02.01.2030 03:04",
        "3000-01-01T00:00:00Z",
        "1999-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_anything_else_is_not(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_moment(text)
