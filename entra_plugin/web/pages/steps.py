"""What each step of the set-up wizard shows, read from the use cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from entra_plugin.application.clients import LeftOut
from entra_plugin.application.map_tenants import Preview, PreviewRow
from entra_plugin.application.overview import OverviewFacts, WizardStep
from entra_plugin.application.runs import RunDetails
from entra_plugin.domain.ids import ManagedTenantId, RunId
from entra_plugin.domain.states import ConnectionType, MappingState
from entra_plugin.store.managed_tenants import ManagedTenant
from entra_plugin.store.mappings import CurrentMapping
from entra_plugin.web.decisions import may_create_clients
from entra_plugin.web.pages.forms import Filled
from entra_plugin.web.pages.mapping_form import Filled as Decisions
from entra_plugin.web.pages.mapping_form import (
    all_rows,
    as_sent,
    exact_matches,
    in_force,
    row_values,
)
from entra_plugin.web.pages.notice import Message
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.pages.shared import connection_values, is_connected, is_open, page_values
from entra_plugin.web.panels import Reasons, reasons_of

STEPS = (WizardStep.CONNECT, WizardStep.DISCOVER, WizardStep.MAP, WizardStep.SYNC)

SCOPES = ("User.Read", "Directory.Read.All", "DelegatedAdminRelationship.Read.All")
APP_SCOPES = ("User.Read.All", "Directory.Read.All")

FULL_SELECT = 100
"""More clients than this are found by typing, not in every row's list."""

TABLE_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLink:
    """One entry of the wizard's list of steps."""

    step: WizardStep
    number: int
    current: bool
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a person just did to a step, to be shown with it."""

    message: Message | None = None
    filled: Decisions = field(default_factory=Decisions)
    """The form of the mapping step that comes back."""
    start_sync: bool = False
    path: ConnectionType | None = None
    """The way to connect that was chosen; the present one unless told."""
    form: Filled = field(default_factory=Filled)
    """A form with credentials that comes back."""
    run_id: RunId | None = None


async def step_values(
    screen: Screen, facts: OverviewFacts, step: WizardStep, shown: Shown
) -> dict[str, object]:
    """The values of the template of one step."""
    match step:
        case WizardStep.CONNECT:
            found = _connect(screen, facts, shown)
        case WizardStep.DISCOVER:
            found = await _discover(screen, facts)
        case WizardStep.MAP:
            found = await _map(screen, shown)
        case _:
            found = await _sync(screen, facts, shown)
    return found


async def common_values(
    screen: Screen, facts: OverviewFacts, step: WizardStep, shown: Shown
) -> dict[str, object]:
    """The values that every step's template has."""
    links = await screen.runtime.remedies(screen.facts.tenant_id)
    order = list(STEPS)
    reached = order.index(facts.step) if facts.step in order else len(order)
    return {
        **await page_values(screen, facts, links, shown.message),
        "step": step.value,
        "root": "#entra-setup",
        "post": f"{screen.base}/setup",
        "links": [
            StepLink(
                step=s,
                number=i + 1,
                current=s == step,
                done=i < reached and not (s == WizardStep.SYNC and is_open(facts.last_run)),
            )
            for i, s in enumerate(order)
        ],
        "focus_below": shown.path is not None or shown.filled.question is not None,
        "mapped": facts.counts.get(MappingState.MAPPED, 0)
        + facts.counts.get(MappingState.CREATE_NEW, 0),
    }


def _connect(screen: Screen, facts: OverviewFacts, shown: Shown) -> dict[str, object]:
    types = facts.connection_types
    present = facts.connection.type if facts.connection and is_connected(facts) else types[0]
    wanted = shown.path or present
    return {
        **connection_values(screen, facts),
        "types": types,
        "path": wanted if wanted in types else types[0],
        "choice_open": shown.path is not None and shown.form.name != "credentials",
        "scopes": SCOPES,
        "app_scopes": APP_SCOPES,
        "form": shown.form,
    }


