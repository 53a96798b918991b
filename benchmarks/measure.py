"""Runs the scenarios: each repeat on a fresh database, floors and engine in turn."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks import floor
from benchmarks.child import Child, Report
from benchmarks.composed import TENANT, prepare, settings, tokens
from benchmarks.counters import Counters, Counts
from benchmarks.peer import Peer
from benchmarks.people import MEASURED, WARM_UP, few, write_seed
from devhost import settings as settings_file
from devhost.processes.tether import die_with_parent
from devhost.servers.postgres import Urls, libpq
from devhost.servers.running import fresh_database
from devhost.settings import Settings
from devhost.simulator.running import Simulator, running_simulator

FIRST = "first sync"
AGAIN = "unchanged sync"
DELTA = "unchanged sync, by delta"
CHANGED = "1 % changed and 1 % disabled"
CHANGED_DELTA = "1 % changed and 1 % disabled, by delta"
FLOOR_FIRST = "floor of a first sync"
FLOOR_AGAIN = "floor of an unchanged sync"
WHOLE_FIRST = "first sync, whole run"
WHOLE_AGAIN = "unchanged sync, whole run"

_LATENCY = {"faults": [{"match": "GET /v1.0/users", "delayMs": 100}]}
_OTHER_CLIENTS = 50

_OTHERS = """
    INSERT INTO psa_clients (tenant_id, id, name)
    SELECT %(tenant)s, gen_random_uuid(), 'Other client ' || n
    FROM generate_series(1, %(clients)s) n
