"""Random histories of an MSP, judged after each sync by a simple model, and how they are played."""

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from devhost.servers.postgres import Urls
from entra_plugin.domain.ids import RunId
from support.histories_answers import Answers
from support.settled import Settled
from support.stage import standing_stage

PHASES = (
    (Phase.generate, Phase.shrink) if "ENTRA_HISTORY_SHRINK" in os.environ else (Phase.generate,)
)
"""Making a failing history shorter takes minutes: it is done when asked for."""

STEPS = 20


class History(Answers):
    """One MSP through a life of changes and accidents."""

    def teardown(self) -> None:
        """Whatever happened: a few days of peace, and all is as it should be, and stays so."""
        self.stage.crashes += self.engine.crashes
        if not self.sound or not self.stage.histories:
            return
        if not any(self.world.mapped.values()):
            return
        for _ in range(2):
            self.engine.clock.move(days=8)
            self.settle()
        Settled(world=self.world, state=self.office.state()).judge()
        if self.neighbour is not None:
            assert self.neighbour.versions() == self.untouched, "another MSP was touched"
        self.stage.neighbour = self.office

    def settle(self) -> None:
        """Days went by, so that a sync may have something to do; the next one has nothing.

        One customer may have got the contact that answers a question of another, or a new contact
        the address of an old one: that takes a sync more.
        """
        run_id = self.synced()
        rows = self.office.state().of_run(run_id)
        taken = [r for r in rows if (r["kind"], r["state"]) == ("update", "stale")]
        assert all("exists" in dict(row["note"]).values() for row in taken)  # type: ignore[call-overload]
        if self.world.hangs_together() or taken:
            self.synced()
        versions = self.office.versions()
        run_id = self.synced()
        found = self.office.state().of_run(run_id)
        assert not found, f"the second sync did something: {found}"
        assert self.office.versions() == versions, "a sync of what is unchanged wrote something"

    def synced(self) -> RunId | None:
        """Sync, to the end."""
        run_id = self.sync()
        assert self.office.state().runs[str(run_id)]["state"] in {"completed", "held"}
        return run_id


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the collector look seldom: it has little to find."""
    usual = gc.get_threshold()
    gc.set_threshold(50_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def play(server: Urls, count: int, number: int) -> str:
    """Play histories on a database of their own, with a seed; answers what was played."""
    with standing_stage(server) as stage, _rare_collections():
        begun = time.monotonic()

        def history() -> History:
            return History(stage)

        history._hypothesis_internal_use_seed = number  # type: ignore[attr-defined]
        run_state_machine_as_test(
            cast("type[RuleBasedStateMachine]", history),
            settings=settings(
                max_examples=count,
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
                phases=PHASES,
            ),
        )
        seconds = time.monotonic() - begun
        rules = ", ".join(f"{name} {times}" for name, times in stage.rules.most_common())
        return (
            f"{stage.histories} histories in {seconds:.0f} s with seed {number}"
            f" ({seconds / stage.histories:.2f} s each): {sum(stage.rules.values())} rules,"
            f" {stage.crashes} crashes ({rules})"
        )
