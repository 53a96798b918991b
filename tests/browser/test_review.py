"""The review queue in a browser: looking through questions, answering one, and many at once."""

import re
from collections.abc import Iterator
from typing import cast

import pytest
from playwright.sync_api import Locator, expect

from support.browser import ADMIN, TECHNICIAN, Visitor
from support.inside import Inside
from support.program import Json, Program
from support.queue import (
    ALPINE,
    CLIENT,
    NO_DELETED_ITEMS,
    OTHER_CLIENT,
    Queue,
    doubtful,
)
from support.running import RunningHost
from support.simulator import Simulator

from .conftest import Visit

PAGE = "/integrations/entra/review"
DOUBTFUL = ("adele", "bruno", "cosima", "detlef", "edda", "frieda", "gustav")
ELSEWHERE = ("mona", "nils", "oskar", "pia", "quirin")
LINKED = ("rosa", "sven", "tanja", "udo", "vera")
HOSTILE = "<script>window.hurt = 1</script> \u202erow\u202c " + "long " * 60


@pytest.fixture(scope="module")
def queue(host: RunningHost) -> Iterator[Queue]:
    """A queue with questions of every kind."""
    facts = cast("dict[str, str]", host.facts["simulator"])
    with Program(host.base_url, ADMIN) as admin:
        found = Queue(admin, Simulator.of(facts), Inside(host.facts), host)
        found.begin()
        for local in LINKED:
            found.user(local, displayName=f"{local.title()} First")
        found.sync()
        raise_questions(found)
        yield found


def raise_questions(queue: Queue) -> None:
    """Make people doubtful: by what matches, by what both sides changed, by what is missing."""
    for local in DOUBTFUL:
        doubtful(queue, local, jobTitle="Dentist")
    doubtful(queue, "hostile", displayName=HOSTILE)
    for local in ELSEWHERE:
        queue.contact(local.title(), address(local), OTHER_CLIENT)
        queue.user(local)
    queue.rules(displayName={"enabled": True, "mode": "ask"})
    for local in ("rosa", "sven", "tanja"):
        queue.edit(contact_of(queue, local), f"{local.title()} Local")
        queue.change(address(local), displayName=f"{local.title()} Directory")
    gone = [queue.object_id(address(local)) for local in ("udo", "vera")]
    queue.microsoft.control("/users", {"tenant": ALPINE, "delete": gone})
    queue.microsoft.control("/faults", {"faults": [NO_DELETED_ITEMS]})
    queue.look_for_absent()
    queue.microsoft.control("/faults", {"faults": []})


def address(local: str) -> str:
    return f"{local}@alpinedental.example"


def contact_of(queue: Queue, local: str) -> str:
    found = queue.linked(address(local))
    assert found is not None
    return found


def item(queue: Queue, local: str, state: str = "open") -> Json:
    return queue.item(address(local), state=state)


def settled(queue: Queue, local: str) -> tuple[str, str]:
    """How the question about somebody was settled, and by whom."""
    found = item(queue, local, "resolved")["settled"]
    return found["settledAs"], found["byName"]


def ask(visitor: Visitor, queue: Queue, local: str) -> None:
    """Open the question about somebody, in a list of nobody else."""
    visitor.go(f"{PAGE}/{item(queue, local)['itemId']}?q={local}")


def message(visitor: Visitor) -> Locator:
    return visitor.page.locator(".entra-message[data-entra-focus]")


def row(visitor: Visitor, local: str) -> Locator:
    return visitor.page.get_by_role("row").filter(has_text=address(local))


