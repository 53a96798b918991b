"""Walk the chain that a sync depends on, step by step, and show where it breaks and for whom.

Credentials, token, the partner's directory, a token and the record of every customer, the users of
a few of them. It writes no contact.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum

from entra_plugin.application.check_customers import CheckCustomers, Checked
from entra_plugin.application.context import Context
from entra_plugin.application.progress import Progress
from entra_plugin.directory.protocol import Directory, PageExpired
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    EntraError,
    NotAcceptable,
)
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import ManagedTenantId, RunId, TenantId
from entra_plugin.domain.states import RunState
from entra_plugin.store.connections import Connections
from entra_plugin.store.managed_tenants import ManagedTenant, ManagedTenants
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import OPEN_STATES, Failure, Runs

SAMPLE = 5
"""Customers whose users are read, the first page of them."""


class ChainStep(StrEnum):
    """What is tried, in this order."""

    CREDENTIALS = "credentials"
    TOKEN = "token"  # noqa: S105 - a step, not a secret
    PARTNER_DIRECTORY = "partner_directory"
    CUSTOMERS = "customers"
    USERS = "users"


class StepState(StrEnum):
    """How a step of the chain went."""

    PENDING = "pending"
    RUNNING = "running"
    PASSED = "passed"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(slots=True, kw_only=True)
class _Chain(Progress):
    """How each step went, and what is the matter with which customers."""

    states: dict[ChainStep, StepState]
    counts: dict[ChainStep, int] = field(default_factory=dict)
    failure: Failure | None = None
    total: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    sample: list[ManagedTenant] = field(default_factory=list)

    async def take(self, checked: Checked) -> None:
        """Close one customer's row; a few that passed stay open for the step after."""
        if checked.failure is None and len(self.sample) < SAMPLE:
            self.sample.append(checked.tenant)
        else:
            await self.close(checked.tenant.managed_tenant_id, checked.failure)

    async def enter(self, step: ChainStep) -> None:
        """Begin a step."""
        self.states[step] = StepState.RUNNING
        await self.write()

    async def leave(self, step: ChainStep, state: StepState, count: int | None = None) -> None:
        """End a step."""
        self.states[step] = state
        if count is not None:
            self.counts[step] = count
        await self.write()

    async def close(self, customer: ManagedTenantId, failure: Failure | None) -> None:
        """Write down how one customer fared."""
        if failure is not None:
            self.problems[failure.code] += 1
        state = RunState.COMPLETED if failure is None else RunState.FAILED
        async with self.context.store.tenant_transaction(self.tenant_id) as connection:
            await RunTenants(connection, self.tenant_id).close(
                self.run_id, [customer], state, self.context.clock(), failure=failure
            )

    def document(self) -> dict[str, object]:
        """Steps and counts as they are stored."""
        return {
            "steps": [
                {
                    "step": step.value,
                    "state": state.value,
                    "count": self.counts.get(step),
                    "code": self.failure.code
                    if self.failure is not None and state == StepState.FAILED
                    else None,
                }
                for step, state in self.states.items()
            ],
            "total": self.total,
            "checked": self.done,
            "failed": sum(self.problems.values()),
            "problems": dict(self.problems.most_common()),
        }


