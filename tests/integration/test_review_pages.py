"""The pages of the review queue over HTTP: what they refuse, what they keep, how they are paged."""

import re
from collections.abc import Iterator

import httpx
import pytest

from support.inside import Inside
from support.program import Json, Program
from support.queue import NOBODY, OTHER_CLIENT, Queue, conflicting, doubtful
from support.running import RunningHost
from support.simulator import Simulator

PAGE = "/integrations/entra/review"
CROWD = """
    INSERT INTO entra_reconciliation_items (tenant_id, item_id, managed_tenant_id,
        entra_tenant_id, object_id, client_id, state, reason, label, candidates, created_at)
    SELECT tenant_id, gen_random_uuid(), managed_tenant_id, entra_tenant_id, gen_random_uuid(),
        client_id, %s, reason, 'crowd' || n || '@alpinedental.example', candidates, created_at
    FROM entra_reconciliation_items, generate_series(1, %s) AS n WHERE item_id = %s::uuid
"""
GO_HOME = "DELETE FROM entra_reconciliation_items WHERE label ^@ 'crowd'"


@pytest.fixture(scope="module")
def queue(admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost) -> Queue:
    """A queue with two doubtful people, one of another client, and one with a conflict."""
    found = Queue(admin, microsoft, inside, host)
    found.begin()
    for local in ("anke", "bert"):
        doubtful(found, local)
    found.contact("Carl", "carl@alpinedental.example", OTHER_CLIENT)
    found.user("carl")
    conflicting(found, "dirk")
    return found


@pytest.fixture
def reader(host: RunningHost) -> Iterator[Program]:
    """A person who may look alone."""
    with Program(host.base_url, "tech@northwind.example") as program:
        yield program


@pytest.fixture
def crowd(queue: Queue) -> Iterator[Json]:
    """A question that many others are made of; afterwards they are gone."""
    yield of(queue, "anke")
    queue.inside.write(GO_HOME)


def of(queue: Queue, local: str) -> Json:
    return queue.item(f"{local}@alpinedental.example")


def see(program: Program, path: str = "", **query: str) -> httpx.Response:
    return program.http.get(PAGE + path, params=query)


def send(program: Program, path: str, **form: object) -> httpx.Response:
    headers = {"X-CSRF-Token": program.csrf, "HX-Request": "true"}
    return program.http.post(PAGE + path, data=form, headers=headers)


def answer(queue: Queue, item: Json, action: str, **form: object) -> httpx.Response:
    said = {"action": action, "version": item["version"], **form}
    return send(queue.admin, f"/{item['itemId']}/answer", **said)


def rows(page: httpx.Response) -> list[str]:
    """The addresses of a crowd, whose users nobody knows by name."""
    return re.findall(r"<bdi>(crowd\d+@[^<]+)</bdi></a>", page.text)


# --- Who sees what ---


@pytest.fixture
def queue_off(host: RunningHost, queue: Queue) -> Iterator[None]:
    """The queue's flag is off for the MSP."""
    del queue
    host.target("entra-integration-ambiguous-queue", host.tenant_id(0), "remove")
    yield
    host.target("entra-integration-ambiguous-queue", host.tenant_id(0), "add")


def test_without_the_flag_there_is_neither_page_nor_card_nor_a_link(
    queue: Queue, queue_off: None
) -> None:
    for path in ("", f"/{NOBODY}"):
        assert see(queue.admin, path).status_code == httpx.codes.NOT_FOUND
    for path in ("/bulk", f"/{NOBODY}/answer"):
        assert send(queue.admin, path).status_code == httpx.codes.NOT_FOUND
    (tenant,) = queue.admin.items("/managed-tenants", q="Alpine")
    for path in (
        "/settings",
        "/integrations/entra/setup?step=sync",
        f"/integrations/entra/clients/{tenant['managedTenantId']}",
    ):
        assert PAGE not in queue.admin.http.get(path).raise_for_status().text


def test_a_whole_page_or_a_fragment_is_answered_as_asked(queue: Queue) -> None:
    for path in ("", f"/{of(queue, 'anke')['itemId']}"):
        whole = see(queue.admin, path).text
        part = queue.admin.http.get(PAGE + path, headers={"X-PSA-Fragment": "1"}).text
        assert whole.startswith("<!doctype html>")
        assert part.startswith('<section class="entra" id="entra-review"')