def test_the_card_leads_to_the_list(queue: Queue, visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go("/settings")
    visitor.link("Entra review queue").click()
    visitor.page.wait_for_load_state("networkidle")
    found = row(visitor, "adele")
    for words in ("Adele", "Alpine Dental Group", "More than one contact matches", "2"):
        expect(found).to_contain_text(words)
    found.get_by_role("link", name="Adele").click()
    expect(visitor.page.get_by_role("heading", name="Adele", level=1)).to_be_focused()
    visitor.link("Back to the review queue").click()
    expect(row(visitor, "adele")).to_be_visible()


def test_the_list_is_narrowed_and_the_address_says_how(queue: Queue, visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go(PAGE)
    page = visitor.page
    page.get_by_label("Reason").select_option(label="No longer listed by the directory")
    expect(row(visitor, "adele")).to_have_count(0)
    expect(row(visitor, "udo")).to_be_visible()
    page.get_by_label("Search").press_sequentially("UDO")
    expect(page.locator("#entra-live")).to_contain_text("1 question on this page")
    page.wait_for_url(re.compile(r"reason=missing_upstream&q=UDO|q=UDO&reason=missing_upstream"))
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("UDO")
    expect(page.locator("tbody").get_by_role("row")).to_have_count(1)
    page.get_by_role("link", name="Dismissed").click()
    expect(page.get_by_text("No question in this list matches.")).to_be_visible()
    visitor.link("Show all of this list").click()
    expect(page.get_by_text("No question was dismissed.")).to_be_visible()


def test_the_list_of_one_customer_is_reached_from_a_row_and_from_the_customer(
    queue: Queue, visit: Visit
) -> None:
    visitor = visit(ADMIN)
    visitor.go(PAGE)
    row(visitor, "adele").get_by_role("link", name="Only this customer").click()
    expect(visitor.page.get_by_text("Only customer Alpine Dental Group.")).to_be_visible()
    customer = item(queue, "adele")["managedTenantId"]
    visitor.go(f"/integrations/entra/clients/{customer}")
    visitor.link("Open questions about its people").click()
    expect(visitor.page.get_by_text("Only customer Alpine Dental Group.")).to_be_visible()


def test_both_sides_stand_beside_each_other_and_what_differs_is_said(
    queue: Queue, visit: Visit
) -> None:
    visitor = visit(ADMIN)
    ask(visitor, queue, "adele")
    side = visitor.page.get_by_role("region", name="Contact: adele one")
    line = side.get_by_role("row").filter(has_text="Job title")
    expect(line.get_by_role("cell")).to_have_text(["Dentist", re.compile(r"^\W$"), "Differs"])
    expect(side).to_contain_text("other addresses is the same")
    expect(side).to_contain_text("The user is linked to adele one.")
    expect(side.get_by_role("link", name="adele one")).to_have_attribute(
        "href", re.compile(r"/contacts/[0-9a-f-]{36}")
    )
    expect(visitor.link("Alpine Dental Group Ltd").first).to_have_attribute(
        "href", re.compile(CLIENT)
    )


def test_a_user_is_linked_and_the_next_question_comes(queue: Queue, visit: Visit) -> None:
    visitor = visit(ADMIN)
    linked = item(queue, "adele")
    visitor.go(f"{PAGE}/{linked['itemId']}?reason=multiple_matches")
    side = visitor.page.get_by_role("region", name="Contact: adele two")
    side.get_by_role("button", name="Link to this contact").click()
    expect(message(visitor)).to_contain_text("Adele: Linked to a contact.")
    expect(message(visitor)).to_contain_text("This is the next open question.")
    expect(message(visitor)).to_be_focused()
    assert linked["itemId"] not in visitor.page.url
    expect(visitor.page).to_have_url(re.compile(r"reason=multiple_matches"))
    heading = visitor.page.get_by_role("heading", level=1).inner_text()
    expect(visitor.page).to_have_title(re.compile(re.escape(heading)))
    visitor.page.reload()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(heading)
    assert queue.of_contact(contact_of(queue, "adele"))["name"] == "adele two"
    visitor.page.go_back()
    expect(visitor.page.get_by_role("heading", name="Adele", level=1)).to_be_visible()
    expect(visitor.page.get_by_text("Linked to a contact")).to_be_visible()
    expect(visitor.button("Link")).to_have_count(0)


def test_after_the_last_question_of_the_list_comes_the_list(queue: Queue, visit: Visit) -> None:
    visitor = visit(ADMIN)
    ask(visitor, queue, "bruno")
    visitor.button("Create a new contact").click()
    expect(message(visitor)).to_contain_text("Bruno: A new contact was created.")
    expect(visitor.page.get_by_role("heading", name="Review queue")).to_be_visible()
    expect(visitor.page).to_have_url(re.compile(r"/review\?list=open&q=bruno$"))
    assert settled(queue, "bruno") == ("created", "Ada Administrator")
    visitor.link("Look again at Bruno").click()
    expect(visitor.page.get_by_text("A new contact was created")).to_be_visible()


def test_a_contact_of_another_client_is_moved(queue: Queue, visit: Visit) -> None:
    visitor = visit(ADMIN)
    ask(visitor, queue, "mona")
    side = visitor.page.get_by_role("region", name="Contact: Mona")
    expect(side).to_contain_text("Another client than")
    side.get_by_role("button", name="Move this contact").click()
    expect(message(visitor)).to_contain_text("The contact was moved and linked")
    assert queue.of_contact(contact_of(queue, "mona"))["clientId"] == CLIENT


@pytest.mark.parametrize(
    ("local", "side", "name"),
    [("rosa", "From the directory", "Rosa Directory"), ("sven", "From the contact", "Sven Local")],
)
def test_a_field_is_decided(queue: Queue, visit: Visit, local: str, side: str, name: str) -> None:
    visitor = visit(ADMIN)
    ask(visitor, queue, local)
    visitor.button("Use these values").click()  # the browser asks for a choice first
    visitor.page.get_by_role("group", name="Full name").get_by_label(side).check()
    visitor.button("Use these values").click()
    expect(message(visitor)).to_contain_text("Decided field by field")
    assert queue.of_contact(contact_of(queue, local))["name"] == name


@pytest.mark.parametrize(
    ("local", "button", "outcome", "active"),
    [
        ("udo", "Make the contact inactive", "The contact was made inactive", False),
        ("vera", "Keep the contact", "The contact was kept", True),
    ],
)
def test_somebody_missing_is_made_inactive_or_kept(
    queue: Queue, visit: Visit, local: str, button: str, outcome: str, active: bool
) -> None:
    visitor = visit(ADMIN)
    ask(visitor, queue, local)
    visitor.button(button).click()
    expect(message(visitor)).to_contain_text(outcome)
    assert queue.of_contact(contact_of(queue, local))["active"] is active


def test_a_question_is_dismissed_with_a_reason_and_reopened(queue: Queue, visit: Visit) -> None:
    visitor = visit(ADMIN)
    ask(visitor, queue, "cosima")
    visitor.page.get_by_label("Reason (optional)").fill("A <b>robot</b>, says the client")
    visitor.button("Dismiss").click()
    expect(message(visitor)).to_contain_text("Cosima: Dismissed.")
    visitor.page.locator("#entra-tab-dismissed").click()
    expect(row(visitor, "cosima")).to_contain_text("A <b>robot</b>, says the client")
    row(visitor, "cosima").get_by_role("link", name="Cosima").click()
    expect(visitor.page.get_by_text("A <b>robot</b>, says the client")).to_be_visible()
    visitor.button("Reopen").click()
    expect(message(visitor)).to_contain_text("The question is open again.")
    expect(visitor.button("Dismiss")).to_be_visible()
    assert item(queue, "cosima")["state"] == "open"


def test_what_somebody_else_settled_meanwhile_is_shown_as_it_is(queue: Queue, visit: Visit) -> None:
    visitor = visit(ADMIN)
    ask(visitor, queue, "detlef")
    assert queue.answer(item(queue, "detlef"), "create").status == 200
    visitor.button("Dismiss").click()
    expect(message(visitor)).to_contain_text("Somebody has settled this question already.")
    expect(message(visitor)).to_be_focused()
    expect(visitor.page.get_by_text("A new contact was created")).to_be_visible()
    expect(visitor.button("Dismiss")).to_have_count(0)
    assert settled(queue, "detlef")[0] == "created"
    visitor.complaints.clear()  # the browser itself notes the 409


def test_what_changed_meanwhile_is_told_and_what_was_chosen_stays(
    queue: Queue, visit: Visit
) -> None:
    visitor = visit(ADMIN)
    ask(visitor, queue, "tanja")
    queue.edit(contact_of(queue, "tanja"), "Tanja Anew")
    visitor.page.get_by_label("From the directory").check()
    visitor.button("Use these values").click()
    expect(message(visitor)).to_contain_text("A value is not what it was when it was shown.")
    expect(visitor.page.get_by_label("From the directory")).to_be_checked()
    expect(visitor.page.get_by_role("region", name="Contact: Tanja Anew")).to_be_visible()
    assert queue.of_contact(contact_of(queue, "tanja"))["name"] == "Tanja Anew"
    visitor.complaints.clear()  # the browser itself notes the 409


def test_many_are_linked_at_once_and_each_outcome_is_told(queue: Queue, visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go(PAGE)
    for name in ("Nils", "Oskar", "Edda"):
        visitor.page.get_by_label(f"Choose {name}", exact=True).check()
    expect(visitor.page.locator("[data-entra-chosen]")).to_have_text("3")
    visitor.button("Link to the one contact").click()
    question = visitor.page.locator("#entra-question")
    expect(question).to_be_focused()
    expect(question).to_contain_text("3 questions are chosen.")
    assert item(queue, "nils")["state"] == "open"
    question.get_by_role("button").click()
    expect(message(visitor)).to_contain_text("2 of 3 questions are settled.")
    told = visitor.page.get_by_role("region", name="What became of each")
    expect(told.get_by_role("listitem")).to_have_text(
        [
            re.compile("Edda.*More than one contact is in question."),
            re.compile("Nils.*Linked to a contact"),
            re.compile("Oskar.*Linked to a contact"),
        ]
    )
    expect(visitor.page.get_by_label("Choose Edda", exact=True)).to_be_checked()
    expect(visitor.page.get_by_label("Choose Nils", exact=True)).to_have_count(0)
    assert [settled(queue, local)[0] for local in ("nils", "oskar")] == ["linked", "linked"]
    assert item(queue, "edda")["state"] == "open"


def test_all_that_are_shown_are_dismissed_at_once(queue: Queue, visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go(f"{PAGE}?q=gustav")
    visitor.button("Dismiss").click()
    expect(message(visitor)).to_contain_text("No question is chosen.")
    visitor.page.get_by_label("Choose all on this page").check()
    expect(visitor.page.get_by_label("Choose Gustav")).to_be_checked()
    visitor.button("Dismiss").click()
    visitor.page.locator("#entra-question").get_by_role("button").click()
    expect(message(visitor)).to_contain_text("1 of 1 question is settled.")
    assert item(queue, "gustav", "dismissed")["settled"]["settledAs"] == "dismissed"
    visitor.complaints.clear()  # the browser itself notes the 422


def test_a_hostile_name_is_shown_and_does_nothing(queue: Queue, visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go(f"{PAGE}?q=hostile")
    visitor.page.get_by_role("link", name="<script>").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("<script>")
    for width in (1280, 320):
        visitor.page.set_viewport_size({"width": width, "height": 800})
        assert visitor.overflow() <= 0
    assert visitor.page.evaluate("window.hurt") is None


def test_the_keyboard_alone_answers(queue: Queue, visit: Visit) -> None:
    visitor = visit(ADMIN)
    visitor.go(f"{PAGE}?q=pia")
    visitor.tab_to(row(visitor, "pia").get_by_role("link", name="Pia"))
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("heading", name="Pia", level=1)).to_be_focused()
    visitor.tab_to(visitor.button("Link to this contact"))
    visitor.page.keyboard.press("Enter")
    expect(message(visitor)).to_be_focused()
    assert settled(queue, "pia")[0] == "linked"


def test_a_reader_sees_everything_and_can_change_nothing(queue: Queue, visit: Visit) -> None:
    visitor = visit(TECHNICIAN)
    visitor.go(PAGE)
    expect(row(visitor, "frieda")).to_be_visible()
    expect(visitor.page.get_by_role("checkbox")).to_have_count(0)
    ask(visitor, queue, "frieda")
    expect(visitor.page.get_by_text("The user is linked to frieda one.")).to_be_visible()
    expect(visitor.page.get_by_text("The user is ignored by every sync")).to_be_visible()
    expect(visitor.page.locator(".entra").get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("login", [ADMIN, TECHNICIAN])
def test_the_pages_are_accessible(queue: Queue, visit: Visit, scheme: str, login: str) -> None:
    visitor = visit(login, color_scheme=scheme)
    questions = queue.items()
    kinds = {found["reason"]: found["itemId"] for found in questions}
    for path in ("", "?list=dismissed", "?list=resolved", *(f"/{id_}" for id_ in kinds.values())):
        visitor.go(PAGE + path)
        for width in (1280, 320):
            visitor.page.set_viewport_size({"width": width, "height": 800})
            assert visitor.overflow() <= 0, path
            assert visitor.violations() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_asked_before_many_are_answered_is_accessible(
    queue: Queue, visit: Visit, scheme: str
) -> None:
    visitor = visit(ADMIN, color_scheme=scheme)
    visitor.go(f"{PAGE}?q=frieda")
    visitor.page.get_by_label("Choose all on this page").check()
    visitor.button("Dismiss").click()
    expect(visitor.page.locator("#entra-question")).to_be_focused()
    assert visitor.violations() == []
