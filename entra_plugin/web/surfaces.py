"""RBAC checks by surface, for hosts that decide for themselves what to show on their own pages."""

from collections.abc import Callable

from entra_plugin.access import ALLOWED, DISABLED, PORTAL_USER, missing
from entra_plugin.access import Permission as Name
from entra_plugin.host import Decision, Principal, UserType
from entra_plugin.resources import manifest


def checker(name: Name) -> Callable[[Principal, str], Decision]:
    """A check of user type and one permission on a surface; flags are judged per request."""

    def check(principal: Principal, surface: str) -> Decision:
        if surface not in _surfaces():
            return DISABLED
        if principal.user_type != UserType.INTERNAL:
            return PORTAL_USER
        return ALLOWED if name in principal.permissions else missing(name)

    return check


def _surfaces() -> frozenset[str]:
    """The ids of everything that the manifest puts in front of people."""
    found = manifest()
    return frozenset(s.id for s in (*found.pages, *found.client_actions, *found.contact_panels))
