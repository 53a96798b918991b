"""Plan an undo: the inverse of every row that is left to be undone, in pages of identities.

It reads no directory, and asks for neither connection, nor mapping, nor rule.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.application.sync.surroundings import candidate_of
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.ids import EntraTenantId, ManagedTenantId, ObjectId, RunId, TenantId
from entra_plugin.domain.states import RunState
from entra_plugin.domain.undoing import Inverse, Present, Source, invert
from entra_plugin.store.changes import Changes
from entra_plugin.store.fences import Fence, Fences
from entra_plugin.store.links import Links
from entra_plugin.store.pins import Pins
from entra_plugin.store.run_tenants import RunTenants
from entra_plugin.store.runs import Runs
from entra_plugin.store.undo import Undoing

PAGE = 500
"""Identities per transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    tenant_id: TenantId
    fence: Fence
    undoes: RunId
    entra_tenant_id: EntraTenantId


class PlanUndo:
    """One attempt at planning the undo of one managed tenant; a later one starts anew."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        heartbeat: Callable[[int], None],
    ) -> None:
        """Plan, then close the managed tenant: its plan waits for a person.

        Raises:
            NotAcceptable: ``run_closed``.
        """
        attempt = await self._begin(tenant_id, run_id, managed_tenant_id)
        after: ObjectId | None = None
        number = 0
        while True:
            after = await self._page(attempt, after)
            if after is None:
                break
            number += 1
            heartbeat(number)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await Fences(connection, tenant_id).advance(attempt.fence)
            counts = await Changes(connection, tenant_id).counts(run_id, managed_tenant_id)
            await RunTenants(connection, tenant_id).close(
                run_id,
                [managed_tenant_id],
                RunState.COMPLETED,
                self._context.clock(),
                counts=counts,
            )

    async def _begin(
        self, tenant_id: TenantId, run_id: RunId, managed_tenant_id: ManagedTenantId
    ) -> _Attempt:
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            claim = await Fences(connection, tenant_id).claim(
                run_id, managed_tenant_id, self._context.clock()
            )
            run = await Runs(connection, tenant_id).get(run_id)
            if claim is None or run is None or run.undoes is None:
                raise NotAcceptable("run_closed")
            await Changes(connection, tenant_id).drop_planned(run_id, managed_tenant_id)
        return _Attempt(
            tenant_id=tenant_id,
            fence=claim.fence,
            undoes=run.undoes,
            entra_tenant_id=claim.row.entra_tenant_id,
        )

    async def _page(self, attempt: _Attempt, after: ObjectId | None) -> ObjectId | None:
        """Plan the next identities; answers the last of them, None when there was none."""
        tenant_id, fence = attempt.tenant_id, attempt.fence
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            await Fences(connection, tenant_id).advance(fence)
            undoing = Undoing(connection, tenant_id)
            sources = await undoing.sources(
                attempt.undoes, fence.managed_tenant_id, after=after, limit=PAGE
            )
            if not sources:
                return None
            present = await self._present(connection, attempt, sources)
            await undoing.add(
                _inverted(fence.run_id, sources, present),
                run_id=fence.run_id,
                managed_tenant_id=fence.managed_tenant_id,
                entra_tenant_id=attempt.entra_tenant_id,
                now=self._context.clock(),
            )
        return sources[-1].object_id

    async def _present(
        self, connection: AsyncConnection, attempt: _Attempt, sources: Sequence[Source]
    ) -> Present:
        """What there is now of these identities: a statement for each kind of thing."""
        tenant_id, directory = attempt.tenant_id, attempt.entra_tenant_id
        contact_ids = list({s.contact_id for s in sources if s.contact_id is not None})
        object_ids = list({s.object_id for s in sources})
        contacts = await self._context.host.contacts.by_ids(connection, tenant_id, contact_ids)
        links = await Links(connection, tenant_id).of(directory, object_ids)
        return Present(
            contacts={contact.id: candidate_of(contact, None) for contact in contacts},
            links={object_id: link.contact_id for object_id, link in links.items()},
            later=await Undoing(connection, tenant_id).later(
                attempt.undoes,
                attempt.fence.managed_tenant_id,
                object_ids,
                min(source.applied_at for source in sources),
            ),
            pins=await Pins(connection, tenant_id).of(directory, object_ids, contact_ids),
        )


def _inverted(run_id: RunId, sources: Iterable[Source], present: Present) -> list[Inverse]:
    return [
        row
        for _, group in groupby(sources, key=lambda source: source.object_id)
        for row in invert(run_id, list(group), present)
    ]
