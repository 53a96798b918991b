"""What is planned after the guard has looked passes the guard as well."""

import pytest

from support.case import Case
from support.office import CLIENTS


@pytest.mark.parametrize("crash_at", [None, *range(14, 26)])
def test_an_overwrite_of_a_contact_that_was_made_meanwhile_is_held(
    case: Case, crash_at: int | None
) -> None:
    case.save(guard={"overwriteMin": 0, "overwritePercent": 0}, role="directory_wins")
    case.change("cyd", job_title="Engineer")
    preview = case.preview()
    case.office.hire(CLIENTS[0], "Cyd", "cyd@contoso.example")
    case.office.edit(str(case.contact("cyd")["id"]), "role", "Chief")
    case.apply(preview, crash_at=crash_at)
    assert [row for row in sorted(case.rows(preview)) if row[0] != "none"] == [
        ("create", "stale"),
        ("link", "applied"),
        ("update", "held"),
    ]
    assert case.contact("cyd")["role"] == "Chief"
