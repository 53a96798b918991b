"""Answer review items: at once, in one transaction, and remembered for later runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context, Person
from entra_plugin.application.review.answers import Answer
from entra_plugin.application.review.sitting import Outcome, Sitting
from entra_plugin.domain.errors import EntraError
from entra_plugin.domain.ids import ReviewItemId, RunId
from entra_plugin.store.review import ReviewItems


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOutcome:
    """What became of one item among many: an outcome, or why there is none."""

    item_id: ReviewItemId
    outcome: Outcome | None = None
    error: EntraError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOutcomes:
    """What became of all of them; ``run_id`` is the run that has their changes, if there are."""

    run_id: RunId | None
    outcomes: tuple[BulkOutcome, ...]


class ResolveItem:
    """Answers one item, wholly or not at all."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, person: Person, item_id: ReviewItemId, answer: Answer) -> Outcome:
        """Carry the answer out.

        Raises:
            NotFound: No such item, or what a flag hides.
            Conflict: ``already_resolved`` or ``changed_meanwhile``.
            NotAcceptable: The question does not admit this answer, or a pin or the host forbids it.
        """
        async with self._context.store.tenant_transaction(person.tenant_id) as connection:
            await _keep_out(connection, person, [item_id])
            sitting = _sitting(self._context, connection, person, alone=True)
            outcome = await sitting.settle(item_id, answer)
            await sitting.close()
        return outcome


class ResolveItems:
    """Answers many items alike; one that cannot be answered does not spoil the others."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(
        self, person: Person, item_ids: Sequence[ReviewItemId], answer: Answer
    ) -> BulkOutcomes:
        """Carry the answer out for each, in the order given; an id said twice counts once."""
        outcomes: list[BulkOutcome] = []
        async with self._context.store.tenant_transaction(person.tenant_id) as connection:
            ids = list(dict.fromkeys(item_ids))
            await _keep_out(connection, person, ids)
            sitting = _sitting(self._context, connection, person, alone=False)
            for item_id in ids:
                try:
                    async with connection.begin_nested():
                        outcome = await sitting.settle(item_id, answer)
                except EntraError as error:
                    outcomes.append(BulkOutcome(item_id=item_id, error=error))
                else:
                    outcomes.append(BulkOutcome(item_id=item_id, outcome=outcome))
            run_id = await sitting.close()
        return BulkOutcomes(run_id=run_id, outcomes=tuple(outcomes))


async def _keep_out(
    connection: AsyncConnection, person: Person, item_ids: Sequence[ReviewItemId]
) -> None:
    """Let syncs of the customers wait for us; a sync under way sees what was decided."""
    items = ReviewItems(connection, person.tenant_id)
    await items.keep_out(await items.customers(item_ids))


def _sitting(
    context: Context, connection: AsyncConnection, person: Person, *, alone: bool
) -> Sitting:
    return Sitting(
        context=context,
        connection=connection,
        person=person,
        run_id=RunId(uuid4()),
        now=context.clock(),
        alone=alone,
    )
