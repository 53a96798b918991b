"""A pin lets the people of its own directory be looked at again, and not those of all others."""

from uuid import UUID

import pytest

from entra_plugin.domain.ids import RunId
from support.builders import person
from support.case import Case
from support.office import CLIENTS, CUSTOMERS, DIRECTORIES
from support.paper import Paper


@pytest.fixture
def two(case: Case) -> Case:
    """A second customer beside the first, both read by changes."""
    paper = Paper()
    paper.put(person("dan"))
    case.directory.papers = {**case.directory.papers, DIRECTORIES[1]: paper}
    case.stage.run(case.engine.map(CUSTOMERS[1], CLIENTS[1], {}))
    case.capable(delta=True)
    case.sync()
    case.sync()
    return case


def readings(case: Case, run_id: RunId) -> list[object]:
    """How each customer was read in a run."""
    return [case.office.reading(run_id, customer) for customer in CUSTOMERS[:2]]


def test_customers_are_read_by_changes(two: Case) -> None:
    assert readings(two, two.sync()) == ["delta", "delta"]


@pytest.mark.parametrize("kind", ["keep_active", "hands_off"])
def test_a_pin_on_a_linked_contact_concerns_its_directory(two: Case, kind: str) -> None:
    two.office.pin(kind, contact_id=str(two.contact("ada")["id"]))
    assert readings(two, two.sync()) == ["full", "delta"]
    assert readings(two, two.sync()) == ["delta", "delta"]
    two.office.unpin()
    assert readings(two, two.sync()) == ["full", "delta"]


def test_a_pin_on_an_identity_concerns_its_directory(two: Case) -> None:
    dan = person("dan").object_id
    two.office.pin("ignore_identity", directory=UUID(str(DIRECTORIES[1])), object_id=dan)
    assert readings(two, two.sync()) == ["delta", "full"]


def test_a_pin_on_a_contact_that_is_nobodys_concerns_everybody(two: Case) -> None:
    two.office.hire(CLIENTS[0], "Eve", "eve@contoso.example")
    two.office.pin("hands_off", contact_id=str(two.contact("eve")["id"]))
    assert readings(two, two.sync()) == ["full", "full"]


def test_a_pin_is_honoured_where_nobody_is_looked_at_again(two: Case) -> None:
    two.office.pin("keep_active", contact_id=str(two.contact("dan")["id"]))
    two.sync()
    two.office.pin("hands_off", contact_id=str(two.contact("ada")["id"]))
    two.directory.papers[DIRECTORIES[1]].delete(person("dan").object_id)
    assert readings(two, two.sync()) == ["full", "delta"]
    assert two.contact("dan")["active"]
