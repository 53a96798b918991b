"""Nobody is asked any more about a user whom the directory has deleted."""

import pytest

from support.inside import Inside
from support.program import Program
from support.simulator import Simulator
from support.undoing import guard

ALPINE = "e0000000-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def asked(microsoft: Simulator, admin: Program) -> list[str]:
    """The users of Alpine about whom a person is asked."""
    admin.connect(microsoft)
    admin.discover()
    admin.accept_exact()
    admin.sync("initial")
    return [i["objectId"] for i in admin.items("/review-items") if i["entraTenantId"] == ALPINE]


@pytest.mark.parametrize("reading", ["delta", "full"])
def test_the_question_is_closed_and_stays_closed(
    admin: Program, microsoft: Simulator, inside: Inside, asked: list[str], reading: str
) -> None:
    object_id = asked.pop()
    if reading == "full":
        inside.rows("DELETE FROM entra_delta_cursors RETURNING link")
    microsoft.control("/users", {"tenant": ALPINE, "delete": [object_id]})
    for _ in range(2):
        admin.sync("all")
        assert object_id not in {i["objectId"] for i in admin.items("/review-items")}
    assert admin.items("/review-items"), "the others are still asked about"


@pytest.mark.parametrize("cursor", ["usable", "expired"])
def test_a_deletion_beside_new_rules_or_a_lost_cursor_is_learnt_from_the_next_reading(
    admin: Program, microsoft: Simulator, asked: list[str], cursor: str
) -> None:
    still = {i["objectId"] for i in admin.items("/review-items")}
    object_id = next(o for o in asked if o in still)
    microsoft.control("/users", {"tenant": ALPINE, "delete": [object_id]})
    if cursor == "expired":
        microsoft.control("/delta", {"expire": True})
    else:
        guard(admin, graceDays=3)
    admin.sync("all")
    admin.sync("all")
    assert object_id not in {i["objectId"] for i in admin.items("/review-items")}
