"""The pages of runs: what they refuse, what they say then, and what looking does."""

import re
from collections.abc import Iterator

import httpx
import pytest

from support.inside import Inside
from support.program import Json, Program
from support.running import RunningHost
from support.simulator import Simulator

PAGES = "/integrations/entra/history"
NOBODY = "00000000-0000-4000-8000-000000000000"
ALPINE_CLIENT = "c1000000-0000-4000-8000-000000000001"


def see(program: Program, path: str, status: int = httpx.codes.OK) -> str:
    """A page as it is shown now."""
    answer = program.http.get(PAGES + path)
    assert answer.status_code == status, answer.text
    return answer.text


def send(program: Program, path: str, **form: str) -> httpx.Response:
    """Send a form as a page does."""
    headers = {"X-CSRF-Token": program.csrf, "HX-Request": "true"}
    return program.http.post(PAGES + path, data=form, headers=headers)


@pytest.fixture(scope="module")
def first(admin: Program, microsoft: Simulator) -> Json:
    """The first sync of the demonstration."""
    admin.connect(microsoft)
    admin.discover()
    admin.accept_exact()
    return admin.sync("initial")


@pytest.fixture(scope="module")
def reader(host: RunningHost) -> Iterator[Program]:
    with Program(host.base_url, "tech@northwind.example") as program:
        yield program


@pytest.mark.parametrize(
    "query",
    [
        "?cursor=x",
        "?type=nothing",
        "?state=nothing",
        "?client=me",
        "/{run}?cursor=x",
        "/{run}?kind=nothing",
        "/{run}?customer=me",
        f"/{{run}}?customer={NOBODY}",
        "/{run}?ask=everything",
        "/{run}?ask=undo&of=some",
        "/{run}?change=x",
        "/{run}?page=0",
        "/all",
    ],
)
def test_an_address_that_means_nothing_is_malformed(
    admin: Program, first: Json, query: str
) -> None:
    see(admin, query.format(run=first["runId"]), httpx.codes.BAD_REQUEST)


@pytest.mark.parametrize("path", [f"/{NOBODY}", f"/{NOBODY}/progress"])
def test_an_unknown_run_is_not_found(admin: Program, first: Json, path: str) -> None:
    see(admin, path, httpx.codes.NOT_FOUND)


@pytest.mark.parametrize("act", ["cancel", "approve", "discard", "apply", "undo", "resume"])
def test_nothing_is_done_to_an_unknown_run(admin: Program, first: Json, act: str) -> None:
    assert send(admin, f"/{NOBODY}/{act}").status_code == httpx.codes.NOT_FOUND


@pytest.mark.parametrize(
    "form",
    [{"of": "some"}, {"change": "x"}, {"everything": "yes"}],
    ids=lambda form: next(iter(form)),
)
def test_a_form_that_cannot_be_read_is_malformed(
    admin: Program, first: Json, form: dict[str, str]
) -> None:
    answer = send(admin, f"/{first['runId']}/discard", **form)
    assert answer.status_code == httpx.codes.BAD_REQUEST


@pytest.mark.parametrize("act", ["undo", "resume"])
@pytest.mark.parametrize("form", [{"of": "chosen"}, {"change": NOBODY}], ids=["chosen", "rows"])
def test_single_rows_are_not_undone_and_not_taken_for_all_of_the_run(
    admin: Program, first: Json, act: str, form: dict[str, str]
) -> None:
    answer = send(admin, f"/{first['runId']}/{act}", **form)
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert admin.items("/runs", type="undo") == []


def test_a_program_gets_the_fragment_and_a_browser_the_document(
    admin: Program, first: Json
) -> None:
    for path in ("", f"/{first['runId']}"):
        assert see(admin, path).startswith("<!doctype html>")
        part = admin.http.get(PAGES + path, headers={"X-PSA-Fragment": "1"}).text
        assert part.startswith('<section class="entra"')


def test_looking_and_asking_write_nothing(admin: Program, first: Json, inside: Inside) -> None:
    run = f"/{first['runId']}"
    see(admin, run)
    before = inside.everything()
    asked = see(admin, f"{run}?ask=undo")
    see(admin, "")
    see(admin, f"{run}?kind=create&state=applied&q=anna")
    assert "Undo this run?" in asked
    assert inside.everything() == before