def test_a_reader_sees_no_form_and_cannot_send_one(queue: Queue, reader: Program) -> None:
    item = of(queue, "anke")
    for path in ("", f"/{item['itemId']}"):
        assert "hx-post" not in see(reader, path).raise_for_status().text
    for path in ("/bulk", f"/{item['itemId']}/answer"):
        assert send(reader, path).status_code == httpx.codes.FORBIDDEN


def test_another_msp_sees_none_of_it(queue: Queue, host: RunningHost) -> None:
    item = of(queue, "anke")
    with Program(host.base_url, "admin@southwind.example") as other:
        assert "alpinedental" not in see(other).raise_for_status().text
        assert see(other, f"/{item['itemId']}").status_code == httpx.codes.NOT_FOUND
        form = {"action": "dismiss", "version": item["version"]}
        refused = send(other, f"/{item['itemId']}/answer", **form)
        assert refused.status_code == httpx.codes.NOT_FOUND
        told = send(other, "/bulk", item=item["itemId"], confirmed="dismiss").text
        assert "0 of 1 question is settled." in told
        assert "alpinedental" not in told
    assert of(queue, "anke")["state"] == "open"


def test_a_form_without_its_token_is_refused(queue: Queue) -> None:
    item = of(queue, "anke")
    form = {"action": "dismiss", "version": item["version"]}
    refused = queue.admin.http.post(f"{PAGE}/{item['itemId']}/answer", data=form)
    assert refused.status_code == httpx.codes.FORBIDDEN
    assert of(queue, "anke")["state"] == "open"


# --- What cannot be read ---


@pytest.mark.parametrize(
    "query",
    [
        {"list": "closed"},
        {"reason": "because"},
        {"customer": "alpine"},
        {"q": "x" * 201},
        {"cursor": "somewhere"},
        {"q": "\x00"},
    ],
    ids=lambda query: next(iter(query)),
)
def test_an_address_that_makes_no_sense_is_malformed(queue: Queue, query: dict[str, str]) -> None:
    assert see(queue.admin, **query).status_code == httpx.codes.BAD_REQUEST


@pytest.mark.parametrize(
    "form",
    [
        {"action": "delete"},
        {"version": "soon"},
        {"version": "-1"},
        {"contact_id": "x"},
        {"reason": "x" * 501},
        {"reason": "\x00"},
        {"side.displayName": "both"},
        {"colour": "blue"},
    ],
    ids=str,
)
def test_a_form_that_makes_no_sense_is_malformed(queue: Queue, form: dict[str, str]) -> None:
    item = of(queue, "anke")
    refused = answer(queue, item, **{"action": "dismiss", **form})
    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert "<code>malformed_request</code>" in refused.text
    assert of(queue, "anke") == item


@pytest.mark.parametrize(
    "form",
    [
        {"item": NOBODY},
        {"item": "everybody", "action": "dismiss"},
        {"item": NOBODY, "action": "create"},
        {"item": [NOBODY] * 101, "action": "dismiss"},
        {"item": NOBODY, "action": "dismiss", "colour": "blue"},
    ],
    ids=["no action", "no id", "not for many", "too many", "unknown field"],
)
def test_a_choice_of_many_that_makes_no_sense_is_malformed(
    queue: Queue, form: dict[str, object]
) -> None:
    assert send(queue.admin, "/bulk", **form).status_code == httpx.codes.BAD_REQUEST


def test_a_list_that_makes_no_sense_is_malformed_before_anything_is_written(queue: Queue) -> None:
    item = of(queue, "anke")
    form = {"item": item["itemId"], "confirmed": "dismiss"}
    refused = send(queue.admin, "/bulk?cursor=somewhere", **form)
    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert of(queue, "anke") == item


def test_a_question_that_does_not_exist_is_not_found(queue: Queue) -> None:
    assert see(queue.admin, f"/{NOBODY}").status_code == httpx.codes.NOT_FOUND
    assert see(queue.admin, "/nobody").status_code == httpx.codes.BAD_REQUEST
    form = {"action": "dismiss", "version": 1}
    refused = send(queue.admin, f"/{NOBODY}/answer", **form)
    assert refused.status_code == httpx.codes.NOT_FOUND


