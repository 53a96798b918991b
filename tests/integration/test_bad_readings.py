"""No reading that went wrong makes anyone leave, or become a contact twice.

Each time everything is read well once, then badly in one of many ways, in a reading that looks for
those who are gone; then well again, which changes nothing.
"""

import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from devhost.servers.postgres import Urls, libpq
from entra_plugin.domain.states import RunState
from support.bad_listings import LATER, Fault, Row, answering, link_to, pages_of, rows_of
from support.folders import client_id, tenant_id, write_seed
from support.inside import Inside
from support.normal_form import NormalForm, normal_form
from support.simulator import Simulator
from support.syncing import Syncing, syncing

SEED = int(os.environ.get("ENTRA_TEST_SEED") or 7)
USERS = 23
PAGE = 8
ONE, OTHER = tenant_id(1), tenant_id(2)
NOWHERE = "00000000-0000-4000-8000-00000000dead"
KEPT = ("psa_contacts", "psa_contact_phones", "entra_contact_links")

Bad = Callable[[Simulator], list[Fault]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A way for a reading to go wrong, and what the customer's part of the run then says."""

    name: str
    faults: Bad
    code: str | None = None
    """The error of a reading that failed; None where all of it came after all."""
    lacks: bool = False
    """It looks whole and lacks somebody: there may be questions, until the next good one."""
    adds: bool = False
    """It has strangers, who stay known, and are asked about or left out."""


def _pages(simulator: Simulator) -> list[list[Row]]:
    return pages_of(rows_of(simulator, ONE), PAGE)


def _listed(arrange: Callable[[list[list[Row]]], Sequence[Sequence[Row]]]) -> Bad:
    """Answer the directory's own pages, arranged otherwise."""
    return lambda simulator: answering(simulator, ONE, arrange(_pages(simulator)))


def _refused(match: str, status: int, **more: object) -> Bad:
    return lambda _simulator: [{"match": match, "tenants": [ONE], "status": status, **more}]


def _leading(link: Callable[[Simulator], str]) -> Bad:
    """Answer the first page, with a next link of our own."""
    return lambda s: answering(s, ONE, _pages(s)[:1], last=link(s))


def _error(code: str) -> dict[str, object]:
    return {"body": {"error": {"code": code, "message": "No."}}}


def _pseudo(**row: object) -> Bad:
    return _listed(lambda pages: [[*pages[0], row], *pages[1:]])


def _moved_away(pages: list[list[Row]]) -> list[list[Row]]:
    """The first of page two went to page one when that had been read: nobody lists him."""
    return [pages[0], pages[1][1:], *pages[2:]]


def _moved_here(pages: list[list[Row]]) -> list[list[Row]]:
    """The last of page one went to page two meanwhile, and is listed twice."""
    return [pages[0], [pages[0][-1], *pages[1]], *pages[2:]]


NOBODY_THERE = "99999999-9999-4999-8999-999999999999"

KINDS = (
    Kind(name="empty listing", faults=_listed(lambda _: [[]]), code="empty_listing"),
    Kind(name="empty page in between", faults=_listed(lambda p: [p[0], [], *p[1:]])),
    Kind(name="empty last page", faults=_listed(lambda p: [*p, []])),
    Kind(
        name="page cut off",
        faults=lambda _: [{"match": LATER, "tenants": [ONE], "truncate": 300}],
        code="unusable_answer",
    ),
    Kind(
        name="page cut off once",
        faults=lambda _: [{"match": LATER, "tenants": [ONE], "truncate": 300, "times": 1}],
    ),
    Kind(name="listing that ends early", faults=_listed(lambda p: p[:1]), lacks=True),
    Kind(
        name="next link to nowhere",
        faults=_leading(lambda s: f"{s.graph_url}/v1.0/users/{NOBODY_THERE}?$select=id"),
        code="directory_not_found",
    ),
    Kind(
        name="next link to another host",
        faults=_leading(lambda _: "https://elsewhere.example/v1.0/users?$skiptoken=1"),
        code="unusable_answer",
    ),
    Kind(
        name="next link in a circle",
        faults=lambda s: answering(s, ONE, _pages(s)[:2], last=link_to(s, 2)),
        code="listing_endless",
    ),
    Kind(
        name="410",
        faults=_refused(LATER, 410, **_error("syncStateNotFound")),
        code="listing_expired",
    ),
    Kind(name="410 once", faults=_refused(LATER, 410, times=1, **_error("syncStateNotFound"))),
    Kind(
        name="token expired halfway",
        faults=_refused(LATER, 401, times=1, **_error("InvalidAuthenticationToken")),
    ),
    Kind(
        name="token never good again halfway",
        faults=_refused(LATER, 401, **_error("InvalidAuthenticationToken")),
        code="token_refused",
    ),
    Kind(
        name="throttled to a stop",
        faults=_refused(LATER, 429, headers={"Retry-After": "2500"}, **_error("TooManyRequests")),
        code="throttled",
    ),
    Kind(
        name="another directory's people",
        faults=lambda s: answering(s, ONE, pages_of(rows_of(s, OTHER), PAGE)),
        lacks=True,
        adds=True,
    ),
    Kind(name="pages twice", faults=_listed(lambda p: [q for page in p for q in (page, page)])),
    Kind(
        name="first page twice, and no other",
        faults=_listed(lambda p: [p[0], p[0]]),
        lacks=True,
    ),
    Kind(name="pages out of order", faults=_listed(lambda p: p[::-1])),
    Kind(name="user moved to a page that was read", faults=_listed(_moved_away), lacks=True),
    Kind(name="user moved to a page to come", faults=_listed(_moved_here)),
    Kind(
        name="row without id",
        faults=_pseudo(displayName="Nobody", userPrincipalName="nobody@customer1.example"),
        code="unusable_answer",
    ),
    Kind(
        name="row of another type",
        faults=_pseudo(**{"@odata.type": "#microsoft.graph.group", "id": NOWHERE}),
        adds=True,
    ),
)
CHANGES = r"^GET /v1\.0/users/delta\?(?!.*latest)"


def _changes(*rows: Row, **links: str) -> Bad:
    """Answer that this is what changed."""
    body = {"value": list(rows), **{f"@odata.{name}": link for name, link in links.items()}}
    return _refused(CHANGES, 200, body=body)


OF_CHANGES = (
    Kind(name="no changes and no link", faults=_changes(), code="unusable_answer"),
    Kind(
        name="changes cut off",
        faults=lambda _: [{"match": CHANGES, "tenants": [ONE], "truncate": 30}],
        code="unusable_answer",
    ),
    Kind(
        name="changes that go on at another host",
        faults=_changes(nextLink="https://elsewhere.example/v1.0/users/delta?$skiptoken=1"),
    ),
    Kind(
        name="row without id among changes",
        faults=_changes({"displayName": "Nobody"}),
        code="unusable_answer",
    ),
    Kind(
        name="changes and the listing after them that ends early",
        faults=lambda s: [
            {"match": CHANGES, "tenants": [ONE], "status": 410, **_error("syncStateNotFound")},
            *answering(s, ONE, _pages(s)[:1]),
        ],
    ),
    Kind(
        name="throttled among the changes",
        faults=_refused(CHANGES, 429, headers={"Retry-After": "2500"}, **_error("TooManyRequests")),
        code="throttled",
    ),
)

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@pytest.fixture
async def world(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Syncing]:
    """Two customers whose people come on several pages; nothing is synced yet."""
    write_seed(tmp_path, tenants=2, users=USERS)
    async with syncing(database, simulator, monkeypatch, tmp_path) as found:
        simulator.control("/pages", {"largest": PAGE})
        yield found


@every_kind
async def test_nobody_leaves_and_nobody_comes_twice(
    world: Syncing, simulator: Simulator, kind: Kind
) -> None:
    assert (await world.sync()).run.state == RunState.COMPLETED
    before, versions = _form(world), _versions(world)
    _let_absences_count(world)
    simulator.control("/faults", {"faults": kind.faults(simulator)})
    world.checks.naps.waits.clear()
    assert await _code(world) == kind.code
    waited = sum(world.checks.naps.waits)
    assert waited < 300 or kind.code == "throttled", "nobody waits long for what is no answer"
    assert _in(KEPT, _form(world)) == _in(KEPT, before)
    if not (kind.lacks or kind.adds):
        assert _versions(world) == versions
    simulator.control("/faults", {"faults": []})
    await _good_again(world, before, strangers=kind.adds)
    if not (kind.lacks or kind.adds):
        assert _versions(world) == versions


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in KINDS
        if (kind.code is None or kind.name in {"410", "page cut off"})
        and kind.name != "another directory's people"
    ],
    ids=lambda kind: kind.name,
)
async def test_the_first_reading_of_all_may_be_a_bad_one(
    world: Syncing, simulator: Simulator, kind: Kind
) -> None:
    simulator.control("/faults", {"faults": kind.faults(simulator)})
    assert await _code(world) == kind.code
    simulator.control("/faults", {"faults": []})
    _let_absences_count(world)
    await world.sync()
    addresses = "person%@customer%.example"
    with psycopg.connect(libpq(world.admin_url)) as connection:
        query = "SELECT client_id::text, count(*) FROM psa_contacts WHERE email LIKE %s GROUP BY 1"
        found: dict[object, object] = dict(connection.execute(query, [addresses]).fetchall())
    assert found == {client_id(1): USERS, client_id(2): USERS}


