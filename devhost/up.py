"""``dev.py up``: the whole platform with one command, until Ctrl-C."""

import argparse
import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from urllib.parse import urlsplit

import httpx

from devhost import settings as settings_file
from devhost.processes.ports import free_port, hold_port, port_is_free
from devhost.processes.supervisor import ChildSpec, Supervisor
from devhost.seeds import load_seed
from devhost.servers import postgres, temporal
from devhost.servers.postgres import Urls
from devhost.settings import Settings, write_private

TASK_QUEUE = "psa"
_PORT = 8080
_READY_SECONDS = 90
_ENDPOINTS = {
    "--microsoft-login-base-url": "MICROSOFT_LOGIN_BASE_URL",
    "--microsoft-graph-base-url": "MICROSOFT_GRAPH_BASE_URL",
    "--ca-file": "ENTRA_CA_FILE",
    "--cipp-allowed-hosts": "ENTRA_CIPP_ALLOWED_HOSTS",
}
_CREDENTIALS = ("MICROSOFT_CLIENT_ID", "MICROSOFT_CLIENT_SECRET", "MICROSOFT_TENANT_ID")


class CannotStart(Exception):
    """What went wrong, in a sentence for the person who started it."""


@dataclass(slots=True)
class Startup:
    """Everything that a start finds out on its way."""

    options: argparse.Namespace
    folder: Path
    supervisor: Supervisor
    begun: float
    urls: Urls | None = None
    temporal_address: str = ""
    temporal_ui: str | None = None
    settings: Settings | None = None
    simulator: Mapping[str, object] | None = None
    held: socket | None = None
    """Keeps the port of the pages; see `hold_port`."""

    def say(self, line: str) -> None:
        """Tell the person, with the seconds since the start."""
        print(f"[{time.monotonic() - self.begun:5.1f} s] {line}", flush=True)  # noqa: T201


async def run(options: argparse.Namespace, folder: Path) -> int:
    """Start everything in ``folder``, and keep it running until a signal comes."""
    begun = time.monotonic()
    startup: Startup

    async def changed() -> None:
        _write_description(startup)

    def say(line: str) -> None:
        startup.say(line)

    startup = Startup(options, folder, Supervisor(folder, say, changed), begun)
    stop = asyncio.Event()
    for sig in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    starting = asyncio.create_task(_start(startup))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            return 130
        await starting
        await stopping
    except CannotStart as error:
        startup.say(f"cannot start: {error}")
        return 1
    finally:
        startup.say("stopping")
        await startup.supervisor.stop()
    return 0


async def _start(startup: Startup) -> None:
    startup.supervisor.sweep()
    port = _choose_port(startup)
    base_url = f"http://127.0.0.1:{port}"
    startup.say(f"data in {startup.folder}")
    await asyncio.gather(
        _start_postgres(startup), _start_temporal(startup), _start_simulator(startup, base_url)
    )
    _make_settings(startup, port, base_url)
    await _migrate(startup)
    environment = _environment(startup)
    for name in ("web", "worker"):
        argv = (sys.executable, "-m", f"devhost.{name}")
        await startup.supervisor.start(ChildSpec(name=name, argv=argv, environment=environment))
    _write_description(startup)
    await _wait_for_web(startup, base_url)
    await _wait_for_worker(startup)
    _write_description(startup)
    if startup.temporal_ui:
        startup.say(f"Temporal's own pages: {startup.temporal_ui}")
    startup.say(f"started in {time.monotonic() - startup.begun:.1f} s")
    print(f"ready {base_url}", flush=True)  # noqa: T201


def _choose_port(startup: Startup) -> int:
    """The port of the pages, which is theirs from now on, also while their process is away."""
    asked = startup.options.port
    port = asked or (_PORT if port_is_free(_PORT) else free_port())
    try:
        startup.held = hold_port(port)
    except OSError as error:
        if asked is None:
            raise CannotStart(f"port {port} was taken just now; start again") from error
        raise CannotStart(f"port {port} is taken; give another one with --port") from error
    return port