async def _discover(screen: Screen, facts: OverviewFacts) -> dict[str, object]:
    found = await screen.runtime.read_mappings.managed_tenants(
        screen.facts.tenant_id, limit=TABLE_LIMIT
    )
    page = found.page
    return {
        "run": facts.last_discovery,
        "running": is_open(facts.last_discovery),
        "tenants": page.items,
        "new": await _new(screen, page.items, found.decisions),
        "more": page.next_cursor is not None,
    }


async def _new(
    screen: Screen,
    tenants: Sequence[ManagedTenant],
    decisions: Mapping[ManagedTenantId, CurrentMapping],
) -> frozenset[ManagedTenantId]:
    """Those without a decision that were found after people last decided."""
    decided_at = await screen.runtime.read_mappings.decided_at(screen.facts.tenant_id)
    if decided_at is None:
        return frozenset()
    return frozenset(
        tenant.managed_tenant_id
        for tenant in tenants
        if tenant.managed_tenant_id not in decisions and tenant.first_seen_at > decided_at
    )


async def _map(screen: Screen, shown: Shown) -> dict[str, object]:
    preview = await screen.runtime.preview_mappings(screen.facts.tenant_id)
    exact = exact_matches(preview)
    return {
        **row_values(screen, preview),
        "on_page": False,
        "preview": preview,
        "groups": _groups(preview),
        "exact": len(exact),
        "exact_pairs": as_sent(exact),
        "full_select": len(preview.clients) <= FULL_SELECT,
        "can_create": await may_create_clients(screen.runtime, screen.facts),
        "changed": shown.filled.changed,
        "typed": shown.filled.typed,
        "question": shown.filled.question,
        "start_sync": shown.start_sync,
        "chosen": _chosen(preview, shown.filled),
        "total": len(all_rows(preview)),
    }


def _groups(preview: Preview) -> list[tuple[str, tuple[PreviewRow, ...]]]:
    return [
        ("auto_matched", preview.auto_matched),
        ("needs_review", preview.needs_review),
        ("unmatched", preview.unmatched),
        ("decided", preview.decided),
    ]


def _chosen(preview: Preview, filled: Decisions) -> dict[str, str]:
    """What each row's list stands at: what was just chosen, else the decision, else the match."""
    exact = {str(d.managed_tenant_id): str(d.client_id) for d in exact_matches(preview)}
    proposed = {key: match for key, match in exact.items() if key not in filled.changed}
    keyed = ((str(row.tenant.managed_tenant_id), row) for row in all_rows(preview))
    return {
        key: filled.chosen.get(key, in_force(row) or proposed.get(key, "")) for key, row in keyed
    }


async def _sync(screen: Screen, facts: OverviewFacts, shown: Shown) -> dict[str, object]:
    run_id = shown.run_id or (facts.last_run.run_id if facts.last_run else None)
    details: RunDetails | None = None
    if run_id is not None:
        details = await screen.runtime.read_runs.run(screen.facts.tenant_id, run_id)
    reasons = Reasons()
    if details is not None and not is_open(details.run):
        reasons = await reasons_of(screen.runtime, screen.facts, details)
    return {**sync_values(details), "reasons": reasons}


WHY_SKIPPED = frozenset({*LeftOut, "mapping_changed", "sync_under_way"})
"""Why a run leaves out one customer; what stops all of it stands above its customers."""


def sync_values(details: RunDetails | None) -> dict[str, object]:
    """The values of the part that follows a sync."""
    open_run = details is not None and is_open(details.run)
    finished = (
        sum(1 for tenant in details.tenants if tenant.finished_at is not None) if details else 0
    )
    return {
        "details": details,
        "running": open_run,
        "finished": finished,
        "why_skipped": WHY_SKIPPED,
        "failed_tenants": [t for t in details.tenants if t.failure] if details else [],
    }
