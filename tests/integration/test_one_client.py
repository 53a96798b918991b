"""Two directories of one client: what both claim is asked, whichever is read first."""

import pytest

from support.builders import person
from support.case import Case
from support.office import CLIENTS, CUSTOMERS, DIRECTORIES
from support.paper import Paper

EVE = "eve@contoso.example"


@pytest.fixture
def shared(case: Case) -> Case:
    """A second directory for the client of the first; Eve is in one, and Bob has her alias."""
    other = Paper()
    other.put(person("fay", aliases=(EVE,)))
    case.directory.papers = {**case.directory.papers, DIRECTORIES[1]: other}
    case.stage.run(case.engine.map(CUSTOMERS[1], CLIENTS[0], {}))
    case.change("eve")
    return case


def test_a_contact_that_both_claim_is_asked_about(shared: Case) -> None:
    shared.office.hire(CLIENTS[0], "Eve of ours", EVE)
    shared.save(guard={}, displayName="directory_wins", email="directory_wins")
    shared.sync()
    items = shared.office.state().items.values()
    assert [item["reason"] for item in items] == ["claimed_twice"] * 2
    assert shared.contact("eve")["displayName"] == "Eve of ours"
    shared.nothing_is_left()


def test_an_address_that_both_would_create_is_asked_about(shared: Case) -> None:
    shared.directory.papers[DIRECTORIES[1]].put(person("eve"))
    shared.sync()
    questions = [item["reason"] for item in shared.office.state().items.values()]
    assert questions == ["claimed_twice"] * 2


def test_a_preview_foresees_it(shared: Case) -> None:
    shared.office.hire(CLIENTS[0], "Eve of ours", EVE)
    preview = shared.preview()
    assert [row for row in shared.rows(preview) if row[0] not in {"none", "create"}] == [
        ("queue", "planned")
    ] * 2
    shared.sync()
    again = shared.preview()
    assert {kind for kind, _ in shared.rows(again)} == {"none"}


def test_what_nobody_else_claims_is_linked_and_created(shared: Case) -> None:
    shared.sync()
    assert set(shared.contacts()) == {"ada", "bob", "eve", "fay"}
    assert shared.questions() == []