async def _start_postgres(startup: Startup) -> None:
    if startup.options.database:
        startup.urls = postgres.external(startup.options.database, startup.folder)
        startup.say("PostgreSQL: the server of --database")
    else:
        command = await asyncio.to_thread(postgres.prepare, startup.folder)
        startup.urls = command.urls
        await startup.supervisor.start(
            ChildSpec(
                name="postgres",
                argv=command.argv,
                environment=command.environment,
                user=command.user,
                group=postgres.group_of(command.user),
                stop_signal=signal.SIGINT,
            )
        )
        startup.say("PostgreSQL starting")
    try:
        await asyncio.to_thread(postgres.wait_until_ready, startup.urls)
        await asyncio.to_thread(postgres.ensure_roles, startup.urls)
    except TimeoutError as error:
        raise CannotStart("PostgreSQL did not answer; see logs/postgres.log") from error
    startup.say("PostgreSQL ready")


async def _start_temporal(startup: Startup) -> None:
    if startup.options.temporal:
        startup.temporal_address = startup.options.temporal
        startup.say(f"Temporal: {startup.temporal_address}")
        return
    known = startup.folder / "temporal.json"
    ports = json.loads(known.read_text()) if known.exists() else {}
    if not ports or not all(port_is_free(p) for p in ports.values()):
        ports = {"port": free_port(), "ui_port": free_port()}
        known.write_text(json.dumps(ports))
    command = temporal.prepare(startup.folder / "temporal", **ports)
    startup.temporal_address = command.address
    startup.temporal_ui = command.ui_url
    await startup.supervisor.start(ChildSpec(name="temporal", argv=command.argv))
    await _wait_for_port(command.address)
    startup.say("Temporal ready")


async def _start_simulator(startup: Startup, base_url: str) -> None:
    if startup.options.no_simulator:
        startup.say("no simulator; Microsoft is where the environment says")
        return
    folder = startup.folder / "simulator"
    description = folder / "simulator.json"
    description.unlink(missing_ok=True)
    argv = (
        *(sys.executable, "-m", "devhost.simulator", "--data-dir", str(folder)),
        *("--seed", startup.options.seed, "--redirect-origin", base_url),
    )
    await startup.supervisor.start(ChildSpec(name="simulator", argv=argv))
    startup.say("simulator of Microsoft starting")
    deadline = time.monotonic() + _READY_SECONDS
    while not description.exists():
        if not startup.supervisor.alive("simulator") or time.monotonic() > deadline:
            raise CannotStart("the simulator ended:\n" + startup.supervisor.log_tail("simulator"))
        await asyncio.sleep(0.05)
    startup.simulator = json.loads(description.read_text())
    startup.say("simulator ready")


def _make_settings(startup: Startup, port: int, base_url: str) -> None:
    path = startup.folder / "settings.json"
    key = secrets.token_urlsafe(32)
    if path.exists():
        key = json.loads(path.read_text())["master_api_key"]
    urls = startup.urls
    if urls is None:
        raise CannotStart("there is no database")
    startup.settings = Settings(
        data_dir=str(startup.folder),
        base_url=base_url,
        port=port,
        edition=startup.options.edition,
        seed=startup.options.seed,
        owner_url=urls.owner,
        app_url=urls.app,
        app_role=postgres.APP_ROLE,
        temporal_address=startup.temporal_address,
        task_queue=TASK_QUEUE,
        master_api_key=key,
        simulator=startup.simulator,
    )
    settings_file.save(startup.settings, path)


