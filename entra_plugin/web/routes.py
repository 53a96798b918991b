"""The closed table of our routes and what each asks for. A route that is not listed is refused.

A test compares the table with the routers in both directions.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.routing import compile_path

from entra_plugin.access import CHANGE, VIEW, Needs, Permission
from entra_plugin.domain.flags import Flag

API_MOUNT = "/api/integrations/entra"
CALLBACK_MOUNT = "/api/auth/microsoft/entra"
PAGES_MOUNT = "/integrations/entra"

CONNECT_CIPP = Needs(permission=Permission.UPDATE, flags=frozenset({Flag.UI, Flag.CIPP}))
VIEW_QUEUE = Needs(permission=Permission.READ, flags=frozenset({Flag.UI, Flag.QUEUE}))
CHANGE_QUEUE = Needs(permission=Permission.UPDATE, flags=frozenset({Flag.UI, Flag.QUEUE}))
VIEW_RULES = Needs(permission=Permission.READ, flags=frozenset({Flag.UI, Flag.FIELD_SYNC}))
CHANGE_RULES = Needs(permission=Permission.UPDATE, flags=frozenset({Flag.UI, Flag.FIELD_SYNC}))
VIEW_CLIENT_SYNC = Needs(permission=Permission.READ, flags=frozenset({Flag.UI, Flag.CLIENT_SYNC}))
START_CLIENT_SYNC = Needs(
    permission=Permission.UPDATE, flags=frozenset({Flag.UI, Flag.CLIENT_SYNC})
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One route below a mount."""

    method: str
    path: str
    needs: Needs
    pattern: re.Pattern[str]


def _entries(*rows: tuple[str, str, Needs]) -> tuple[Entry, ...]:
    return tuple(
        Entry(method=method, path=path, needs=needs, pattern=compile_path(path)[0])
        for method, path, needs in rows
    )


API = _entries(
    ("GET", "/", VIEW),
    ("GET", "/openapi.json", VIEW),
    ("GET", "/manifest.json", VIEW),
    ("GET", "/health", VIEW),
    ("POST", "/connect/direct", CHANGE),
    ("POST", "/connect/cipp/test", CONNECT_CIPP),
    ("POST", "/connect/cipp", CONNECT_CIPP),
    ("POST", "/credentials", CHANGE),
    ("POST", "/validate", CHANGE),
    ("POST", "/validate/chain", CHANGE),
    ("GET", "/support-bundle", VIEW),
    ("POST", "/disconnect", CHANGE),
    ("POST", "/discovery", CHANGE),
    ("GET", "/discovery/{run_id}", VIEW),
    ("GET", "/managed-tenants", VIEW),
    ("GET", "/managed-tenants/{managed_tenant_id}/decisions", VIEW),
    ("GET", "/managed-tenants/{managed_tenant_id}/groups", VIEW),
    ("GET", "/managed-tenants/{managed_tenant_id}/settings", VIEW),
    ("PUT", "/managed-tenants/{managed_tenant_id}/settings", CHANGE),
    ("GET", "/mappings/preview", VIEW),
    ("POST", "/mappings/confirm", CHANGE),
    ("POST", "/mappings/remap", CHANGE),
    ("POST", "/mappings/unmap", CHANGE),
    ("GET", "/mappings", VIEW),
    ("GET", "/mappings.csv", VIEW),
    ("POST", "/mappings.csv", CHANGE),
    ("POST", "/sync", CHANGE),
    ("GET", "/runs", VIEW),
    ("GET", "/runs/{run_id}", VIEW),
    ("GET", "/runs/{run_id}/changes", VIEW),
    ("GET", "/runs/{run_id}/changes.csv", VIEW),
    ("GET", "/runs/{run_id}/events", VIEW),
    ("POST", "/runs/{run_id}/cancel", CHANGE),
    ("POST", "/runs/{run_id}/apply", CHANGE),
    ("POST", "/runs/{run_id}/undo", CHANGE),
    ("POST", "/runs/{run_id}/resume", CHANGE),
    ("POST", "/runs/{run_id}/approve", CHANGE),
    ("POST", "/runs/{run_id}/discard", CHANGE),
    ("POST", "/sync/preview", CHANGE),
    ("GET", "/settings", VIEW),
    ("PUT", "/settings", CHANGE),
    ("GET", "/schedule", VIEW),
    ("PUT", "/schedule", CHANGE),
    ("GET", "/review-items", VIEW_QUEUE),
    ("POST", "/review-items/bulk", CHANGE_QUEUE),
    ("GET", "/review-items/{item_id}", VIEW_QUEUE),
    ("POST", "/review-items/{item_id}/link", CHANGE_QUEUE),
    ("POST", "/review-items/{item_id}/create", CHANGE_QUEUE),
    ("POST", "/review-items/{item_id}/move", CHANGE_QUEUE),
    ("POST", "/review-items/{item_id}/fields", CHANGE_QUEUE),
    ("POST", "/review-items/{item_id}/inactivate", CHANGE_QUEUE),
    ("POST", "/review-items/{item_id}/keep", CHANGE_QUEUE),
    ("POST", "/review-items/{item_id}/dismiss", CHANGE_QUEUE),
    ("POST", "/review-items/{item_id}/reopen", CHANGE_QUEUE),
    ("GET", "/clients/{client_id}", VIEW),
    ("GET", "/contacts/{contact_id}", VIEW),
    ("GET", "/identities", VIEW),
    ("POST", "/identities/{entra_tenant_id}/{object_id}/erase", CHANGE),
    ("GET", "/pins", VIEW),
    ("PUT", "/pins", CHANGE),
    ("DELETE", "/pins", CHANGE),
    ("GET", "/identities/{entra_tenant_id}/{object_id}/explain", VIEW),
    ("POST", "/identities/{entra_tenant_id}/{object_id}/sync", CHANGE),
)

