"""Worker, database or Temporal are killed again and again in a sync of everything.

What is there afterwards is what an undisturbed run leaves. Three devhosts suffer side by side, one
process each: most of the time they wait to be noticed dead.
"""

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from support.blows import Blow, Ordeal, Watch, Whole, random_blows
from support.crowd import write_crowd
from support.normal_form import NormalForm, normal_form
from support.program import Program
from support.running import RunningHost, running_devhost
from support.simulator import Simulator

SEED = int(os.environ.get("ENTRA_TEST_SEED") or random.SystemRandom().randrange(2**32))
VICTIMS = ("worker", "postgres", "temporal")
BLOWS = 8
SLOW = {"match": r"GET /v1\.0/users", "delayMs": 250}
PAGE = 60
ADMIN = "admin@northwind.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A devhost in which everything is mapped and nothing is synced."""

    host: RunningHost
    admin: Program

    @property
    def url(self) -> str:
        """Its database, for an administrator."""
        return str(self.host.facts["adminDatabaseUrl"])

    def prepare(self) -> None:
        """Connect, discover and decide; Microsoft is slow from then on."""
        microsoft = Simulator.of(cast("dict[str, str]", self.host.facts["simulator"]))
        self.admin.connect(microsoft)
        assert self.admin.discover()["state"] == "completed"
        self.admin.accept_exact(Customer="create_new")
        microsoft.control("/pages", {"largest": PAGE})
        microsoft.control("/faults", {"faults": [SLOW]})

    def start(self) -> Watch:
        """Start the sync of everything."""
        run_id = str(self.admin.post("/sync", {"scope": "all"}).data["runId"])
        return Watch(url=self.url, tenant_id=self.host.tenant_id(0), run_id=run_id)

    def result(self, watch: Watch) -> NormalForm:
        """What is there once the run has ended; web answers again, whatever happened."""
        deadline = time.monotonic() + 300
        while (seen := watch.look()) is None or not seen.ended:
            assert time.monotonic() < deadline, seen
            time.sleep(0.05)
        watch.close()
        while (answer := self.admin.get(f"/runs/{watch.run_id}")).status == 503:
            assert time.monotonic() < deadline, answer
        assert answer.data["state"] == "completed", answer.data
        return normal_form(self.url, self.host.tenant_id(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a disturbed run came to."""

    ordeal: Ordeal
    form: NormalForm | None
    problem: BaseException | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The undisturbed run, and those that are under way."""

    calm: NormalForm
    others: dict[str, Future[Outcome]]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(20, id="20 customers"),
        pytest.param(50, id="50 customers", marks=pytest.mark.long),
    ],
)
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outcomes]:
    """First the undisturbed run, then all disturbed ones at once."""
    folder = tmp_path_factory.mktemp("crowd")
    write_crowd(folder, SEED, customers=request.param)
    with ExitStack() as stack:
        sites = {name: _site(stack, folder) for name in ("calm", *VICTIMS)}
        calm, whole = _undisturbed(sites["calm"])
        rng = random.Random(SEED)
        with ThreadPoolExecutor(len(VICTIMS)) as pool:
            yield Outcomes(
                calm=calm,
                others={
                    victim: pool.submit(
                        _disturbed, sites[victim], victim, whole, random_blows(rng, BLOWS)
                    )
                    for victim in VICTIMS
                },
            )


@pytest.mark.parametrize("victim", VICTIMS)
def test_what_is_left_after_eight_deaths_is_what_an_undisturbed_run_leaves(
    outcomes: Outcomes, victim: str
) -> None:
    outcome = outcomes.others[victim].result(timeout=1200)
    story = "\n".join([f"ENTRA_TEST_SEED={SEED}", *outcome.ordeal.told])
    print(story)  # noqa: T201 - pytest shows it when the test fails
    if outcome.problem is not None:
        pytest.fail(f"{outcome.problem!r}\n{story}")
    assert len(outcome.ordeal.told) == BLOWS, story
    assert outcome.form is not None
    found = outcome.form.differences(outcomes.calm)
    assert found == [], "\n".join([story, *found])


def test_the_seed_has_every_case(outcomes: Outcomes) -> None:
    identities = "\n".join(outcomes.calm.tables["entra_identities"])
    reasons = (
        *("created", "matched_email", "matched_alias", "linked_inactive", "guest", "disabled"),
        *("no_address", "resource_account", "sync_account", "service_account"),
        *("claimed_twice", "multiple_matches", "other_client"),
    )
    assert [reason for reason in reasons if f'"reason": "{reason}"' not in identities] == []
    clients = "\n".join(outcomes.calm.tables["psa_clients"])
    assert clients.count("Customer") > 0
    assert outcomes.calm.rows("entra_sync_pages") == 0


def _site(stack: ExitStack, seed: Path) -> Site:
    host = stack.enter_context(running_devhost(seed=str(seed)))
    site = Site(host=host, admin=stack.enter_context(Program(host.base_url, ADMIN)))
    site.prepare()
    return site


def _undisturbed(site: Site) -> tuple[NormalForm, Whole]:
    begun = time.monotonic()
    watch = site.start()
    form = site.result(watch)
    seconds = time.monotonic() - begun
    seen = watch.look()
    watch.close()
    assert seen is not None
    return form, Whole(
        seconds=seconds, pages=seen.pages, contacts=seen.contacts, closed=seen.closed
    )


def _disturbed(site: Site, victim: str, whole: Whole, blows: list[Blow]) -> Outcome:
    ordeal = Ordeal(host=site.host, victim=victim, watch=site.start(), whole=whole)
    try:
        ordeal.strike(blows)
        form = site.result(ordeal.watch)
    except Exception as problem:  # noqa: BLE001 - told by the test that asks for it
        return Outcome(ordeal=ordeal, form=None, problem=problem)
    finally:
        ordeal.watch.close()
    return Outcome(ordeal=ordeal, form=form, problem=None)
