"""The closed table of the gate names exactly the routes that the routers have."""

from collections.abc import Mapping, Sequence
from typing import cast

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from entra_plugin import resources
from entra_plugin.access import Needs, Permission
from entra_plugin.domain.flags import Flag
from entra_plugin.web import routes
from entra_plugin.web.app import API_ROUTERS, CALLBACK_ROUTERS, PAGE_ROUTERS
from entra_plugin.web.routes import Entry

SURFACES: Mapping[str, tuple[Sequence[Entry], Sequence[APIRouter]]] = {
    "api": (routes.API, API_ROUTERS),
    "callback": (routes.CALLBACK, CALLBACK_ROUTERS),
    "pages": (routes.PAGES, PAGE_ROUTERS),
}
ALL = [entry for table, _ in SURFACES.values() for entry in table]

each_surface = pytest.mark.parametrize("surface", SURFACES)
each_entry = pytest.mark.parametrize("entry", ALL, ids=lambda e: f"{e.method} {e.path}")


def routed(routers: Sequence[APIRouter]) -> list[tuple[str, str]]:
    """Method and path of every route; FastAPI adds no method of its own."""
    found = []
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            found += [(method, route.path or "/") for method in route.methods or ()]
    return found


@each_surface
def test_every_route_is_in_the_table(surface: str) -> None:
    table, routers = SURFACES[surface]
    assert set(routed(routers)) - {(e.method, e.path) for e in table} == set()


@each_surface
def test_every_entry_of_the_table_has_a_route(surface: str) -> None:
    table, routers = SURFACES[surface]
    assert {(e.method, e.path) for e in table} - set(routed(routers)) == set()


@each_surface
def test_nothing_is_routed_or_listed_twice(surface: str) -> None:
    table, routers = SURFACES[surface]
    listed = [(e.method, e.path) for e in table]
    assert len(listed) == len(set(listed))
    assert len(routed(routers)) == len(set(routed(routers)))


@each_entry
def test_every_entry_is_found_by_its_own_path(entry: Entry) -> None:
    table = next(table for table, _ in SURFACES.values() if entry in table)
    path = entry.path.replace("{", "").replace("}", "")
    assert routes.find(table, entry.method, path) == entry


@pytest.mark.parametrize("path", ["/nowhere", "/runs/a/b/c", "//", "/runs/"])
def test_a_path_that_is_not_listed_is_not_found(path: str) -> None:
    assert routes.find(routes.API, "GET", path) is None


def test_a_method_that_is_not_listed_is_not_found() -> None:
    assert routes.find(routes.API, "DELETE", "/runs") is None


@each_entry
def test_every_entry_asks_for_the_flag_of_the_whole(entry: Entry) -> None:
    assert Flag.UI in entry.needs.flags


@each_entry
def test_whatever_changes_something_asks_for_more_than_looking(entry: Entry) -> None:
    looking = entry.method == "GET" and entry.path != "/callback"
    assert entry.needs.permission == (Permission.READ if looking else Permission.UPDATE)


def flags_and_permissions(condition: Mapping[str, object]) -> tuple[set[str], set[str]]:
    """What a condition that joins by ``all`` asks for."""
    parts = cast("Sequence[Mapping[str, str]]", condition.get("all", [condition]))
    flags = {part["flag"] for part in parts if "flag" in part}
    return flags, {part["permission"] for part in parts if "permission" in part}


def needs_of(endpoint: str) -> Needs:
    """What the gate asks for at an endpoint of the manifest."""
    path = endpoint.removeprefix(routes.PAGES_MOUNT)
    return next(e.needs for e in routes.PAGES if (e.method, e.path) == ("GET", path))


def test_a_surface_is_shown_to_exactly_those_whom_the_gate_lets_in() -> None:
    found = resources.manifest()
    for surface in (*found.pages, *found.client_actions, *found.contact_panels):
        needs = needs_of(surface.endpoint)
        shown_to = flags_and_permissions(surface.when)
        assert shown_to == ({f.value for f in needs.flags}, {needs.permission.value}), surface.id


def test_every_data_endpoint_of_the_manifest_is_a_route() -> None:
    pages = cast("Sequence[Mapping[str, Sequence[str]]]", resources.document()["pages"])
    for page in pages:
        for endpoint in page["data"]:
            path = endpoint.removeprefix(routes.API_MOUNT)
            assert routes.find(routes.API, "GET", path), endpoint