# --- What is refused, and what stays ---


def test_an_answer_to_another_version_is_a_conflict_and_the_reason_stays(queue: Queue) -> None:
    item = of(queue, "anke")
    stale = {**item, "version": item["version"] + 1}
    refused = answer(queue, stale, "dismiss", reason='"Ours" <no>')
    assert refused.status_code == httpx.codes.CONFLICT
    assert "The question itself is not the same any more." in refused.text
    assert 'value="&#34;Ours&#34; &lt;no&gt;"' in refused.text
    assert of(queue, "anke") == item


def test_a_contact_that_vanished_is_named(queue: Queue) -> None:
    address, first, _ = doubtful(queue, "emma")
    queue.sync()
    item = queue.item(address)
    queue.inside.write("DELETE FROM psa_contacts WHERE id = %s", first)
    refused = answer(queue, item, "link", contact_id=first)
    assert refused.status_code == httpx.codes.CONFLICT
    assert "Nothing was written." in refused.text
    assert "The contact no longer exists" in refused.text
    assert f'name="contact_id" value="{first}"' not in refused.text


def test_an_address_that_is_taken_leads_to_the_contact_that_has_it(queue: Queue) -> None:
    item = of(queue, "carl")
    assert "so the platform may refuse" in see(queue.admin, f"/{item['itemId']}").text
    refused = answer(queue, item, "create")
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    (contact_id,) = item["candidates"]
    assert re.search(rf'href="[^"]*{contact_id}">Look at the contact</a>', refused.text)
    assert of(queue, "carl")["state"] == "open"


def test_a_pinned_contact_is_not_offered_and_not_linked(queue: Queue) -> None:
    item = of(queue, "anke")
    first, second = item["candidates"]
    pin = queue.pin("hands_off", first)
    try:
        offered = see(queue.admin, f"/{item['itemId']}").text
        refused = answer(queue, item, "link", contact_id=first)
    finally:
        queue.unpin(pin)
    assert f'name="contact_id" value="{second}"' in offered
    assert f'name="contact_id" value="{first}"' not in offered
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "A pin forbids this." in refused.text


def test_a_field_that_a_pin_locks_can_only_stay(queue: Queue) -> None:
    item = of(queue, "dirk")
    pin = queue.pin("lock_field", item["candidates"][0], "displayName")
    try:
        page = see(queue.admin, f"/{item['itemId']}").text
    finally:
        queue.unpin(pin)
    assert re.search(r'value="directory" required disabled', page)
    assert re.search(r'value="local" required checked', page)
    assert "A pin keeps the directory" in page


def test_without_the_field_flag_the_directory_is_refused_in_words(
    queue: Queue, host: RunningHost
) -> None:
    item = of(queue, "dirk")
    host.target("entra-integration-field-sync", host.tenant_id(0), "remove")
    try:
        page = see(queue.admin, f"/{item['itemId']}").text
        refused = answer(queue, item, "fields", **{"side.displayName": "directory"})
    finally:
        host.target("entra-integration-field-sync", host.tenant_id(0), "add")
    assert re.search(r'value="directory" required disabled', page)
    assert refused.status_code == httpx.codes.NOT_FOUND
    assert "Field rules are switched off" in refused.text
    assert "Dirk Local" in refused.text


def test_every_field_is_to_be_answered(queue: Queue) -> None:
    refused = answer(queue, of(queue, "dirk"), "fields")
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "Some of the fields are not answered." in refused.text


# --- Many ---


def test_many_are_asked_about_before_anything_is_done(queue: Queue) -> None:
    ids = [of(queue, local)["itemId"] for local in ("anke", "bert")]
    asked = send(queue.admin, "/bulk", item=ids, action="dismiss")
    assert "2 questions are chosen." in asked.text
    assert asked.text.count("data-entra-choose checked") == len(ids)
    assert [of(queue, local)["state"] for local in ("anke", "bert")] == ["open", "open"]


