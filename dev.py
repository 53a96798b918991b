#!/usr/bin/env python3
"""The newcomer's commands. Each does its own set-up; only the standard library is needed to begin.

python3 dev.py up          run everything: database, Temporal, simulator, worker, pages
python3 dev.py test        run all tests, side by side (--long: also those that take hours;
                           --sdk: only those with Microsoft's Graph client); further words go
                           to pytest, which then runs what they say in one process
python3 dev.py lint        ruff, mypy, import-linter
python3 dev.py bench       the benchmarks (--dlt: beside a generic loader)
python3 dev.py screenshots pictures of the pages, for the documentation
python3 dev.py setup       only the set-up
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
SDK_VENV = ROOT / ".venv-sdk"
DLT_VENV = ROOT / ".venv-dlt"
NO_TESTS = 5
"""pytest's exit code when nothing was selected."""

WORKERS = 3
"""Tests run side by side on two processors: they wait more than they compute."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> int:
    """Do what the first word says."""
    if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever python3 is there
        return stop("Python 3.11 or newer is needed; this is " + sys.version.split()[0])
    command, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("--help", [])
    commands: dict[str, Callable[[], int]] = {
        "setup": lambda: 0,
        "up": lambda: run_in_place("-m", "devhost", "up", *rest),
        "test": lambda: test(rest),
        "lint": lint,
        "bench": lambda: bench(rest),
        "screenshots": lambda: screenshots(rest),
    }
    if command not in commands:
        print(__doc__)
        return 0 if command in {"-h", "--help", "help"} else 2
    os.chdir(ROOT)
    set_up(VENV, ROOT / "requirements.lock")
    keep_compiled()
    return commands[command]()


def keep_compiled() -> None:
    """Let every process find compiled what an earlier one compiled.

    Beside the sources nothing is written, so that this holds where Python was told not to, too.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(VENV / "pycache"))


def set_up(venv: Path, lock: Path) -> None:
    """Make the environment and bring it to the lock file, if it is not there yet."""
    begun = time.monotonic()
    stamp = venv / "lock.sha256"
    wanted = hashlib.sha256(lock.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"setting up {venv.name} (the first time takes a minute)", flush=True)
    uv = ensure_uv()
    if not (venv / "bin" / "python").exists():
        call(uv, "venv", "--quiet", "--python", sys.executable, str(venv))
    environment = {"VIRTUAL_ENV": str(venv)}
    sync = (uv, "pip", "sync", "--quiet", "--require-hashes", str(lock))
    if call(*sync, env=environment, check=False) != 0:
        print("trying again with the certificates of the system", flush=True)
        call(*sync, "--system-certs", env=environment)
    if venv == VENV:
        call(
            *(uv, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "-e", "."),
            env=environment,
        )
    stamp.write_text(wanted)
    print(f"installed in {time.monotonic() - begun:.1f} s", flush=True)


def ensure_uv() -> str:
    """The uv in the main environment; the lock file keeps it there."""
    uv, python = VENV / "bin" / "uv", VENV / "bin" / "python"
    if uv.exists():
        return str(uv)
    if not python.exists():
        make_environment()
    probe = subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True)
    if probe.returncode != 0:
        call(str(python), "-m", "ensurepip", "--upgrade")
    call(str(python), "-m", "pip", "install", "--quiet", "uv")
    return str(uv)


def make_environment() -> None:
    """A virtual environment with pip; Debian keeps the module for that in a package of its own."""
    command = [sys.executable, "-m", "venv", str(VENV)]
    if subprocess.run(command, capture_output=True).returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if not can_install():
        sys.exit(stop(f"virtual environments are not installed; type: apt install {package}"))
    apt_install(package)
    call(*command)


def test(options: list[str]) -> int:
    """Run the tests; the browser tests need a Chromium."""
    if "--sdk" in options:
        return test_sdk([o for o in options if o != "--sdk"])
    long = "--long" in options
    rest = [option for option in options if option != "--long"]
    ensure_browser()
    # A part of the suite asks for a part of what the plugin reads, and has no use for workers.
    conformance = "conformance and not whole" if rest else "conformance"
    marks = "not sdk and not conformance" + ("" if long else " and not long")
    with tempfile.TemporaryDirectory(prefix="entra-requests-") as log:
        os.environ["ENTRA_TEST_REQUEST_LOG"] = log
        codes = [
            run("-m", "pytest", "-m", marks, *(rest or side_by_side())),
            run("-m", "pytest", "-m", conformance, "tests/contract/test_conformance.py"),
        ]
    if long and not any(codes):
        codes.append(test_sdk([]))
    return max((code for code in codes if code != NO_TESTS), default=NO_TESTS)


def side_by_side() -> tuple[str, ...]:
    """The whole suite: each module goes to a worker that is free, in the order of conftest.py."""
    workers = max(WORKERS, (os.cpu_count() or 1) * WORKERS // 2)
    return ("-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder")


def test_sdk(options: list[str]) -> int:
    """Read the simulator with Microsoft's own client, in an environment of its own (250 MB)."""
    set_up(SDK_VENV, ROOT / "requirements-sdk.lock")
    python = str(SDK_VENV / "bin" / "python")
    # The fixtures above this folder need servers that this environment does not have.
    own = ("-m", "pytest", "-m", "sdk", "--confcutdir", "tests/sdk", "tests/sdk")
    return call(python, *own, *options, check=False)


def lint() -> int:
    """All of them, even when the first one finds something."""
    codes = [
        run("-m", "ruff", "check", "."),
        run("-m", "ruff", "format", "--check", "."),
        run("-m", "mypy"),
        call(str(VENV / "bin" / "lint-imports"), check=False),
    ]
    return max(codes)


def bench(options: list[str]) -> int:
    """Measure; a generic loader to measure beside ours has an environment of its own (220 MB)."""
    if "--dlt" in options:
        set_up(DLT_VENV, ROOT / "requirements-dlt.lock")
    return run_in_place("-m", "benchmarks", *options)


def screenshots(options: list[str]) -> int:
    """Take pictures of the running pages."""
    ensure_browser()
    return run("-m", "docs.screenshots", *options)


def ensure_browser() -> None:
    """The Chromium on PATH; as root on Debian, install one."""
    if any(shutil.which(name) for name in BROWSERS):
        return
    if not can_install():
        sys.exit(stop("the browser tests need Chromium; type: apt install chromium"))
    print("installing Chromium for the browser tests", flush=True)
    apt_install("chromium", "fonts-liberation")


def can_install() -> bool:
    """True as root on Debian and its relatives."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(*packages: str) -> None:
    """Install Debian packages."""
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    call("apt-get", "update", "-qq", env=environment)
    call(
        *("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages),
        env=environment,
    )


def run(*arguments: str) -> int:
    """Run the environment's Python."""
    return call(str(VENV / "bin" / "python"), *arguments, check=False)


def run_in_place(*arguments: str) -> int:
    """Become the environment's Python, so that signals and pids are the program's own."""
    sys.stdout.flush()
    python = str(VENV / "bin" / "python")
    os.execv(python, [python, *arguments])


def call(*command: str, env: dict[str, str] | None = None, check: bool = True) -> int:
    """Run a command without standard input; with ``check``, a failure ends the program."""
    done = subprocess.run(command, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL)
    if check and done.returncode != 0:
        sys.exit(stop(f"failed: {' '.join(command)}"))
    return done.returncode


def stop(sentence: str) -> int:
    """Say why, and answer the exit code."""
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