@pytest.mark.parametrize("ask", ["cancel", "approve", "discard", "apply", "resume"])
def test_what_the_state_does_not_allow_is_not_offered_and_said_so(
    admin: Program, first: Json, ask: str
) -> None:
    seen = see(admin, f"/{first['runId']}")
    assert f'id="entra-ask-{ask}-all"' not in seen
    asked = see(admin, f"/{first['runId']}?ask={ask}")
    assert "The run no longer allows that." in asked
    assert 'id="entra-question"' not in asked


def test_a_reader_sees_the_rows_and_nothing_to_press(
    reader: Program, admin: Program, first: Json
) -> None:
    seen = see(reader, f"/{first['runId']}?ask=undo")
    assert "hx-post" not in seen
    assert "entra-ask-" not in seen
    assert "Create a contact" in seen
    answer = send(reader, f"/{first['runId']}/undo")
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert [run["type"] for run in admin.items("/runs", type="undo")] == []


def test_a_run_that_is_over_cannot_be_stopped(admin: Program, first: Json) -> None:
    answer = send(admin, f"/{first['runId']}/cancel")
    assert "The run was over already." in answer.text
    assert admin.get(f"/runs/{first['runId']}").data["state"] == "completed"


def test_nothing_held_is_a_conflict_in_words(admin: Program, first: Json) -> None:
    for act in ("approve", "discard"):
        answer = send(admin, f"/{first['runId']}/{act}", of="all")
        assert answer.status_code == httpx.codes.CONFLICT
        assert "<code>changed_meanwhile</code>" in answer.text
        assert "Nothing was written." in answer.text


def test_a_run_that_wrote_nothing_cannot_be_undone(admin: Program, first: Json) -> None:
    run = admin.sync()
    assert 'id="entra-ask-undo-all"' not in see(admin, f"/{run['runId']}")
    answer = send(admin, f"/{run['runId']}/undo")
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "There is nothing left of this run to undo." in answer.text


def test_a_preview_with_unsaved_settings_says_why_it_cannot_be_applied(
    admin: Program, first: Json
) -> None:
    rules = {"clientId": ALPINE_CLIENT, "userFilterConfig": {"includeGuests": True}}
    run = admin.finished(admin.post("/sync/preview", rules).data["runId"])
    seen = see(admin, f"/{run['runId']}")
    assert "made with settings that are not saved" in seen
    assert 'id="entra-ask-apply-all"' not in seen
    answer = send(admin, f"/{run['runId']}/apply")
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "<code>what_if_preview</code>" in answer.text


def test_a_preview_says_of_everybody_who_is_left_alone_as_what(admin: Program, first: Json) -> None:
    run = admin.finished(admin.post("/sync/preview", {"clientId": ALPINE_CLIENT}).data["runId"])
    seen = see(admin, f"/{run['runId']}?kind=none")
    assert "Linked already: " in seen
    assert "Left out: " in seen
    assert ">Planned<" not in re.sub("<option.*?</option>", "", seen)


def test_a_plan_is_applied_once(admin: Program, first: Json) -> None:
    undo = admin.post(f"/runs/{first['runId']}/undo", {}).data["runId"]
    admin.finished(undo)
    assert "Puts back what that run did" in see(admin, f"/{undo}")
    assert send(admin, f"/{undo}/apply").status_code == httpx.codes.OK
    late = send(admin, f"/{undo}/apply")
    assert late.status_code == httpx.codes.CONFLICT
    assert "<code>already_applied</code>" in late.text
    admin.finished(undo)
    seen = see(admin, f"/{undo}")
    assert 'id="entra-ask-apply-all"' not in seen
    assert 'id="entra-ask-resume-all"' in seen
    assert 'id="entra-ask-resume-all"' in see(admin, f"/{first['runId']}")
    assert 'id="entra-ask-undo-all"' not in see(admin, f"/{first['runId']}")
    resumed = send(admin, f"/{undo}/resume", of="all")
    assert "planned by the next sync again" in resumed.text
    assert 'id="entra-ask-resume-all"' not in resumed.text


def test_without_its_rows_a_run_says_that_they_are_gone(
    admin: Program, first: Json, inside: Inside
) -> None:
    inside.write("DELETE FROM entra_sync_changes WHERE run_id = %s", first["runId"])
    seen = see(admin, f"/{first['runId']}")
    assert "The changes of this run were deleted" in seen
    assert f"{first['counts']['created']:,}" in seen