def test_only_answers_that_a_question_of_the_page_admits_are_offered(queue: Queue) -> None:
    def offered(**query: str) -> list[str]:
        return re.findall(r'name="action" value="(\w+)"', see(queue.admin, **query).text)

    assert offered(reason="multiple_matches") == ["dismiss"]
    assert offered(reason="other_client") == ["link", "move", "dismiss"]
    assert offered(reason="missing_upstream") == []
    assert offered(list="dismissed") == []


def test_pages_of_fifty_follow_each_other_and_an_answer_comes_back_to_its_page(
    queue: Queue, crowd: Json
) -> None:
    queue.inside.write(CROWD, "open", 60, crowd["itemId"])
    first = see(queue.admin, q="crowd")
    (following,) = re.findall(r'href="[^"?]*\?([^"]*cursor=[^"]*)"', first.text)
    second = queue.admin.http.get(f"{PAGE}?{following.replace('&amp;', '&')}")
    assert (len(rows(first)), len(rows(second))) == (50, 10)
    assert set(rows(first)).isdisjoint(rows(second))
    assert "First page" in second.text
    assert "Next page" not in second.text
    (link,) = set(re.findall(rf'href="{PAGE}/[0-9a-f-]+\?([^"]*)"', second.text))
    assert "cursor=" in link
    assert "q=crowd" in link


def test_the_next_question_is_that_of_the_list_and_after_the_last_the_first(
    queue: Queue, crowd: Json
) -> None:
    def following(item: Json, q: str) -> list[str]:
        page = see(queue.admin, f"/{item['itemId']}", q=q).text
        return re.findall(rf'href="{PAGE}/([0-9a-f-]+)\?[^"]*"[^>]*>Next open question', page)

    queue.inside.write(CROWD, "open", 3, crowd["itemId"])
    items = queue.items(q="crowd")
    nexts = [following(item, "crowd") for item in items]
    assert nexts == [[item["itemId"]] for item in (*items[1:], items[0])]
    assert following(items[0], "crowd1@") == []
    assert following(crowd, "crowd") == [items[0]["itemId"]]


def test_who_has_no_contact_in_question_and_who_has_several_are_not_linked(queue: Queue) -> None:
    alone, doubted = of(queue, "anke"), of(queue, "bert")
    put = "UPDATE entra_reconciliation_items SET candidates = %s::uuid[] WHERE item_id = %s"
    queue.inside.write(put, [], alone["itemId"])
    told = send(queue.admin, "/bulk", item=[alone["itemId"], doubted["itemId"]], confirmed="link")
    queue.inside.write(put, alone["candidates"], alone["itemId"])
    assert "0 of 2 questions are settled." in told.text
    assert "No contact is in question." in told.text
    assert "More than one contact is in question." in told.text


def test_more_than_a_thousand_are_not_counted(queue: Queue, crowd: Json) -> None:
    queue.inside.write(CROWD, "dismissed", 1001, crowd["itemId"])
    assert "<strong>1,000+</strong>" in see(queue.admin).text
    queue.inside.write(GO_HOME)
    queue.inside.write(CROWD, "dismissed", 1000, crowd["itemId"])
    assert "<strong>1,000</strong>" in see(queue.admin).text


def test_looking_writes_nothing(queue: Queue) -> None:
    before = queue.inside.everything()
    for path in ("", f"/{of(queue, 'anke')['itemId']}", f"/{of(queue, 'dirk')['itemId']}"):
        see(queue.admin, path).raise_for_status()
    assert queue.inside.everything() == before


def test_a_user_who_was_erased_has_no_name_and_nothing_to_answer(queue: Queue) -> None:
    item = of(queue, "bert")
    assert queue.answer(item, "dismiss").status == httpx.codes.OK
    subject = f"/identities/{item['entraTenantId']}/{item['objectId']}"
    assert queue.admin.post(f"{subject}/erase").status == httpx.codes.OK
    page = see(queue.admin, f"/{item['itemId']}").raise_for_status().text
    assert "An erased user" in page
    assert "Nothing is kept of this user any more." in page
    assert "bert" not in page
    assert "hx-post" not in page
    assert "An erased user" in see(queue.admin, list="dismissed").text