@pytest.mark.parametrize("kind", OF_CHANGES, ids=lambda kind: kind.name)
async def test_a_bad_reading_of_changes_changes_nobody(
    world: Syncing, simulator: Simulator, kind: Kind
) -> None:
    await world.sync()
    before, versions = _form(world), _versions(world)
    simulator.control("/faults", {"faults": kind.faults(simulator)})
    assert await _code(world) == kind.code
    assert _versions(world) == versions
    simulator.control("/faults", {"faults": []})
    assert (await world.sync()).run.state == RunState.COMPLETED
    assert _versions(world) == versions
    await _good_again(world, before, strangers=False)


async def test_any_mixture_of_bad_readings_leaves_everything_as_it_is(
    world: Syncing, simulator: Simulator
) -> None:
    rng = random.Random(SEED)
    await world.sync()
    before = _form(world)
    told = [f"ENTRA_TEST_SEED={SEED}"]
    for _ in range(8):
        _let_absences_count(world)
        chosen = rng.sample(KINDS, k=2)
        told.append(" + ".join(kind.name for kind in chosen))
        faults = [fault for kind in chosen for fault in kind.faults(simulator)]
        for fault in faults:
            fault["rate"] = rng.choice((0.3, 0.6, 1))
        simulator.control("/faults", {"faults": faults})
        await world.sync()
        assert _in(KEPT, _form(world)) == _in(KEPT, before), told
    simulator.control("/faults", {"faults": []})
    await _good_again(world, before, strangers=True)


