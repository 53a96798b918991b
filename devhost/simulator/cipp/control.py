"""The part of the control interface that is about CIPP."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from devhost.simulator.changes import Refused, Strict
from devhost.simulator.cipp.service import ROUTES, CippService
from devhost.simulator.cipp.switches import Refusal
from devhost.simulator.world import World


class CippBody(Strict):
    """Switches to set; what is not there stays as it is."""

    excluded: list[str] | UnsetType = UNSET
    restricted_to: list[str] | UnsetType | None = UNSET
    blocked_endpoints: list[str] | UnsetType = UNSET
    requires_refresh: list[str] | UnsetType = UNSET
    error_rows: list[str] | UnsetType = UNSET
    graph_errors: dict[str, Annotated[int, msgspec.Meta(ge=0)]] | UnsetType = UNSET
    list_fails: bool | UnsetType = UNSET
    queued: bool | UnsetType = UNSET
    queue_steps: Annotated[int, msgspec.Meta(ge=0)] | UnsetType = UNSET
    cold_start_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] | UnsetType = UNSET
    front_end: bool | UnsetType = UNSET
    clients_refused: bool | UnsetType = UNSET
    refuse: Refusal | UnsetType | None = UNSET
    application_id_uri: bool | UnsetType = UNSET


_TENANTS = frozenset({"excluded", "restricted_to", "requires_refresh", "error_rows"})


def carry_out(service: CippService, body: CippBody) -> None:
    """Set the switches.

    Raises:
        Refused: A tenant or an endpoint is not there; nothing is set.
    """
    fields = {name: getattr(body, name) for name in body.__struct_fields__}
    given = {name: value for name, value in fields.items() if value is not UNSET}
    world = service.graph.world
    checked = {name: _checked(world, name, value) for name, value in given.items()}
    has_uri = checked.pop("application_id_uri", None)
    for name, value in checked.items():
        setattr(service.switches, name, value)
    for app in service.apps:
        app.has_uri = app.has_uri if has_uri is None else bool(has_uri)


def _checked(world: World, name: str, value: object) -> object:
    """A value as the switches hold it."""
    if name == "graph_errors" and isinstance(value, dict):
        _known(world, value, "graphErrors")
        return {str(tenant).lower(): count for tenant, count in value.items()}
    if name == "blocked_endpoints" and isinstance(value, list):
        return _endpoints(value)
    if name in _TENANTS and isinstance(value, list):
        return _known(world, value, _camel(name))
    return value


def _known(world: World, tenants: Iterable[str], field: str) -> frozenset[str]:
    found = [tenant.lower() for tenant in tenants]
    for number, tenant in enumerate(found):
        if tenant not in world.directories and tenant not in world.partners:
            raise Refused(f"no directory {tenant}", f"$.{field}[{number}]")
    return frozenset(found)


def _endpoints(names: Iterable[str]) -> frozenset[str]:
    found = list(names)
    for number, name in enumerate(found):
        if name not in ROUTES:
            raise Refused(f"no endpoint {name}", f"$.blockedEndpoints[{number}]")
    return frozenset(found)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
