"""Names and time limits of the activities, shared by workflows and activities."""

from datetime import timedelta

from temporalio.common import RetryPolicy

OPEN_RUN = "entra.open_run"
READ_AND_PLAN = "entra.read_and_plan"
APPLY = "entra.apply"
GUARD = "entra.guard"
FINISH = "entra.finish"
APPLY_HELD = "entra.apply_held"
CLOSE_CUSTOMER = "entra.close_customer"
CLOSE_RUN = "entra.close_run"
DISCOVER = "entra.discover"
VALIDATE = "entra.validate"
CLOSE_CHECK = "entra.close_check"
START_DISCOVERY = "entra.start_discovery"
START_SCHEDULED_SYNC = "entra.start_scheduled_sync"
KEEP_HOUSE = "entra.keep_house"

SYNC_TENANTS = "entra.SyncTenants"
SYNC_MANAGED_TENANT = "entra.SyncManagedTenant"
DISCOVER_MANAGED_TENANTS = "entra.DiscoverManagedTenants"
VALIDATE_CONNECTION = "entra.ValidateConnection"
SCHEDULED_DISCOVERY = "entra.ScheduledDiscovery"
SCHEDULED_SYNC = "entra.ScheduledSync"
APPLY_APPROVED = "entra.ApplyHeld"
HOUSEKEEPING = "entra.Housekeeping"

HOUSEKEEPING_SCHEDULE = "entra/housekeeping"
"""The one schedule of the whole installation."""

HEARTBEAT = timedelta(seconds=15)
"""A worker that is silent for so long is dead, and its work is given to another."""

WAITING = timedelta(hours=2)
"""All the waiting for the provider that one managed tenant's reading may cost."""

READING = timedelta(hours=4)
"""A reading with its waiting; by then something else is wrong."""

SHORT = timedelta(minutes=10)
"""For steps that work on our own database."""

CHORES = timedelta(hours=1)
"""One round of housekeeping through all tenants."""

CHORE = timedelta(minutes=2)
"""The longest that one chore of one tenant may take, for the others wait for it."""

SILENCE = timedelta(minutes=5)
"""A worker whose housekeeping is silent for so long is dead: more than a chore may take."""

RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=1),
)
"""The activity says when it knows better: Microsoft's own time, or that it is of no use."""

CONTINUE_AFTER = 100
"""Managed tenants per execution of the parent, so that its history stays short."""


def discovery_schedule_id(tenant_id: str) -> str:
    """The schedule of the daily discovery."""
    return f"entra/{tenant_id}/schedule/discovery"


def sync_schedule_id(tenant_id: str) -> str:
    """The schedule of the recurring sync."""
    return f"entra/{tenant_id}/schedule/sync"


def customer_workflow_id(tenant_id: str, managed_tenant_id: str) -> str:
    """One sync per managed tenant at a time, whoever started it."""
    return f"entra/{tenant_id}/customer/{managed_tenant_id}"


def planning_workflow_id(tenant_id: str, run_id: str, managed_tenant_id: str) -> str:
    """What only plans is in nobody's way."""
    return f"entra/{tenant_id}/plan/{run_id}/{managed_tenant_id}"


def held_workflow_id(tenant_id: str, run_id: str, managed_tenant_id: str) -> str:
    """What was approved of one managed tenant of a held run."""
    return f"entra/{tenant_id}/held/{run_id}/{managed_tenant_id}"
