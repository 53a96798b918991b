"""Pictures of the pages for the documentation, taken on a walk through the set-up wizard.

``python3 dev.py screenshots [--out FOLDER]``: starts a devhost of its own in a temporary folder,
and needs a Chromium on PATH.
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, expect, sync_playwright

from devhost.processes.ports import free_port
from devhost.processes.tether import die_with_parent

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WIDTH, HEIGHT, TALLEST = 1100, 680, 1000
LARGEST = 150_000
"""Bytes of a picture."""
PATIENCE = 60_000
"""Milliseconds for what a workflow does."""


def main() -> int:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description="Take pictures of the pages.")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        sys.exit("a Chromium is needed on PATH")
    with (
        running() as base_url,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=ARGUMENTS) as browser,
    ):
        Walk(browser, base_url, folder).all_steps()
    return 0


class Walk:
    """A newcomer's way from the sign-in to a contact, with a camera."""

    def __init__(self, browser: Browser, base_url: str, folder: Path) -> None:
        context = browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce"
        )
        self._page: Page = context.new_page()
        self._base_url = base_url
        self._folder = folder

    def all_steps(self) -> None:
        """Walk and take the pictures."""
        page = self._page
        page.goto(f"{self._base_url}/sign-in")
        page.locator("button[value='admin@northwind.example']").click()
        self._connect()
        self._discover()
        self._connection()
        self._map()
        self._sync()
        self._review()
        self._contact()

    def _connect(self) -> None:
        page = self._page
        page.goto(f"{self._base_url}/integrations/entra/setup")
        page.wait_for_load_state("networkidle")
        self._picture("connect")
        page.get_by_role("button", name="Sign in with Microsoft").click()
        page.wait_for_url(re.compile("/authorize"))
        page.locator("button[name=partner]").first.click()
        page.wait_for_url(re.compile("outcome=connected"))

    def _discover(self) -> None:
        page = self._page
        page.get_by_role("link", name="Continue to Discover").click()
        page.wait_for_load_state("networkidle")
        page.get_by_role("button", name="Discover managed tenants").click()
        expect(page.locator("p", has_text="Finished, ")).to_be_visible(timeout=PATIENCE)
        self._picture("discover")

    def _connection(self) -> None:
        page = self._page
        page.goto(f"{self._base_url}/integrations/entra/connection")
        page.wait_for_load_state("networkidle")
        page.get_by_role("button", name="Check the whole chain").click()
        expect(page.get_by_role("button", name="Check again")).to_be_visible(timeout=PATIENCE)
        self._picture("connection", top=".entra-step:has(#entra-chain-title)")
        page.goto(f"{self._base_url}/integrations/entra/setup?step=discover")
        page.wait_for_load_state("networkidle")

    def _map(self) -> None:
        page = self._page
        page.get_by_role("link", name="Continue to Map").click()
        expect(page.get_by_role("heading", name="Map tenants to clients")).to_be_visible()
        self._picture("map")
        self._clients()
        page.get_by_label("Decision for 銀杏株式会社").select_option(label="Ginkgo K.K.")
        page.get_by_label("Decision for Harborview Clinic").select_option("create_new")
        page.get_by_label("Start the first sync").check()
        page.get_by_role("button", name="Confirm decisions").click()

    def _clients(self) -> None:
        page = self._page
        page.goto(f"{self._base_url}/integrations/entra/clients?list=needs_review&q=t")
        page.wait_for_load_state("networkidle")
        for key in ("j", "1", "j"):
            page.keyboard.press(key)
        self._picture("clients", top=".entra-step")
        for key in ("k", "u"):
            page.keyboard.press(key)
        page.goto(f"{self._base_url}/integrations/entra/setup?step=map")
        page.wait_for_load_state("networkidle")

    def _sync(self) -> None:
        page = self._page
        expect(page.get_by_role("heading", name="Result")).to_be_visible(timeout=PATIENCE)
        page.goto(f"{self._base_url}/integrations/entra/setup?step=sync")
        self._picture("sync")
        self._picture("sync-dark", scheme="dark")

    def _review(self) -> None:
        page = self._page
        page.goto(f"{self._base_url}/integrations/entra/review")
        page.wait_for_load_state("networkidle")
        page.get_by_role("link", name="Felix Fischer").click()
        expect(page.get_by_role("heading", name="Both sides")).to_be_visible()
        self._picture("review", top=".entra-step:has(#entra-sides)")

    def _contact(self) -> None:
        page = self._page
        page.goto(f"{self._base_url}/contacts?q=anna.abbott@alpinedental.example")
        page.get_by_role("link", name="Anna Abbott").click()
        expect(page.get_by_text("Linked because")).to_be_visible()
        self._picture("contact")

    def _picture(
        self, name: str, *, scheme: Literal["light", "dark"] = "light", top: str = "body"
    ) -> None:
        """One PNG from ``top`` on, as high as the page but not endlessly so, nor too many bytes."""
        page = self._page
        page.emulate_media(color_scheme=scheme)
        wanted = int(page.evaluate("document.documentElement.scrollHeight"))
        page.mouse.move(0, 0)
        page.set_viewport_size({"width": WIDTH, "height": max(HEIGHT, min(wanted, TALLEST))})
        page.locator(top).evaluate("element => element.scrollIntoView()")
        path = self._folder / f"{name}.png"
        page.screenshot(path=path)
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        page.emulate_media(color_scheme="light")
        size = path.stat().st_size
        if size > LARGEST:
            sys.exit(f"{path} has {size:,} bytes, more than {LARGEST:,}")
        sys.stdout.write(f"{path} {size:,} bytes\n")


@contextmanager
def running() -> Iterator[str]:
    """A devhost of our own; answers its address."""
    with tempfile.TemporaryDirectory(prefix="psa-pictures-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        argv = [sys.executable, "-m", "devhost", "up", "--data-dir", folder]
        argv += ["--port", str(free_port())]
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent(),
        )
        try:
            yield _ready(process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def _ready(process: "subprocess.Popen[str]") -> str:
    """Read what the devhost says until it is ready."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready "):
            return line.removeprefix("ready ").strip()
    sys.exit("the devhost ended before it was ready")


if __name__ == "__main__":
    sys.exit(main())