CALLBACK = _entries(("GET", "/callback", CHANGE))

PAGES = _entries(
    ("GET", "/setup", VIEW),
    ("POST", "/setup/connect", CHANGE),
    ("POST", "/setup/connect/app-only", CHANGE),
    ("POST", "/setup/cipp/test", CONNECT_CIPP),
    ("POST", "/setup/cipp", CONNECT_CIPP),
    ("POST", "/setup/credentials", CHANGE),
    ("POST", "/setup/validate", CHANGE),
    ("POST", "/setup/disconnect", CHANGE),
    ("POST", "/setup/discovery", CHANGE),
    ("GET", "/setup/discovery/progress", VIEW),
    ("POST", "/setup/mappings", CHANGE),
    ("POST", "/setup/mappings/accept", CHANGE),
    ("POST", "/setup/sync", CHANGE),
    ("GET", "/setup/sync/progress", VIEW),
    ("POST", "/setup/runs/{run_id}/cancel", CHANGE),
    ("GET", "/connection", VIEW),
    ("GET", "/connection/progress", VIEW),
    ("POST", "/connection/sign-in", CHANGE),
    ("POST", "/connection/test", CHANGE),
    ("POST", "/connection/check", CHANGE),
    ("POST", "/connection/runs/{run_id}/cancel", CHANGE),
    ("POST", "/connection/credentials", CHANGE),
    ("POST", "/connection/disconnect", CHANGE),
    ("GET", "/clients", VIEW),
    ("POST", "/clients/decisions", CHANGE),
    ("POST", "/clients/accept", CHANGE),
    ("GET", "/clients/file", VIEW),
    ("POST", "/clients/file/check", CHANGE),
    ("POST", "/clients/file/apply", CHANGE),
    ("GET", "/clients/{managed_tenant_id}", VIEW),
    ("POST", "/clients/{managed_tenant_id}/pause", CHANGE),
    ("GET", "/rules", VIEW_RULES),
    ("POST", "/rules", CHANGE_RULES),
    ("POST", "/rules/preview", CHANGE_RULES),
    ("GET", "/schedule", VIEW),
    ("POST", "/schedule", CHANGE),
    ("GET", "/settings", VIEW),
    ("POST", "/settings", CHANGE),
    ("GET", "/history", VIEW),
    ("GET", "/history/{run_id}", VIEW),
    ("GET", "/history/{run_id}/progress", VIEW),
    ("POST", "/history/{run_id}/cancel", CHANGE),
    ("POST", "/history/{run_id}/approve", CHANGE),
    ("POST", "/history/{run_id}/discard", CHANGE),
    ("POST", "/history/{run_id}/apply", CHANGE),
    ("POST", "/history/{run_id}/undo", CHANGE),
    ("POST", "/history/{run_id}/resume", CHANGE),
    ("GET", "/review", VIEW_QUEUE),
    ("POST", "/review/bulk", CHANGE_QUEUE),
    ("GET", "/review/{item_id}", VIEW_QUEUE),
    ("POST", "/review/{item_id}/answer", CHANGE_QUEUE),
    ("GET", "/fragments/clients/{client_id}", VIEW_CLIENT_SYNC),
    ("POST", "/fragments/clients/{client_id}/sync", START_CLIENT_SYNC),
    ("GET", "/fragments/contacts/{contact_id}", VIEW),
    ("GET", "/static/{name}", VIEW),
)


def find(table: Sequence[Entry], method: str, path: str) -> Entry | None:
    """The entry of a request, if there is one."""
    return next((e for e in table if e.method == method and e.pattern.match(path)), None)
