"""A time is shown where the person is, as far as it can be."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from entra_plugin.resources import locale
from entra_plugin.web.pages.render import render

NOW = datetime(2026, 8, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "zone", "shown"),
    [
        (datetime(2027, 3, 1, 23, tzinfo=UTC), "Europe/Berlin", ">2 Mar 2027<"),
        (datetime(2027, 3, 1, 23, tzinfo=UTC), "America/New_York", ">1 Mar 2027<"),
        (datetime(9999, 12, 31, 23, 59, tzinfo=UTC), "Europe/Berlin", ">31 Dec 9999<"),
        (datetime(1, 1, 1, tzinfo=UTC), "America/New_York", ">1 Jan 1<"),
    ],
)
def test_a_day_is_that_of_the_person_or_of_utc_where_that_is_none(
    at: datetime, zone: str, shown: str
) -> None:
    tenant = SimpleNamespace(relationship_end=at, auto_extend=True)
    page = render(
        "parts/relationship_end.html", locale("en"), zone=zone, tenant=tenant, now=NOW, apart=False
    )
    assert shown in page
