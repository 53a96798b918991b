"""What tests can make a CIPP do: its settings, its clients' rights, and its ways to fail."""

from dataclasses import dataclass, field
from typing import Literal

Refusal = Literal[
    "role", "ip_range", "subscription", "precondition", "server_error", "feature_disabled"
]
REFUSALS: dict[Refusal, tuple[int, str]] = {
    "role": (
        403,
        "Access to this CIPP API endpoint is not allowed, the 'readonly' base role does not have "
        "the required permission",
    ),
    "ip_range": (
        403,
        "Access to this CIPP API endpoint is not allowed, the API Client does not have the "
        "required permission",
    ),
    "subscription": (403, "Your subscription has ended."),
    "precondition": (412, "The request cannot be carried out in this state."),
    "server_error": (500, "The term is not recognized as a name of a cmdlet."),
    "feature_disabled": (503, "This feature is disabled."),
}
"""Status and body, which is text and no JSON."""


@dataclass(slots=True, kw_only=True)
class Switches:
    """The same for the CIPP of every partner. Customers are named by the GUID of their directory.

    ``graph_errors`` also counts what really fails, as CIPP does.
    """

    excluded: frozenset[str] = frozenset()
    restricted_to: frozenset[str] | None = None
    blocked_endpoints: frozenset[str] = frozenset()
    requires_refresh: frozenset[str] = frozenset()
    error_rows: frozenset[str] = frozenset()
    graph_errors: dict[str, int] = field(default_factory=dict)
    last_errors: dict[str, str] = field(default_factory=dict)
    list_fails: bool = False
    queued: bool = False
    queue_steps: int = 1
    cold_start_ms: int = 0
    front_end: bool = False
    clients_refused: bool = False
    refuse: Refusal | None = None

    def failed(self, tenant_id: str, message: str) -> None:
        """Count a failure to reach a customer."""
        self.graph_errors[tenant_id] = self.graph_errors.get(tenant_id, 0) + 1
        self.last_errors[tenant_id] = message

    def reached(self, tenant_id: str) -> None:
        """A customer was reached, which ends the count."""
        self.graph_errors.pop(tenant_id, None)
        self.last_errors.pop(tenant_id, None)