"""
_OTHER_CONTACTS = """
    WITH client AS (
        SELECT id, row_number() OVER () - 1 AS number FROM psa_clients
        WHERE tenant_id = %(tenant)s AND name ^@ 'Other client ')
    INSERT INTO psa_contacts (tenant_id, id, client_id, full_name, name_key, email, email_key,
        email_domain)
    SELECT %(tenant)s, gen_random_uuid(), c.id, 'Person ' || n, 'person ' || n,
        'person' || n || '@other' || c.number || '.example',
        'person' || n || '@other' || c.number || '.example', 'other' || c.number || '.example'
    FROM generate_series(1, %(contacts)s) n JOIN client c ON c.number = n %% %(clients)s
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measured run."""

    report: Report
    counts: Counts | None


@dataclass(slots=True, kw_only=True)
class Measured:
    """All samples of one directory, by scenario."""

    users: int
    samples: defaultdict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))


class Bench:
    """Everything that is measured on one directory of a given size."""

    def __init__(
        self, server: Urls, users: int, *, repeat: int, temporal: str | None, peer: bool = False
    ) -> None:
        self._server = server
        self._repeat = repeat
        self._temporal = temporal or "127.0.0.1:1"
        self._whole = temporal is not None
        self._peer = peer
        self._result = Measured(users=users)

    def run(self, *, others: int = 0, latency: bool = False) -> Measured:
        """Measure all scenarios; ``others`` adds the one beside other clients' contacts."""
        with tempfile.TemporaryDirectory(prefix="psa-bench-") as name, ExitStack() as stack:
            folder = Path(name)
            write_seed(folder / "seed", self._result.users)
            simulator = stack.enter_context(running_simulator(str(folder / "seed")))
            environment = {**simulator.environment, "NEXT_PUBLIC_EDITION": "enterprise"}
            environment["DEVHOST_SETTINGS"] = str(folder / "settings.json")
            os.environ.update(environment)
            template = stack.enter_context(self._template(folder, simulator))
            self._plain(folder, template, simulator)
            if latency:
                simulator.control("/faults", _LATENCY)
                self._plain(folder, template, simulator, suffix=", 100 ms per page")
                simulator.control("/faults", {"faults": []})
            if self._whole:
                self._through_temporal(folder, template)
            if others:
                _add_others(self._server, template, others)
                self._plain(folder, template, simulator, suffix=f", {others:,} other contacts")
        return self._result

    @contextmanager
    def _template(self, folder: Path, simulator: Simulator) -> Iterator[str]:
        """A database that is ready for the first sync, to copy from."""
        with fresh_database(self._server) as urls:
            asyncio.run(prepare(self._settings(folder, urls), simulator))
            with psycopg.connect(libpq(urls.owner), autocommit=True) as connection:
                connection.execute(floor.TABLES)
            yield urls.app.rpartition("/")[2]

    def _settings(self, folder: Path, urls: Urls) -> Settings:
        return settings(
            urls, str(folder / "host"), seed=str(folder / "seed"), temporal=self._temporal
        )

    @contextmanager
    def _database(self, folder: Path, template: str) -> Iterator[Counters]:
        """A fresh copy, which the settings file names."""
        with fresh_database(self._server, template) as urls:
            settings_file.save(self._settings(folder, urls), folder / "settings.json")
            counters = Counters(urls)
            try:
                yield counters
            finally:
                counters.close()

    def _plain(
        self, folder: Path, template: str, simulator: Simulator, *, suffix: str = ""
    ) -> None:
        """First sync and unchanged sync, by the floor and by the engine."""
        with Child("benchmarks.engine") as engine, Child("benchmarks.floor") as least:
            for _ in range(self._repeat):
                with self._database(folder, template) as counters:
                    least.ask(do="open")
                    engine.ask(do="open")
                    self._note(FLOOR_FIRST + suffix, least.ask(do="first"))
                    self._counted(FIRST + suffix, engine, counters)
                    self._counted(AGAIN + suffix, engine, counters, full="yes")
                    self._note(FLOOR_AGAIN + suffix, least.ask(do="again"))
                    if not suffix:
                        self._counted(DELTA, engine, counters)
                        self._changed(engine, counters, simulator)
                        self._beside(counters)
                    engine.ask(do="close")
                    least.ask(do="close")

    def _counted(
        self, scenario: str, engine: Child, counters: Counters, *, full: str = "no"
    ) -> None:
        engine.ask(do="warm")
        before = counters.read()
        report = engine.ask(do="sync", full=full)
        self._note(scenario, report, counters.read().since(before))

    def _changed(self, engine: Child, counters: Counters, simulator: Simulator) -> None:
        """The same users as ever, but for a few: read as a whole, and by what changed."""
        simulator.control("/users", few(self._result.users, title="Changed", disabled=True))
        self._counted(CHANGED, engine, counters, full="yes")
        simulator.control("/users", few(self._result.users, title="Changed again", disabled=False))
        self._counted(CHANGED_DELTA, engine, counters)
        simulator.control("/reset", {})

    def _beside(self, counters: Counters) -> None:
        """The same users once more, by the peer."""
        if not self._peer:
            return
        token, warm_token = asyncio.run(tokens(settings_file.load(), MEASURED, WARM_UP))
        with closing(Peer()) as peer:
            for scenario, report in peer.measure(
                counters.urls, users=self._result.users, token=token, warm_token=warm_token
            ):
                self._note(scenario, report)

    def _through_temporal(self, folder: Path, template: str) -> None:
        """The same two runs, started at Temporal and carried out by a worker."""
        with Child("benchmarks.engine") as engine:
            for _ in range(self._repeat):
                with self._database(folder, template), _worker():
                    engine.ask(do="open", workflows="yes")
                    engine.ask(do="discover")
                    self._note(WHOLE_FIRST, engine.ask(do="whole"))
                    self._note(WHOLE_AGAIN, engine.ask(do="whole"))
                    engine.ask(do="close")

    def _note(self, scenario: str, report: Report, counts: Counts | None = None) -> None:
        self._result.samples[scenario].append(Sample(report=report, counts=counts))


@contextmanager
def _worker() -> Iterator[None]:
    """The devhost's worker, on the database that the settings file names."""
    process = subprocess.Popen(
        [sys.executable, "-m", "devhost.worker"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent(),
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _add_others(server: Urls, database: str, contacts: int) -> None:
    """Give the MSP other clients with contacts of their own, ``contacts`` in all."""
    address = libpq(server.owner).rpartition("/")[0] + f"/{database}"
    keys = {"tenant": TENANT, "clients": _OTHER_CLIENTS, "contacts": contacts}
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(_OTHERS, keys)
        connection.execute(_OTHER_CONTACTS, keys)
        connection.execute("ANALYZE psa_contacts")
