"""A walk along the chain as people see it: its steps, what it found, and for whom it breaks."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from entra_plugin.application.runs import RunDetails
from entra_plugin.application.validate_chain import ChainStep, StepState
from entra_plugin.domain.states import RunState
from entra_plugin.resources import ErrorText, Locale
from entra_plugin.store.run_tenants import RunTenant
from entra_plugin.store.runs import Run
from entra_plugin.web.api.views import FailureView
from entra_plugin.web.pages.shared import Told, is_open

ROWS = 200
"""Customers that are listed; the counts are of all."""

_NOBODY = "no_customer_readable"
"""The failure of a walk that reached its end: what it says stands with the customers."""

COUNTED = frozenset({ChainStep.PARTNER_DIRECTORY, ChainStep.CUSTOMERS, ChainStep.USERS})
"""Steps that have something to count."""

PROBLEMS = frozenset(
    {
        *("account_not_in_tenant", "app_not_found", "cipp_graph_error", "cipp_tenant_failed"),
        *("cipp_tenant_forbidden", "conditional_access_blocked", "consent_missing"),
        *("cross_tenant_policy", "directory_role_missing", "interaction_required"),
        *("mfa_required", "partner_consent_missing", "provider_unreachable", "throttled"),
    }
)
"""Codes that have a sentence with a number in it; the others get their own sentence after one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the chain, and how many it found where it counts."""

    step: ChainStep
    state: StepState
    count: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer that cannot be read."""

    name: str
    failure: FailureView


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The customers with one problem; ``customers`` are those that are listed."""

    code: str
    count: int
    sentence: str
    words: ErrorText
    customers: tuple[Customer, ...]
    matching: int
    """Those whose name was searched for; all of them without a search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One walk, running or over."""

    run: Run
    running: bool
    steps: tuple[Step, ...]
    total: int
    checked: int
    failed: int
    failure: FailureView | None = None
    """What broke the connection itself."""
    groups: tuple[Group, ...] = ()
    readable: int = 0
    left: int = 0
    """Customers that were not asked, because the walk ended before."""

    @property
    def matching(self) -> int:
        """Failed customers whose name was searched for."""
        return sum(group.matching for group in self.groups)


def progress_of(run: Run, told: Told | None = None) -> Chain:
    """The walk as far as its run tells."""
    broken = run.failure is not None and run.failure.code != _NOBODY
    failed_with = told(run.failure, None, run.finished_at) if told and broken else None
    return Chain(
        run=run,
        running=is_open(run),
        steps=tuple(_steps(run)),
        total=_number(run, "total"),
        checked=_number(run, "checked"),
        failed=_number(run, "failed"),
        failure=failed_with,
    )


def chain_of(details: RunDetails, texts: Locale, told: Told, q: str) -> Chain:
    """A walk that is over, with its customers by problem; ``q`` is a part of their names."""
    found = progress_of(details.run, told)
    failed = [tenant for tenant in details.tenants if tenant.failure is not None]
    readable = sum(tenant.state == RunState.COMPLETED for tenant in details.tenants)
    total = len(details.tenants)
    return Chain(
        run=found.run,
        running=False,
        steps=found.steps,
        total=total,
        checked=found.checked,
        failed=len(failed),
        failure=found.failure,
        groups=tuple(_groups(failed, total, texts, told, q.strip().casefold())),
        readable=readable,
        left=total - readable - len(failed),
    )


def _groups(
    failed: Sequence[RunTenant], total: int, texts: Locale, told: Told, q: str
) -> Iterator[Group]:
    """One group for each code, the largest first; each lists its share of the rows."""
    by_code: defaultdict[str, list[RunTenant]] = defaultdict(list)
    for tenant in sorted(failed, key=lambda tenant: tenant.display_name.casefold()):
        assert tenant.failure is not None
        by_code[tenant.failure.code].append(tenant)
    share = ROWS // len(by_code) if by_code else 0
    for code, tenants in sorted(by_code.items(), key=lambda item: -len(item[1])):
        matching = [tenant for tenant in tenants if q in tenant.display_name.casefold()]
        yield Group(
            code=code,
            count=len(tenants),
            sentence=_sentence(texts, code, len(tenants), total),
            words=texts.error(code),
            customers=tuple(_customer(tenant, told) for tenant in matching[:share]),
            matching=len(matching),
        )


def _sentence(texts: Locale, code: str, n: int, total: int) -> str:
    if code in PROBLEMS:
        return texts.count(f"chain.problem.{code}", n, total=f"{total:,}")
    return texts.text(
        "chain.problem", n=f"{n:,}", total=f"{total:,}", sentence=texts.error(code).sentence
    )


def _customer(tenant: RunTenant, told: Told) -> Customer:
    failure = told(tenant.failure, tenant.entra_tenant_id, tenant.finished_at)
    assert failure is not None
    return Customer(name=tenant.display_name, failure=failure)


def _steps(run: Run) -> Iterator[Step]:
    """All five; one that was under way when the run was closed was not brought to its end."""
    document = run.progress or {}
    rows = cast("Sequence[Mapping[str, object]]", document.get("steps", ()))
    known = {str(row["step"]): row for row in rows}
    for step in ChainStep:
        row = known.get(step.value, {})
        state = StepState(str(row.get("state", StepState.PENDING.value)))
        if not is_open(run) and state in {StepState.PENDING, StepState.RUNNING}:
            state = StepState.SKIPPED
        count = row.get("count")
        yield Step(
            step=step,
            state=state,
            count=count if isinstance(count, int) and step in COUNTED else None,
        )


def _number(run: Run, name: str) -> int:
    value = (run.progress or {}).get(name)
    return value if isinstance(value, int) else 0
