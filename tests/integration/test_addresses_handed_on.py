"""An address that one contact gives up goes to the one that waits for it, in the same sync."""

import pytest

from support.case import Case
from support.office import CUSTOMERS

RULE = {"email": "directory_wins"}


def address(local: str) -> str:
    """The address of somebody."""
    return f"{local}@contoso.example"


def renamed(case: Case, names: dict[str, str], **attributes: object) -> None:
    """Give people other addresses."""
    for local, name in names.items():
        case.change(local, mail=address(name), **attributes)


def addresses(case: Case) -> set[str]:
    """The addresses of all contacts, by their local parts."""
    return set(case.contacts())


@pytest.fixture
def four(case: Case) -> Case:
    """Four people with contacts, and the rule that follows their addresses."""
    case.save(guard={}, **RULE)
    case.change("cyd")
    case.change("dan")
    case.sync()
    return case


def test_addresses_are_handed_on_from_one_to_the_next(four: Case) -> None:
    renamed(four, {"ada": "eve", "bob": "ada", "cyd": "bob", "dan": "cyd"})
    run = four.sync()
    assert four.rows(run) == [("update", "applied")] * 4
    assert addresses(four) == {"eve", "ada", "bob", "cyd"}
    (part,) = (p for p in four.office.state().parts if p["run_id"] == str(run))
    assert (part["updated"], part["unchanged"]) == (4, 0)
    four.nothing_is_left()


def test_of_two_who_wait_for_one_address_one_gets_it(four: Case) -> None:
    renamed(four, {"ada": "eve", "bob": "ada", "cyd": "ada"})
    assert four.rows(four.sync()) == [("update", "applied")] * 2
    assert len(addresses(four) & {"bob", "cyd"}) == 1
    four.nothing_is_left()


def test_who_has_no_contact_comes_before_who_waits(four: Case) -> None:
    renamed(four, {"ada": "eve", "bob": "ada"})
    four.change("fay", mail=address("ada"))
    rows = four.rows(four.sync())
    assert sorted(map(str, rows)) == [str(("create", "applied")), str(("update", "applied"))]
    assert addresses(four) == {"eve", "ada", "bob", "cyd", "dan"}
    four.nothing_is_left()


def test_people_who_swap_their_addresses_wait(four: Case) -> None:
    renamed(four, {"ada": "bob", "bob": "ada"})
    assert four.rows(four.sync()) == []
    four.nothing_is_left()


def test_what_is_handed_on_passes_the_guard(four: Case) -> None:
    """One may be overwritten."""
    four.save(guard={"overwriteMin": 1, "overwritePercent": 0}, **RULE)
    renamed(four, {"ada": "eve", "bob": "ada"})
    run = four.sync()
    assert sorted(map(str, four.rows(run))) == [
        str(("update", "applied")),
        str(("update", "held")),
    ]
    assert four.rows(four.sync()) == []
    four.stage.run(four.engine.approve(run, [CUSTOMERS[0]]))
    assert addresses(four) == {"eve", "ada", "cyd", "dan"}
    four.nothing_is_left()


@pytest.mark.parametrize("crash_at", range(20, 80, 4))
def test_a_run_that_dies_meanwhile_hands_on_all_the_same(four: Case, crash_at: int) -> None:
    renamed(four, {"ada": "eve", "bob": "ada", "cyd": "bob"})
    run = four.stage.run(four.engine.start())
    four.stage.run(four.engine.carry_out(run, crash_at=crash_at))
    assert four.rows(run) == [("update", "applied")] * 3
    assert addresses(four) == {"eve", "ada", "bob", "dan"}
    four.nothing_is_left()


def test_whom_the_run_has_written_of_is_left_to_the_next(four: Case) -> None:
    four.save(guard={}, role="directory_wins", **RULE)
    four.sync()
    renamed(four, {"ada": "eve"})
    renamed(four, {"bob": "ada"}, job_title="Pilot")
    assert four.rows(four.sync()) == [("update", "applied")] * 2
    assert addresses(four) == {"eve", "bob", "cyd", "dan"}
    assert four.rows(four.sync()) == [("update", "applied")]
    assert addresses(four) == {"eve", "ada", "cyd", "dan"}
    four.nothing_is_left()
