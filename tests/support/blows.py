"""Blows: processes of a running devhost get SIGKILL at random points of a sync.

A point lies at a share of the undisturbed run: of its time, of the pages it read, of the contacts
it made, or of the customers it closed. The clock stands still from a blow until the process is back
and a step of the sync was begun anew, so that the next one hits work again.
"""

import json
import os
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import cast

import psycopg

from devhost.servers.postgres import libpq
from support.running import RunningHost

_BACK_SECONDS = 120
_AHEAD = 0.2
"""How much more of the pages may have been read than of the time is over."""

_PROGRESS = """
    SELECT r.state, r.notified_at IS NOT NULL, t.pages, t.attempts, t.closed,
        (SELECT count(*) FROM psa_contacts
        WHERE tenant_id = r.tenant_id AND creation_key IS NOT NULL)
    FROM entra_sync_runs r CROSS JOIN LATERAL (
        SELECT coalesce(sum(pages_read), 0), coalesce(sum(fence), 0),
            count(*) FILTER (WHERE state NOT IN ('queued', 'running'))
        FROM entra_sync_run_tenants WHERE tenant_id = r.tenant_id AND run_id = r.run_id
    ) AS t (pages, attempts, closed)
    WHERE r.tenant_id = %s AND r.run_id = %s
"""


class Measure(StrEnum):
    """What tells that the point of a blow has come."""

    MOMENT = "moment"
    PAGES = "pages"
    CONTACTS = "contacts"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How far a run has come; ``attempts`` are the steps of managed tenants begun so far.

    ``told``: people were notified of its end, which is the last that it does.
    """

    state: str
    told: bool
    pages: int
    attempts: int
    closed: int
    contacts: int

    @property
    def ended(self) -> bool:
        """True when the run is closed."""
        return self.state not in {"queued", "running"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The undisturbed run, which the points are shares of."""

    seconds: float
    pages: int
    contacts: int
    closed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """One SIGKILL: when a measure has come to a share of the whole."""

    measure: Measure
    share: float

    def due(self, seen: Seen, worked: float, whole: Whole) -> bool:
        """Has its point come?"""
        match self.measure:
            case Measure.MOMENT:
                # What goes on without the victim counts as well, or the run ends before its time.
                read = seen.pages / whole.pages
                return worked >= self.share * whole.seconds or read >= self.share + _AHEAD
            case Measure.PAGES:
                return seen.pages >= self.share * whole.pages
            case Measure.CONTACTS:
                return seen.contacts >= max(1, self.share * whole.contacts)
            case Measure.CLOSED:
                return seen.closed >= max(1, self.share * whole.closed)


def random_blows(rng: random.Random, count: int) -> list[Blow]:
    """Half of them at random moments, the others at random points of the progress.

    All but one fall while customers are read and planned, of which the last part is left out, so
    that it is not over before the last of them; that one falls while customers are finished.
    """
    measures = [Measure.MOMENT, Measure.PAGES, Measure.MOMENT, Measure.CONTACTS]
    shares = [round(rng.uniform(0.01, 0.7), 3) for _ in range(count - 1)]
    blows = [Blow(measure=measures[n % len(measures)], share=s) for n, s in enumerate(shares)]
    return [*blows, Blow(measure=Measure.CLOSED, share=round(rng.uniform(0, 0.4), 3))]


@dataclass(slots=True, kw_only=True)
class Watch:
    """Looks at one run, from outside, as often as the database lets it."""

    url: str
    tenant_id: str
    run_id: str
    _connection: psycopg.Connection[tuple[object, ...]] | None = None

    def look(self) -> Seen | None:
        """How far it has come; None while the database is away."""
        try:
            if self._connection is None:
                url = libpq(self.url)
                self._connection = psycopg.connect(url, autocommit=True, connect_timeout=2)
            found = self._connection.execute(_PROGRESS, [self.tenant_id, self.run_id]).fetchone()
        except psycopg.OperationalError:
            self.close()
            return None
        assert found is not None, "the run is gone"
        state, told, *numbers = found
        pages, attempts, closed, contacts = (int(str(number)) for number in numbers)
        return Seen(
            state=str(state),
            told=bool(told),
            pages=pages,
            attempts=attempts,
            closed=closed,
            contacts=contacts,
        )

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass(slots=True, kw_only=True)
class Ordeal:
    """One run whose devhost loses one of its processes again and again."""

    host: RunningHost
    victim: str
    watch: Watch
    whole: Whole
    told: list[str] = field(default_factory=list)
    """What happened when, for the one who has to understand a failure."""

    def strike(self, blows: Sequence[Blow]) -> None:
        """Let the blows fall, each once its point has come and the process works again.

        The run may be over before all have fallen: ``told`` has as many as did.
        """
        pending = list(blows)
        begun = time.monotonic()
        away = 0.0
        while pending:
            seen = self.watch.look()
            worked = time.monotonic() - begun - away
            if seen is None:
                continue
            if seen.ended:
                return
            blow = next((b for b in pending if b.due(seen, worked, self.whole)), None)
            if blow is None:
                time.sleep(0.005)
                continue
            pending.remove(blow)
            self.told.append(
                f"at {worked:.2f} s of work ({blow.measure} {blow.share}): {self.victim} killed,"
                f" {seen.pages} pages, {seen.contacts} contacts, {seen.closed} closed"
            )
            away += self._kill()

    def _kill(self) -> float:
        """Kill it, and wait until work goes on; answers how long that took."""
        at = time.monotonic()
        pid = self._pid()
        os.kill(pid, signal.SIGKILL)
        while self._pid() == pid:
            self._wait(at, "it was not started again")
        since: Seen | None = None
        while True:
            seen = self.watch.look()
            since = since or seen
            if seen and since and (seen.ended or seen.attempts > since.attempts):
                self.told[-1] += f"; back after {time.monotonic() - at:.1f} s"
                return time.monotonic() - at
            self._wait(at, f"no work was begun anew: {seen}")

    def _wait(self, since: float, what: str) -> None:
        assert time.monotonic() - since < _BACK_SECONDS, (what, self.told)
        time.sleep(0.01)

    def _pid(self) -> int:
        path = self.host.folder / "devhost.json"
        while True:
            try:
                processes = json.loads(path.read_text())["processes"]
            except ValueError:  # it is just being written
                continue
            return int(cast("dict[str, int]", processes)[self.victim])
