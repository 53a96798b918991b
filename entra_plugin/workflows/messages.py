"""What passes between workflows and activities: ids, counters and codes.

Never people, never tokens.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TenantRef:
    """A tenant."""

    tenant_id: str


@dataclass(frozen=True)
class RunRef:
    """A run of a tenant."""

    tenant_id: str
    run_id: str


@dataclass(frozen=True)
class CustomerRef:
    """A managed tenant in a run."""

    tenant_id: str
    run_id: str
    managed_tenant_id: str


@dataclass(frozen=True)
class SyncJob:
    """The input of a sync run.

    After continue-as-new with what is left and how wide the window is.
    """

    run: RunRef
    remaining: list[str] | None = None
    window: int = 1


@dataclass(frozen=True)
class Opening:
    """The managed tenants to sync; empty with a reason when the run must not go on."""

    managed_tenant_ids: list[str] = field(default_factory=list)
    window: int = 1
    stop_reason: str | None = None


@dataclass(frozen=True)
class Step:
    """How a step of a managed tenant ended: go on, or leave it; ``stop`` ends the whole run."""

    go_on: bool
    stop: str | None = None
    """A code that concerns every managed tenant."""


@dataclass(frozen=True)
class CustomerEnd:
    """A managed tenant to close without success."""

    customer: CustomerRef
    state: str
    code: str | None


@dataclass(frozen=True)
class RunEnd:
    """A run to close."""

    run: RunRef
    cancelled: bool = False
    code: str | None = None
