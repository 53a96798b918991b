"""A person at a browser: what the pages complain of, and what people do on them."""

import json
import re
from functools import cache
from importlib.resources import files

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ADMIN, TECHNICIAN, PORTAL = (f"{who}@northwind.example" for who in ("admin", "tech", "portal"))
OTHER_ADMIN, OTHER_TECHNICIAN = (f"{who}@southwind.example" for who in ("admin", "tech"))
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
PATIENCE = 60_000
"""Milliseconds. A test says what comes, not how soon: others have the processors as well."""

expect.set_options(timeout=PATIENCE)

_WATCH = """
document.addEventListener("securitypolicyviolation",
    (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
"""


class Visitor:
    """A page and the person before it."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self.base_url = base_url
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.add_init_script(_WATCH)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        """Keep errors and warnings of our own pages; a refused address is the test's business."""
        if message.type not in {"error", "warning"} or not self.page.url.startswith(self.base_url):
            return
        if message.location["url"] == self.page.url and "Failed to load" in message.text:
            return
        self.complaints.append(f"{self.page.url}: {message.text}")

    def go(self, path: str) -> int:
        """Open an address of the host; answers the status."""
        response = self.page.goto(self.base_url + path)
        assert response is not None
        self.page.wait_for_load_state("networkidle")
        return response.status

    def sign_in(self, login: str) -> None:
        """Choose an account on the sign-in page."""
        self.go("/sign-in")
        self.page.locator(f"button[value='{login}']").click()

    def be(self, login: str) -> None:
        """Be signed in, as a program is: without a page that would have to be waited for."""
        session = self.page.request.post(f"{self.base_url}/session", data={"login": login})
        assert session.ok, session.text()

    def step(self, name: str) -> None:
        """Open a step of the wizard."""
        assert self.go(f"/integrations/entra/setup?step={name}") == 200

    def button(self, name: str) -> Locator:
        """A button by the start of its words."""
        return self.page.get_by_role("button", name=re.compile(f"^{re.escape(name)}"))

    def link(self, name: str) -> Locator:
        """A link by its words."""
        return self.page.get_by_role("link", name=name)

    def connect(self, account: int = 0) -> None:
        """Go through Microsoft's sign-in as the n-th partner's account."""
        self.page.wait_for_load_state("networkidle")
        self.button("Sign in with Microsoft").click()
        self.page.wait_for_url(re.compile("/authorize"))
        self.page.locator("button[name=partner]").nth(account).click()
        self.page.wait_for_url(re.compile("outcome="))

    def discover(self) -> None:
        """Find the managed tenants."""
        self.page.wait_for_load_state("networkidle")
        self.button("Discover").click()
        expect(self.page.locator("p", has_text="Finished, ")).to_be_visible()

    def wait_for_result(self) -> None:
        """Wait until the sync that runs has ended."""
        result = self.page.get_by_role("heading", name="Result")
        expect(result).to_be_visible()

    def tab_to(self, target: Locator, presses: int = 60) -> None:
        """Press the Tab key until the element has the focus."""
        for _ in range(presses):
            self.page.keyboard.press("Tab")
            if target.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"the Tab key does not reach {target}")

    def violations(self) -> list[str]:
        """What axe-core finds against WCAG A and AA, once nothing moves any more."""
        self.page.evaluate(
            "() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {})))"
        )
        self.page.evaluate(axe_script())
        options = json.dumps({"runOnly": {"type": "tag", "values": list(WCAG)}})
        found = self.page.evaluate(f"axe.run(document, {options}).then((r) => r.violations)")
        return [
            f"{self.page.url} {rule['id']}: {node['html'][:200]} {node['failureSummary']}"
            for rule in found
            for node in rule["nodes"]
        ]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(script))


@cache
def axe_script() -> str:
    """axe-core, as the package carries it."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
