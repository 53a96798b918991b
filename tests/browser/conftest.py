"""A running devhost and a headless Chromium for the browser tests."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from benchmarks.mapping.generate import generate
from support.browser import ADMIN, BROWSERS, CHROMIUM, Visitor
from support.program import Program
from support.running import RunningHost, running_devhost
from support.simulator import Simulator

Visit = Callable[..., Visitor]

LISTEN = """
window.said = [];
document.addEventListener("DOMContentLoaded", () => {
  const listen = () => {
    const region = document.getElementById("entra-live");
    const text = region && region.textContent;
    if (text && text !== window.said.at(-1)) window.said.push(text);
  };
  new MutationObserver(listen).observe(document.body,
    {childList: true, characterData: true, subtree: true});
});
"""
"""Keeps what the live region says, as a screen reader would hear it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """What the wizard showed when the first MSP was set up."""

    said_in_discovery: tuple[str, ...]
    said_in_sync: tuple[str, ...]
    counts: dict[str, int]
    customers: int
    complaints: tuple[str, ...]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder drives a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    """One devhost for each module; its first MSP is set up once, by the fixture that says so."""
    with running_devhost() as running:
        yield running


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """A devhost with 300 customers of all kinds, discovered; nothing is decided."""
    folder = tmp_path_factory.mktemp("crowd")
    generate(tenants=300, clients=700).write(folder)
    with running_devhost(seed=str(folder)) as running:
        facts = running.facts["simulator"]
        assert isinstance(facts, dict)
        with Program(running.base_url, ADMIN) as program:
            program.connect(Simulator.of(facts))
            program.discover()
        yield running


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """The driver."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One Chromium for each module."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail("no Chromium on PATH; python3 dev.py test installs one, or says how")
    with playwright.chromium.launch(executable_path=path, args=CHROMIUM) as running:
        yield running


@pytest.fixture
def visit(browser: Browser, host: RunningHost) -> Iterator[Visit]:
    """Open the host as somebody; whatever the pages complained of fails the test."""
    visitors: list[Visitor] = []
    with ExitStack() as stack:

        def open_as(login: str | None = None, **options: object) -> Visitor:
            context = stack.enter_context(browser.new_context(**options))  # type: ignore[arg-type]
            visitor = Visitor(context.new_page(), host.base_url)
            visitors.append(visitor)
            if login is not None:
                visitor.be(login)
            return visitor

        yield open_as
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    assert complaints == []


@pytest.fixture(scope="module")
def set_up(browser: Browser, host: RunningHost) -> SetUp:
    """The first MSP, brought through the whole wizard by mouse; and what was said meanwhile."""
    with browser.new_context() as context:
        visitor = Visitor(context.new_page(), host.base_url)
        visitor.page.add_init_script(LISTEN)
        visitor.sign_in(ADMIN)
        visitor.go("/settings")
        visitor.page.get_by_role("link", name="Microsoft Entra", exact=True).click()
        visitor.connect()
        visitor.link("Continue to Discover").click()
        slow = {"match": "organization", "delayMs": 4000}  # longer than the page waits to ask again
        host.control("/faults", {"faults": [slow]})
        visitor.discover()
        said = visitor.page.evaluate("window.said")
        host.control("/faults", {"faults": []})
        visitor.link("Continue to Map").click()
        visitor.button("Accept all").click()
        visitor.page.get_by_text("The decisions are in force").wait_for()
        visitor.page.get_by_label("Decision for 銀杏株式会社").select_option(label="Ginkgo K.K.")
        visitor.page.get_by_label("Decision for Harborview Clinic").select_option("create_new")
        visitor.page.get_by_label("Start the first sync").check()
        host.control("/faults", {"faults": [{"match": "^GET ", "delayMs": 300}]})
        visitor.button("Confirm decisions").click()
        visitor.wait_for_result()
        host.control("/faults", {"faults": []})
        counts = {
            label: int(number.replace(",", ""))
            for number, label in (
                item.split("\n")
                for item in visitor.page.locator(".entra-tally > li").all_inner_texts()
            )
        }
        customers = visitor.page.locator("tbody tr").count()
        return SetUp(
            said_in_discovery=tuple(said),
            said_in_sync=tuple(visitor.page.evaluate("window.said"))[len(said) :],
            counts=counts,
            customers=customers,
            complaints=tuple(visitor.complaints),
        )