class ValidateChain:
    """Carries out a validation run."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(
        self, tenant_id: TenantId, run_id: RunId, heartbeat: Callable[[int], None]
    ) -> None:
        """Walk the chain and close the run; repeating it after a crash is harmless.

        Raises:
            NotAcceptable: ``feature_off``, ``not_connected`` or ``run_closed``.
            EntraError: The connection itself is broken; the step that showed it is marked.
        """
        if not await self._context.flags.is_on_now(Flag.UI, tenant_id):
            raise NotAcceptable("feature_off")
        chain = _Chain(
            context=self._context,
            tenant_id=tenant_id,
            run_id=run_id,
            heartbeat=heartbeat,
            states=dict.fromkeys(ChainStep, StepState.PENDING),
        )
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            runs = Runs(connection, tenant_id)
            await runs.start(run_id, self._context.clock())
            run = await runs.get(run_id)
        if run is None or run.state not in OPEN_STATES:
            raise NotAcceptable("run_closed")
        directory = await self._connection(chain)
        await self._customers(chain, directory)
        await self._users(chain, directory)
        await self._finish(chain)

    async def _connection(self, chain: _Chain) -> Directory:
        """The steps that concern every customer: the first that fails ends the run."""
        step = ChainStep.CREDENTIALS
        try:
            await chain.enter(step)
            directory = await self._context.directories.of_tenant(chain.tenant_id)
            await chain.leave(step, StepState.PASSED)
            step = ChainStep.TOKEN
            await chain.enter(step)
            await directory.renew()
            await chain.leave(step, StepState.PASSED)
            step = ChainStep.PARTNER_DIRECTORY
            await chain.enter(step)
            await chain.leave(step, StepState.PASSED, await directory.probe())
        except EntraError as error:
            await self._broken(chain, step, error)
            raise
        return directory

    async def _broken(self, chain: _Chain, step: ChainStep, error: EntraError) -> None:
        chain.failure = Failure.of(error)
        chain.states |= {
            later: StepState.SKIPPED
            for later, state in chain.states.items()
            if state == StepState.PENDING
        }
        await chain.leave(step, StepState.FAILED)

    async def _customers(self, chain: _Chain, directory: Directory) -> None:
        """Every managed tenant that is known and not gone."""
        tenants = await self._take_in(chain)
        if not chain.total:
            await chain.leave(ChainStep.CUSTOMERS, StepState.SKIPPED)
            return
        await chain.enter(ChainStep.CUSTOMERS)
        try:
            await CheckCustomers(self._context, chain)(chain.tenant_id, directory, tenants)
        except EntraError as error:
            await self._broken(chain, ChainStep.CUSTOMERS, error)
            raise
        readable = chain.total - sum(chain.problems.values())
        await chain.leave(ChainStep.CUSTOMERS, _outcome(readable, chain.total), readable)

    async def _take_in(self, chain: _Chain) -> list[ManagedTenant]:
        """Give every managed tenant a row in the run; answers those not closed by an attempt."""
        async with self._context.store.tenant_transaction(chain.tenant_id) as connection:
            tenants = await ManagedTenants(connection, chain.tenant_id).all()
            rows = RunTenants(connection, chain.tenant_id)
            await rows.add_checked(chain.run_id, [t.managed_tenant_id for t in tenants])
            found = {row.managed_tenant_id: row for row in await rows.of_run(chain.run_id)}
        closed = [row for row in found.values() if row.state not in OPEN_STATES]
        chain.total, chain.done = len(tenants), len(closed)
        chain.problems.update(row.failure.code for row in closed if row.failure)
        return [t for t in tenants if found[t.managed_tenant_id].state in OPEN_STATES]

    async def _users(self, chain: _Chain, directory: Directory) -> None:
        """The first page of users of a few customers that passed so far."""
        if not chain.sample:
            await chain.leave(ChainStep.USERS, StepState.SKIPPED)
            return
        await chain.enter(ChainStep.USERS)
        passed = 0
        try:
            for tenant in chain.sample:
                failure = await self._first_page(directory, tenant)
                passed += failure is None
                await chain.close(tenant.managed_tenant_id, failure)
        except EntraError as error:
            await self._broken(chain, ChainStep.USERS, error)
            raise
        await chain.leave(ChainStep.USERS, _outcome(passed, len(chain.sample)), passed)

    async def _first_page(self, directory: Directory, tenant: ManagedTenant) -> Failure | None:
        try:
            async with aclosing(directory.user_pages(tenant.entra_tenant_id)) as pages:
                async for _ in pages:
                    return None
        except PageExpired:
            return None
        except (AuthorisationLost, ConfigurationInvalid):
            raise
        except EntraError as error:
            return Failure.of(error)
        return None

    async def _finish(self, chain: _Chain) -> None:
        now, failed = self._context.clock(), sum(chain.problems.values())
        broken = failed and failed == chain.total
        failure = Failure.of(ConfigurationInvalid("no_customer_readable")) if broken else None
        state = RunState.PARTIAL if failed else RunState.COMPLETED
        async with self._context.store.tenant_transaction(chain.tenant_id) as connection:
            runs = Runs(connection, chain.tenant_id)
            run = await runs.get(chain.run_id)
            closed = await runs.finish(
                chain.run_id, RunState.FAILED if broken else state, now, failure=failure
            )
            if closed and run is not None:
                await Connections(connection, chain.tenant_id).mark_validated(
                    now, begun=run.created_at
                )


def _outcome(passed: int, total: int) -> StepState:
    if passed == total:
        return StepState.PASSED
    return StepState.PARTIAL if passed else StepState.FAILED
