"""What a change of the mapping leaves behind, and what becomes of it at the next sync."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from devhost.ports.contacts import ContactPort, ContactUpdate, Outcome
from entra_plugin.domain.reviewing import Action
from support.builders import person
from support.case import Case
from support.office import CLIENTS, CUSTOMERS, DIRECTORIES

FIRST, SECOND, THIRD = (str(client) for client in CLIENTS[:3])


@pytest.fixture
def cyd(case: Case) -> Case:
    """A customer of which Cyd is an employee."""
    case.change("cyd")
    case.sync()
    return case


@pytest.mark.parametrize("leave", ["disabled", "deleted"])
def test_a_leaver_who_comes_back_after_a_remap_is_active_again(cyd: Case, leave: str) -> None:
    there = cyd.paper.users[person("cyd").object_id]
    if leave == "disabled":
        cyd.change("cyd", enabled=False)
    else:
        cyd.fire("cyd")
    cyd.sync()
    assert cyd.contacts()["cyd"] == (False, FIRST)
    cyd.map(CLIENTS[1])
    cyd.sync()
    assert cyd.contacts()["cyd"] == (False, FIRST)
    cyd.paper.put(there)
    cyd.sync()
    assert cyd.contacts()["cyd"] == (True, SECOND)
    assert cyd.rows(cyd.sync()) == []


def test_a_leaver_who_comes_back_when_all_is_mapped_as_before_is_active_again(cyd: Case) -> None:
    cyd.change("cyd", enabled=False)
    cyd.sync()
    cyd.map(CLIENTS[1])
    cyd.sync()
    cyd.change("cyd", enabled=True)
    cyd.map(CLIENTS[0])
    cyd.sync()
    assert cyd.contacts()["cyd"] == (True, FIRST)


def test_what_a_person_made_inactive_moves_as_it_is(cyd: Case) -> None:
    cyd.change("cyd", enabled=False)
    cyd.sync()
    contact = str(cyd.contact("cyd")["id"])
    cyd.office.edit(contact, "active", value=True)
    cyd.office.edit(contact, "active", value=False)
    cyd.map(CLIENTS[1])
    cyd.change("cyd", enabled=True)
    cyd.sync()
    assert cyd.contacts()["cyd"] == (False, FIRST)
    assert cyd.questions() == [("cyd", "other_client")]


def test_an_open_question_is_asked_for_the_client_of_now(case: Case) -> None:
    case.office.hire(CLIENTS[2], "Cyd", "cyd@contoso.example")
    case.change("cyd")
    case.sync()
    assert case.questions() == [("cyd", "other_client")]
    case.map(CLIENTS[1])
    case.sync()
    case.answer(Action.LINK)
    assert case.questions() == []


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("mail", ["cyd@contoso.example", "dan@contoso.example"])
def test_a_question_about_a_contact_that_moves_is_asked_once(
    cyd: Case, mail: str, held: bool
) -> None:
    cyd.change("dan", mail=mail, aliases=("cyd@contoso.example",))
    cyd.sync()
    (asked,) = cyd.office.state().items.values()
    assert asked["reason"] == "linked_elsewhere"
    if held:
        cyd.save(guard={"overwriteMin": 1, "overwritePercent": 1})
    cyd.map(CLIENTS[1])
    cyd.sync()
    (item,) = cyd.office.state().items.values()
    assert (item["reason"], item["candidates"]) == ("linked_elsewhere", asked["candidates"])
    cyd.nothing_is_left()


def _discard(cyd: Case) -> None:
    cyd.save(guard={"overwriteMin": 0, "overwritePercent": 0})
    cyd.map(CLIENTS[1])
    cyd.stage.run(cyd.engine.discard(cyd.sync()))


def _leave(cyd: Case) -> None:
    cyd.change("cyd", enabled=False)
    cyd.sync()


STAYING: Final[Mapping[str, Callable[[Case], object]]] = {
    "left": _leave,
    "leaves": lambda cyd: cyd.change("cyd", enabled=False),
    "deleted": lambda cyd: cyd.fire("cyd"),
    "missing": lambda cyd: cyd.vanish("cyd"),
    "edited": lambda cyd: cyd.office.edit(str(cyd.contact("cyd")["id"]), "role", "Boss"),
    "contact pinned": lambda cyd: cyd.office.pin(
        "hands_off", contact_id=str(cyd.contact("cyd")["id"])
    ),
    "user pinned": lambda cyd: cyd.office.pin(
        "ignore_identity", directory=DIRECTORIES[0], object_id=person("cyd").object_id
    ),
    "move discarded": _discard,
}


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("why", STAYING)
def test_a_contact_that_stays_at_the_client_of_before_is_asked_about_as_such(
    cyd: Case, why: str, at_once: bool
) -> None:
    """Whether somebody else wants it in the sync that leaves it there, or later."""
    contact = str(cyd.contact("cyd")["id"])
    STAYING[why](cyd)
    cyd.map(CLIENTS[1])
    if not at_once:
        cyd.sync()
    cyd.change("dan", mail="cyd@contoso.example")
    cyd.sync()
    items = cyd.office.state().items
    item = items[str(DIRECTORIES[0]), str(person("dan").object_id)]
    assert (item["reason"], item["candidates"]) == ("other_client", [contact])
    cyd.nothing_is_left()


@pytest.mark.parametrize("why", ["deleted", "contact pinned", "user pinned"])
def test_who_stays_while_his_move_waits_keeps_nobody_else_waiting(cyd: Case, why: str) -> None:
    """Nothing else happens in the sync that finds out."""
    cyd.save(guard={"overwriteMin": 0, "overwritePercent": 0})
    cyd.map(CLIENTS[1])
    cyd.change("dan", aliases=("cyd@contoso.example",))
    cyd.sync()
    key = str(DIRECTORIES[0]), str(person("dan").object_id)
    assert cyd.office.state().items[key]["reason"] == "linked_elsewhere"
    STAYING[why](cyd)
    assert cyd.rows(cyd.sync()) == [("create", "applied")]
    assert key not in cyd.office.state().items
    cyd.nothing_is_left()


@pytest.mark.parametrize("why", ["leaves", "deleted", "missing"])
def test_who_stays_is_found_out_after_a_preview_as_well(cyd: Case, why: str) -> None:
    cyd.map(CLIENTS[1])
    cyd.change("dan", aliases=("cyd@contoso.example",))
    STAYING[why](cyd)
    cyd.apply(cyd.preview())
    cyd.sync()
    assert "dan" in cyd.contacts()
    cyd.nothing_is_left()


def test_a_preview_sees_that_a_leaver_takes_no_contact_along(cyd: Case) -> None:
    cyd.map(CLIENTS[1])
    cyd.change("dan", aliases=("cyd@contoso.example",))
    cyd.change("cyd", enabled=False)
    assert ("create", "planned") in cyd.rows(cyd.preview())


@pytest.mark.parametrize("alias", [False, True])
def test_a_move_that_the_platform_refuses_is_waited_for(
    cyd: Case, monkeypatch: pytest.MonkeyPatch, alias: bool
) -> None:
    """Nobody gets a contact meanwhile, nor is asked otherwise."""
    contact = UUID(str(cyd.contact("cyd")["id"]))
    write = ContactPort.update_many

    async def refuse(
        self: ContactPort,
        connection: AsyncConnection,
        tenant_id: UUID,
        items: Sequence[ContactUpdate],
    ) -> list[Outcome]:
        taken = [item for item in items if item.id != contact]
        written = {o.id: o for o in await write(self, connection, tenant_id, taken)}
        return [written.get(item.id) or Outcome(status="rejected", code="busy") for item in items]

    with monkeypatch.context() as refusing:
        refusing.setattr(ContactPort, "update_many", refuse)
        cyd.map(CLIENTS[1])
        mail = person("dan").mail if alias else "cyd@contoso.example"
        cyd.change("dan", mail=mail, aliases=("cyd@contoso.example",))
        cyd.sync()
        (asked,) = cyd.office.state().items.values()
        assert (asked["reason"], asked["candidates"]) == ("linked_elsewhere", [str(contact)])
        cyd.change("eve")
        cyd.sync()
        assert list(cyd.office.state().items.values()) == [asked]
    assert ("move", "applied") in cyd.rows(cyd.sync())
    assert list(cyd.office.state().items.values()) == [asked]
    cyd.nothing_is_left()


def test_whose_contact_is_deleted_while_he_is_not_mapped_gets_a_new_one(cyd: Case) -> None:
    cyd.sync()
    cyd.map(None)
    cyd.office.dismiss(str(cyd.contact("cyd")["id"]))
    cyd.map(CLIENTS[0])
    assert cyd.rows(cyd.sync()) == [("create", "applied")]


def test_what_is_mapped_away_and_back_during_a_sync_is_looked_at_by_the_next(cyd: Case) -> None:
    cyd.sync()
    run = cyd.stage.run(cyd.engine.start())

    async def away_and_back() -> None:
        await cyd.engine.map(CUSTOMERS[0], None, {})
        cyd.office.dismiss(str(cyd.contact("cyd")["id"]))
        await cyd.engine.map(CUSTOMERS[0], CLIENTS[0], {})

    cyd.stage.run(cyd.engine.carry_out(run, meanwhile=away_and_back))
    assert cyd.rows(cyd.sync()) == [("create", "applied")]


def test_a_contact_of_another_client_that_was_chosen_is_linked_again(case: Case) -> None:
    case.office.hire(CLIENTS[2], "Cyd", "cyd@contoso.example")
    case.change("cyd")
    case.sync()
    case.answer(Action.LINK)
    case.sync()
    case.map(None)
    case.map(CLIENTS[0])
    assert case.rows(case.sync()) == []
    assert case.questions() == []
    assert len(case.office.state().links) == 3


def test_who_was_linked_by_a_person_is_so_again_whoever_else_matches(case: Case) -> None:
    case.office.hire(CLIENTS[1], "Dan", "dan@contoso.example")
    contact = str(case.contact("dan")["id"])
    case.change("cyd", mail="dan@contoso.example")
    case.sync()
    assert case.questions() == [("cyd", "other_client")]
    case.answer(Action.LINK)
    case.change("dan")
    case.map(CLIENTS[1])
    case.sync()
    assert case.office.state().holders[contact][1] == str(person("cyd").object_id)
    (item,) = case.office.state().items.values()
    assert (item["reason"], item["candidates"]) == ("linked_elsewhere", [contact])
    case.nothing_is_left()


def test_a_question_is_closed_with_the_mapping_that_answers_it_whatever_else_is_to_do(
    cyd: Case,
) -> None:
    """Cyd is linked again as before, and a rule has something to write."""
    cyd.office.edit(str(cyd.contact("cyd")["id"]), "role", "Boss")
    cyd.map(CLIENTS[1])
    cyd.sync()
    assert cyd.questions() == [("cyd", "other_client")]
    cyd.save(guard={"overwriteMin": 0, "overwritePercent": 0}, displayName="directory_wins")
    cyd.change("cyd", display_name="Cyd Doe")
    cyd.map(CLIENTS[0])
    cyd.sync()
    assert cyd.verdict("cyd") == "linked"
    assert cyd.questions() == []
    cyd.nothing_is_left()