async def _migrate(startup: Startup) -> None:
    startup.say("bringing the database up to date")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "devhost.migrate"),
        env={**os.environ, **_environment(startup)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        tail = "\n".join(output.decode(errors="replace").splitlines()[-15:])
        raise CannotStart(f"the migrations failed:\n{tail}")
    startup.say("database ready")


def _environment(startup: Startup) -> dict[str, str]:
    """What web, worker and migrations get; what the operator set himself wins."""
    environment = {
        "DEVHOST_SETTINGS": str(startup.folder / "settings.json"),
        "NEXT_PUBLIC_EDITION": startup.options.edition,
    }
    told = _told(startup.options)
    if startup.simulator is not None and not any(name.endswith("_BASE_URL") for name in told):
        environment |= _stand_in(startup.simulator)
    return environment | told


def _stand_in(simulator: Mapping[str, object]) -> dict[str, str]:
    """What points the plugins at the simulator."""
    keys = {
        "MICROSOFT_LOGIN_BASE_URL": "signInUrl",
        "MICROSOFT_GRAPH_BASE_URL": "graphUrl",
        "ENTRA_CA_FILE": "caFile",
        "MICROSOFT_CLIENT_ID": "clientId",
        "MICROSOFT_CLIENT_SECRET": "clientSecret",
    }
    # The simulated CIPP is on the loopback interface, where a plugin may refuse to go unless told.
    host = urlsplit(str(simulator["cippUrl"])).hostname or ""
    return {
        **{name: str(simulator[key]) for name, key in keys.items()},
        "ENTRA_CIPP_ALLOWED_HOSTS": host,
    }


def _told(options: argparse.Namespace) -> dict[str, str]:
    """What the operator says of Microsoft, in options or else in the environment."""
    said = {name: getattr(options, name.lower()) for name in _ENDPOINTS.values()}
    names = (*_ENDPOINTS.values(), *_CREDENTIALS)
    inherited = {name: os.environ[name] for name in names if os.environ.get(name)}
    return inherited | {name: value for name, value in said.items() if value}


async def _wait_for_web(startup: Startup, base_url: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                answer = await client.get(f"{base_url}/health")
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code == httpx.codes.OK:
                break
            if time.monotonic() > deadline:
                raise CannotStart("the web process:\n" + startup.supervisor.log_tail("web"))
            await asyncio.sleep(0.1)
    for problem in answer.json()["problems"]:
        startup.say(f"a plugin has a problem: {problem}; see logs/web.log")
    startup.say(f"web ready, plugins: {', '.join(answer.json()['plugins']) or 'none'}")


async def _wait_for_worker(startup: Startup) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while "worker ready" not in startup.supervisor.log_tail("worker", lines=40) and (
        "contributes" not in startup.supervisor.log_tail("worker", lines=40)
    ):
        if time.monotonic() > deadline:
            raise CannotStart("the worker:\n" + startup.supervisor.log_tail("worker"))
        await asyncio.sleep(0.1)
    startup.say("worker ready")


async def _wait_for_port(address: str) -> None:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            if time.monotonic() > deadline:
                raise CannotStart(f"nothing answers at {address}") from None
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _write_description(startup: Startup) -> None:
    """``devhost.json``: what runs where, for programs."""
    settings, urls = startup.settings, startup.urls
    if settings is None or urls is None:
        return
    simulator = dict(startup.simulator or {})
    document = {
        "baseUrl": settings.base_url,
        "databaseUrl": urls.app,
        "adminDatabaseUrl": urls.admin.rpartition("/")[0] + "/" + urls.app.rpartition("/")[2],
        "temporalAddress": settings.temporal_address,
        "masterApiKey": settings.master_api_key,
        "processes": startup.supervisor.pids(),
        "simulator": simulator or None,
        "tenants": [
            {
                "id": str(msp.tenant_id),
                "name": msp.name,
                "users": [
                    {"login": u.login, "type": u.type, "permissions": list(u.permissions)}
                    for u in msp.users
                ],
            }
            for msp in load_seed("none").msps
        ],
    }
    write_private(startup.folder / "devhost.json", json.dumps(document, indent=1))


def main(arguments: list[str]) -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="dev.py up", description=__doc__)
    parser.add_argument("--data-dir", default=".dev", help="where everything is kept")
    parser.add_argument("--port", type=int, help=f"of the pages; {_PORT}, or a free one")
    parser.add_argument("--seed", default="demo", help="demo, msp, none, or a folder")
    parser.add_argument("--edition", choices=["enterprise", "community"], default="enterprise")
    parser.add_argument("--temporal", metavar="ADDRESS", help="use this Temporal service")
    parser.add_argument("--database", metavar="URL", help="use this PostgreSQL server (admin role)")
    parser.add_argument("--no-simulator", action="store_true", help="no stand-in for Microsoft")
    for option, name in _ENDPOINTS.items():
        parser.add_argument(option, dest=name.lower(), help=f"in place of {name}")
    options = parser.parse_args(arguments)
    folder = Path(options.data_dir).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(run(options, folder))