async def _code(world: Syncing) -> str | None:
    """The error of the customer that is read badly; the other one always gets through."""
    run = await world.sync()
    states = {str(t.entra_tenant_id): t for t in run.tenants}
    assert states[OTHER].state == RunState.COMPLETED
    failure = states[ONE].failure
    assert (states[ONE].state == RunState.FAILED) == (failure is not None)
    return failure.code if failure is not None else None


_MOST_ROUNDS = 20
"""Of strangers, whom nobody lists, each reading asks for a few."""


async def _good_again(world: Syncing, before: NormalForm, *, strangers: bool) -> None:
    """A good reading that looks for those who are gone ends all questions; a second one rests."""
    _let_absences_count(world)
    assert (await world.sync()).run.state == RunState.COMPLETED
    found = _form(world)
    if strangers:
        assert not before.tables["entra_identities"] - found.tables["entra_identities"]
        assert _in(KEPT, found) == _in(KEPT, before)
    else:
        assert found.differences(before) == []
        assert _open_questions(world) == 0
    for _ in range(_MOST_ROUNDS if strangers else 1):
        versions = _versions(world)
        _let_absences_count(world)
        assert (await world.sync()).run.state == RunState.COMPLETED
        if _versions(world) == versions:
            return
    raise AssertionError("it never comes to rest")


def _in(tables: Sequence[str], form: NormalForm) -> dict[str, object]:
    return {table: form.tables[table] for table in tables}


def _open_questions(world: Syncing) -> int:
    with psycopg.connect(libpq(world.admin_url)) as connection:
        found = connection.execute(
            "SELECT count(*) FROM entra_reconciliation_items WHERE state = 'open'"
        ).fetchone()
    assert found is not None
    return int(found[0])


def _form(world: Syncing) -> NormalForm:
    tables = (*KEPT, "entra_identities")
    return normal_form(world.admin_url, str(world.checks.tenant_id), tables=tables)


def _versions(world: Syncing) -> dict[str, set[tuple[object, ...]]]:
    return Inside({"adminDatabaseUrl": world.admin_url}).versions()


def _let_absences_count(world: Syncing) -> None:
    """Nobody looked for those who are gone for so long that the next reading does."""
    with psycopg.connect(libpq(world.admin_url)) as connection:
        connection.execute("UPDATE entra_delta_cursors SET verified_at = '2000-01-01'")
