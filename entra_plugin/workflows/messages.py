"""What passes between workflows and activities: ids, counters and codes.

Never people, never tokens.
"""

from dataclasses import dataclass, field

PLANNING = "planning"
FINISHING = "finishing"


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
class PlanJob:
    """A managed tenant to read and plan; ``writes`` also applies what does not wait."""

    customer: CustomerRef
    writes: bool = True


@dataclass(frozen=True)
class SyncJob:
    """The input of a run over managed tenants.

    After continue-as-new with what is left, how wide the window is, and how far the run has come.
    """

    run: RunRef
    remaining: list[str] | None = None
    window: int = 1
    phase: str = PLANNING
    writes: bool = True
    """False for a run that only plans."""


@dataclass(frozen=True)
class Opening:
    """The managed tenants of a run, and what is to be done with them."""

    managed_tenant_ids: list[str] = field(default_factory=list)
    window: int = 1
    phase: str = PLANNING
    writes: bool = True


@dataclass(frozen=True)
class Step:
    """How a step of a managed tenant ended: go on, or leave it; ``stop`` ends the whole run."""

    go_on: bool
    stop: str | None = None
    """A code that concerns every managed tenant."""
    rows: bool = True
    """There may be rows to be applied at once."""


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
    applied: bool = True
