"""Worker, database or Temporal are killed again and again in two syncs of everything.

What is there after each is what an undisturbed run leaves: after a first one, and after one that
follows an upheaval at Microsoft, of which the guard holds a part. Three devhosts suffer side by
side, one process each: most of the time they wait to be noticed dead.
"""

import json
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
from support.undoing import rules
from support.upheaval import Upheaval

USUAL_SEED = 20_261
"""Of the normal run; the long one draws another each time, and tells it when it fails."""

VICTIMS = ("worker", "postgres", "temporal")
BLOWS = 8
LATER_BLOWS = 3
"""In the sync after the upheaval."""
SPARE = 1
"""Blows beyond those: a fast machine may be through before the last of them falls."""
SLOW = {"match": r"GET /v1\.0/users(/delta)?\?", "delayMs": 250}
PAGE = 60
ADMIN = "admin@northwind.example"
FIRST, LATER = "completed", "held"
"""How the two syncs end."""
RULES: dict[str, object] = {
    "displayName": True,
    "phone": True,
    "mobile": True,
    "role": {"enabled": True, "mode": "ask"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A devhost in which everything is mapped and nothing is synced."""

    host: RunningHost
    admin: Program

    @property
    def url(self) -> str:
        """Its database, for an administrator."""
        return str(self.host.facts["adminDatabaseUrl"])

    @property
    def msp(self) -> str:
        """The MSP whose customers are synced."""
        return self.host.tenant_id(0)

    @property
    def microsoft(self) -> Simulator:
        """Its Microsoft."""
        return Simulator.of(cast("dict[str, str]", self.host.facts["simulator"]))

    def prepare(self) -> None:
        """Connect, discover, decide and set rules; Microsoft is slow from then on."""
        self.admin.connect(self.microsoft)
        assert self.admin.discover()["state"] == "completed"
        self.admin.accept_exact(Customer="create_new")
        rules(self.admin, **RULES)
        self.microsoft.control("/pages", {"largest": PAGE})
        self.microsoft.control("/faults", {"faults": [SLOW]})

    def suffer(self, upheaval: Upheaval) -> None:
        """Let it come over Microsoft and the host."""
        upheaval.befall(self.microsoft, self.url, self.msp)

    def start(self) -> Watch:
        """Start the sync of everything, as soon as whatever was killed lets it."""
        deadline = time.monotonic() + 60
        while (answer := self.admin.post("/sync", {"scope": "all"})).status == 503:
            assert time.monotonic() < deadline, answer
        return Watch(url=self.url, tenant_id=self.msp, run_id=str(answer.data["runId"]))

    def result(self, watch: Watch, state: str) -> NormalForm:
        """What is there once the run has ended so and people were told; web answers again."""
        deadline = time.monotonic() + 300
        while (seen := watch.look()) is None or not (seen.ended and seen.told):
            assert time.monotonic() < deadline, seen
            time.sleep(0.05)
        watch.close()
        while (answer := self.admin.get(f"/runs/{watch.run_id}")).status == 503:
            assert time.monotonic() < deadline, answer
        assert answer.data["state"] == state, answer.data
        return normal_form(self.url, self.msp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calm:
    """An undisturbed run."""

    form: NormalForm
    whole: Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a disturbed run came to."""

    ordeal: Ordeal
    form: NormalForm | None
    problem: BaseException | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The undisturbed runs, and those that are under way, by victim."""

    seed: int
    first: Calm
    later: Calm
    others: dict[str, Future[list[Outcome]]]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((20, USUAL_SEED), id="20 customers"),
        pytest.param((50, None), id="50 customers", marks=pytest.mark.long),
    ],
)
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outcomes]:
    """First the undisturbed runs, then all disturbed ones at once."""
    folder = tmp_path_factory.mktemp("crowd")
    customers, usual = request.param
    drawn = os.environ.get("ENTRA_TEST_SEED") or usual or random.SystemRandom().randrange(2**32)
    seed = int(drawn)
    upheaval = Upheaval(seed, write_crowd(folder, seed, customers=customers))
    with ExitStack() as stack:
        sites = {name: _site(stack, folder) for name in ("calm", *VICTIMS)}
        first = _undisturbed(sites["calm"], FIRST)
        sites["calm"].suffer(upheaval)
        later = _undisturbed(sites["calm"], LATER)
        rng = random.Random(seed)
        blows = {
            victim: tuple(random_blows(rng, count + SPARE) for count in (BLOWS, LATER_BLOWS))
            for victim in VICTIMS
        }
        with ThreadPoolExecutor(len(VICTIMS)) as pool:

            def disturbed(victim: str) -> list[Outcome]:
                site, (early, late) = sites[victim], blows[victim]
                begun = [_disturbed(site, victim, first.whole, early, FIRST)]
                if begun[0].problem is None:
                    site.suffer(upheaval)
                    begun.append(_disturbed(site, victim, later.whole, late, LATER))
                return begun

            yield Outcomes(
                seed=seed,
                first=first,
                later=later,
                others={victim: pool.submit(disturbed, victim) for victim in VICTIMS},
            )


@pytest.mark.parametrize("victim", VICTIMS)
def test_what_is_left_after_eight_deaths_is_what_an_undisturbed_run_leaves(
    outcomes: Outcomes, victim: str
) -> None:
    first = outcomes.others[victim].result(timeout=1800)[0]
    _as_undisturbed(first, outcomes.first, BLOWS, outcomes.seed)


@pytest.mark.parametrize("victim", VICTIMS)
def test_deaths_in_the_sync_after_an_upheaval_change_nothing_of_what_is_done_held_and_asked(
    outcomes: Outcomes, victim: str
) -> None:
    both = outcomes.others[victim].result(timeout=1800)
    assert len(both) == 2, "there was no second sync"
    _as_undisturbed(both[1], outcomes.later, LATER_BLOWS, outcomes.seed)


def test_the_seed_has_every_case(outcomes: Outcomes) -> None:
    form = outcomes.first.form
    identities = "\n".join(form.tables["entra_identities"])
    reasons = (
        *("created", "matched_email", "matched_alias", "linked_inactive", "guest", "disabled"),
        *("no_address", "resource_account", "sync_account", "service_account"),
        *("claimed_twice", "multiple_matches", "other_client"),
    )
    assert [reason for reason in reasons if f'"reason": "{reason}"' not in identities] == []
    clients = "\n".join(form.tables["psa_clients"])
    assert clients.count("Customer") > 0
    assert form.rows("entra_sync_pages") == 0


def test_the_upheaval_has_every_case(outcomes: Outcomes) -> None:
    form = outcomes.later.form
    rows = [json.loads(line) for line in form.tables["entra_sync_changes"].elements()]
    done = {(row["kind"], row["state"]) for row in rows if row["run_id"] == "all run 2"}
    assert done >= {
        *(("create", "applied"), ("link", "applied"), ("update", "applied")),
        *(("inactivate", "applied"), ("inactivate", "held"), ("update", "held")),
    }
    asked = "\n".join(form.tables["entra_reconciliation_items"])
    assert [
        r for r in ("missing_upstream", "field_conflict") if f'"reason": "{r}"' not in asked
    ] == []
    read = "\n".join(form.tables["entra_sync_run_tenants"])
    assert all(f'"reading_kind": "{kind}"' in read for kind in ("full", "delta"))
    assert form.rows("entra_sync_pages") == 0


def _as_undisturbed(outcome: Outcome, calm: Calm, blows: int, seed: int) -> None:
    story = "\n".join([f"ENTRA_TEST_SEED={seed}", *outcome.ordeal.told])
    print(story)  # noqa: T201 - pytest shows it when the test fails
    if outcome.problem is not None:
        pytest.fail(f"{outcome.problem!r}\n{story}")
    assert len(outcome.ordeal.told) >= blows, story
    assert outcome.form is not None
    found = outcome.form.differences(calm.form)
    assert found == [], "\n".join([story, *found])


def _site(stack: ExitStack, seed: Path) -> Site:
    host = stack.enter_context(running_devhost(seed=str(seed)))
    site = Site(host=host, admin=stack.enter_context(Program(host.base_url, ADMIN)))
    site.prepare()
    return site


def _undisturbed(site: Site, state: str) -> Calm:
    begun = time.monotonic()
    watch = site.start()
    form = site.result(watch, state)
    seconds = time.monotonic() - begun
    seen = watch.look()
    watch.close()
    assert seen is not None
    whole = Whole(seconds=seconds, pages=seen.pages, contacts=seen.contacts, closed=seen.closed)
    return Calm(form=form, whole=whole)


def _disturbed(site: Site, victim: str, whole: Whole, blows: list[Blow], state: str) -> Outcome:
    ordeal = Ordeal(host=site.host, victim=victim, watch=site.start(), whole=whole)
    try:
        ordeal.strike(blows)
        form = site.result(ordeal.watch, state)
    except Exception as problem:  # noqa: BLE001 - told by the test that asks for it
        return Outcome(ordeal=ordeal, form=None, problem=problem)
    finally:
        ordeal.watch.close()
    return Outcome(ordeal=ordeal, form=form, problem=None)
