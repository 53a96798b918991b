"""The forms in which people decide about customers: what they accept, and what they keep."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from support.inside import Inside
from support.program import Program
from support.running import RunningHost
from support.simulator import Simulator

PAGES = "/integrations/entra"
ALPINE, BRIGHT, CEDAR = (f"e0000000-0000-4000-8000-{n:012d}" for n in (1, 2, 3))
ALPINE_CLIENT, BRIGHT_CLIENT, CEDAR_CLIENT = (
    f"c1000000-0000-4000-8000-{n:012d}" for n in (1, 2, 3)
)
WIZARD, PAGE = "/setup?step=map", "/clients?list=auto_matched"
ACCEPT = {WIZARD: "/setup/mappings/accept", PAGE: "/clients/accept"}

GONE = "UPDATE entra_managed_tenants SET gone_at = %s WHERE entra_tenant_id = %s"


class Desk:
    """A person before the pages."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def tenant(self, directory: str) -> str:
        """Our id of a directory."""
        found = self.program.items("/managed-tenants")
        return str(next(t["managedTenantId"] for t in found if t["entraTenantId"] == directory))

    def decided(self, directory: str) -> tuple[object, object] | None:
        """State and client of the decision in force."""
        key = self.tenant(directory)
        found = (m for m in self.program.items("/mappings") if m["managedTenantId"] == key)
        return next(((m["state"], m["clientId"]) for m in found), None)

    def decide(self, directory: str, **decision: str) -> None:
        """Decide by the API, as a colleague does."""
        body = {
            "version": self.program.get("/mappings/preview").data["version"],
            "decisions": [{"managedTenantId": self.tenant(directory), **decision}],
        }
        assert self.program.post("/mappings/confirm", body).status == httpx.codes.OK

    def see(self, path: str) -> str:
        """A page as it is shown now."""
        return self.program.http.get(PAGES + path).raise_for_status().text

    def send(self, path: str, **form: str) -> httpx.Response:
        """Send a form."""
        headers = {"X-CSRF-Token": self.program.csrf}
        return self.program.http.post(PAGES + path, data=form, headers=headers)

    def accept(self, page: str, seen: str) -> httpx.Response:
        """Press the button that accepts all exact matches, on the page that was seen."""
        (pairs,) = re.findall(r'"exact": "([^"]*)"', seen)
        return self.send(ACCEPT[page], version=version(seen), exact=pairs)


def version(seen: str) -> str:
    """The version that a page was shown at."""
    (found,) = re.findall(r'name="version" value="(\d+)"', seen)
    return str(found)


def stands_at(seen: str, key: str) -> str:
    """What the list of a row stands at."""
    (options,) = re.findall(rf'<select name="decision\.{key}".*?</select>', seen, re.DOTALL)
    return next(iter(re.findall(r'value="([^"]*)" selected', options)), "")


@pytest.fixture(scope="module")
def discovered(admin: Program, microsoft: Simulator) -> Program:
    """The administrator, after a discovery."""
    admin.connect(microsoft)
    admin.discover()
    return admin


@pytest.fixture
def desk(discovered: Program, inside: Inside, host: RunningHost) -> Iterator[Desk]:
    """Nothing was ever decided."""
    yield Desk(discovered)
    tenant_id = host.tenant_id(0)
    inside.write("DELETE FROM entra_client_tenant_mappings WHERE tenant_id = %s", tenant_id)


@pytest.mark.parametrize("page", ACCEPT)
def test_what_a_person_unmapped_is_not_accepted_with_the_exact_matches(
    desk: Desk, page: str
) -> None:
    desk.decide(ALPINE, state="mapped", clientId=ALPINE_CLIENT)
    desk.decide(ALPINE, state="unmapped")
    seen = desk.see(page)
    others = int(re.findall(r"Accept all (\d+) exact matches", seen)[0])
    told = desk.accept(page, seen).raise_for_status().text
    assert f"The decisions are in force: {others} mapped." in told
    assert desk.decided(ALPINE) == ("unmapped", None)
    assert desk.decided(BRIGHT) == ("mapped", BRIGHT_CLIENT)
    assert not re.search(r"Accept (all )?\d+ exact match", desk.see(page))


@pytest.mark.parametrize("page", ACCEPT)
def test_only_the_exact_matches_that_were_seen_and_still_are_get_accepted(
    desk: Desk, inside: Inside, page: str
) -> None:
    inside.write(GONE, datetime.now(UTC), BRIGHT)
    seen = desk.see(page)
    inside.write(GONE, None, BRIGHT)
    inside.write("UPDATE psa_clients SET active = false WHERE id = %s", ALPINE_CLIENT)
    told = desk.accept(page, seen).raise_for_status().text
    inside.write("UPDATE psa_clients SET active = true WHERE id = %s", ALPINE_CLIENT)
    assert "1 row changed since it was shown" in told
    assert f'id="entra-wrong-{desk.tenant(ALPINE)}"' in told
    assert [desk.decided(directory) for directory in (ALPINE, BRIGHT)] == [None, None]
    assert desk.decided(CEDAR) == ("mapped", CEDAR_CLIENT)


@pytest.mark.parametrize("form", ["/setup/mappings", "/clients/decisions"])
def test_a_row_that_is_gone_meanwhile_stands_in_nobodys_way_unless_it_was_chosen(
    desk: Desk, inside: Inside, form: str
) -> None:
    alpine, bright = desk.tenant(ALPINE), desk.tenant(BRIGHT)
    sent = {"version": version(desk.see(WIZARD)), f"decision.{alpine}": "skipped"}
    inside.write(GONE, datetime.now(UTC), BRIGHT)
    refused = desk.send(form, **sent, **{f"decision.{bright}": BRIGHT_CLIENT})
    done = desk.send(form, **sent, **{f"decision.{bright}": ""})
    inside.write(GONE, None, BRIGHT)
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "<code>tenant_gone</code>" in refused.text
    assert stands_at(refused.text, alpine) == "skipped"
    assert "The decisions are in force: 1 skipped." in done.text
    assert [desk.decided(directory) for directory in (ALPINE, BRIGHT)] == [("skipped", None), None]


def test_a_row_of_no_id_is_malformed(desk: Desk) -> None:
    sent = {"version": version(desk.see(WIZARD)), "decision.everybody": "skipped"}
    assert desk.send("/setup/mappings", **sent).status_code == httpx.codes.BAD_REQUEST


def test_the_wizard_chooses_the_exact_match_unless_a_person_unmapped_it(desk: Desk) -> None:
    desk.decide(ALPINE, state="mapped", clientId=ALPINE_CLIENT)
    desk.decide(ALPINE, state="unmapped")
    seen = desk.see(WIZARD)
    assert stands_at(seen, desk.tenant(ALPINE)) == ""
    assert stands_at(seen, desk.tenant(BRIGHT)) == BRIGHT_CLIENT
