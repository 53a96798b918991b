"""Operators who decide at the same moment: one wins whole, the others are told which rows."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

import pytest

from support.program import Json, Program, Reply
from support.running import RunningHost
from support.simulator import Simulator

CLIENTS = tuple(f"c1000000-0000-4000-8000-{n:012d}" for n in range(1, 6))
ROUNDS = 25
SOON = "2099-05-06T05:08:09Z"

Attempt = Callable[[Program], Reply]


@pytest.fixture(scope="module")
def discovered(admin: Program, microsoft: Simulator) -> Program:
    admin.connect(microsoft)
    admin.discover()
    return admin


@pytest.fixture(scope="module")
def tenants(discovered: Program) -> list[str]:
    return sorted(str(t["managedTenantId"]) for t in discovered.items("/managed-tenants"))[:4]


@pytest.fixture(scope="module")
def operators(host: RunningHost, discovered: Program) -> Iterator[list[Program]]:
    """Sessions of the same rights."""
    with ExitStack() as stack:
        login = "admin@northwind.example"
        yield [stack.enter_context(Program(host.base_url, login)) for _ in range(3)]


def together(operators: list[Program], *attempts: Attempt) -> list[Reply]:
    """All attempts at the same moment."""
    barrier = Barrier(len(attempts))

    def go(operator: Program, attempt: Attempt) -> Reply:
        barrier.wait()
        return attempt(operator)

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(go, operators, attempts))


def confirming(version: int, tenants: list[str], state: str, client: str | None = None) -> Attempt:
    chosen: Json = {"state": state} if client is None else {"state": state, "clientId": client}
    decisions = [{"managedTenantId": tenant, **chosen} for tenant in tenants]
    body = {"version": version, "decisions": decisions}
    return lambda operator: operator.post("/mappings/confirm", body)


def in_force(program: Program) -> dict[str, tuple[object, object]]:
    return {
        str(m["managedTenantId"]): (m["clientId"], m["pausedUntil"])
        for m in program.items("/mappings")
    }


def start_over(program: Program, tenants: list[str]) -> int:
    """All of them mapped to the first client; answers the version."""
    for state, client in (("skipped", None), ("mapped", CLIENTS[0])):
        version = program.get("/mappings/preview").data["version"]
        assert confirming(version, tenants, state, client)(program).status == 200
    return int(program.get("/mappings/preview").data["version"])


def test_of_two_overlapping_sets_one_is_put_in_force_and_the_other_told_of_the_overlap(
    discovered: Program, operators: list[Program], tenants: list[str]
) -> None:
    sets = (tenants[:3], tenants[1:])
    for _ in range(ROUNDS):
        version = start_over(discovered, tenants)
        attempts = [
            confirming(version, chosen, "mapped", client)
            for chosen, client in zip(sets, CLIENTS[1:3], strict=True)
        ]
        answers = together(operators, *attempts)
        assert sorted(answer.status for answer in answers) == [200, 409]
        won = 0 if answers[0].status == 200 else 1
        lost = answers[1 - won]
        assert lost.failure == (409, "stale_version")
        assert lost.body["details"] == {"managedTenantIds": sorted(tenants[1:3])}
        expected = {t: CLIENTS[won + 1] if t in sets[won] else CLIENTS[0] for t in tenants}
        assert {t: client for t, (client, _) in in_force(discovered).items()} == expected


def test_sets_that_share_no_row_do_not_disturb_each_other(
    discovered: Program, operators: list[Program], tenants: list[str]
) -> None:
    for _ in range(5):
        version = start_over(discovered, tenants)
        answers = together(
            operators,
            confirming(version, tenants[:2], "mapped", CLIENTS[1]),
            confirming(version, tenants[2:], "mapped", CLIENTS[2]),
        )
        assert [answer.status for answer in answers] == [200, 200]


def test_of_a_confirmation_a_remap_and_a_pause_one_gets_through(
    discovered: Program, operators: list[Program], tenants: list[str]
) -> None:
    tenant = tenants[0]
    history = f"/managed-tenants/{tenant}/decisions"
    for _ in range(ROUNDS):
        version = start_over(discovered, tenants)
        before = len(discovered.items(history))
        remap = {"managedTenantId": tenant, "clientId": CLIENTS[2], "version": version}
        pause = {"version": version, "pausedUntil": SOON}
        answers = together(
            operators,
            confirming(version, tenants[:2], "mapped", CLIENTS[1]),
            lambda operator, body=remap: operator.post("/mappings/remap", body),  # type: ignore[misc]
            lambda operator, body=pause: operator.post(  # type: ignore[misc]
                f"/managed-tenants/{tenant}/settings", body, method="PUT"
            ),
        )
        assert sorted(answer.status for answer in answers) == [200, 409, 409]
        won = [answer.status for answer in answers].index(200)
        outcome = ((CLIENTS[1], None), (CLIENTS[2], None), (CLIENTS[0], SOON))[won]
        assert in_force(discovered)[tenant] == outcome
        assert len(discovered.items(history)) == before + 1


def test_remaps_without_a_version_follow_each_other_or_are_refused(
    discovered: Program, operators: list[Program], tenants: list[str]
) -> None:
    for _ in range(10):
        start_over(discovered, tenants)
        bodies = [{"managedTenantId": tenants[0], "clientId": c} for c in CLIENTS[1:4]]
        answers = together(
            operators,
            *(
                lambda operator, body=body: operator.post("/mappings/remap", body)
                for body in bodies
            ),
        )
        assert {answer.status for answer in answers} <= {200, 409}
        assert 200 in {answer.status for answer in answers}
        assert in_force(discovered)[tenants[0]][0] in CLIENTS[1:4]
