"""The desk of somebody who plans first: previews, undoing, resuming, and answers to questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from entra_plugin.application.apply_run import ApplyRun
from entra_plugin.application.context import Person
from entra_plugin.application.review.answers import Answer
from entra_plugin.application.review.resolve import ResolveItem
from entra_plugin.application.review.sitting import Outcome
from entra_plugin.application.sync.start_preview import StartPreview, StartPreviewCommand
from entra_plugin.application.undo.resume import Resume, ResumeCommand
from entra_plugin.application.undo.start import StartUndo, UndoCommand
from entra_plugin.domain.ids import ClientId, ManagedTenantId, ReviewItemId, RunId, UserId
from support.engine import NOBODY, Engine


@dataclass(frozen=True, slots=True)
class Desk:
    """What a person asks of the engine; plans are made and carried out by the engine itself."""

    engine: Engine

    async def preview(
        self, client_id: ClientId | None, what_if: Mapping[str, object] | None
    ) -> RunId:
        """Ask for a preview."""
        command = StartPreviewCommand(
            tenant_id=self.engine.tenant_id, actor=NOBODY, client_id=client_id, what_if=what_if
        )
        return (await StartPreview(self.engine.context)(command)).run_id

    async def undo(self, run_id: RunId, customer: ManagedTenantId | None) -> RunId:
        """Ask for the undo of a run."""
        command = UndoCommand(
            tenant_id=self.engine.tenant_id,
            run_id=run_id,
            actor=NOBODY,
            managed_tenant_id=customer,
        )
        return await StartUndo(self.engine.context)(command)

    async def apply(self, run_id: RunId) -> RunId:
        """Ask for what was planned."""
        await ApplyRun(self.engine.context)(self.engine.tenant_id, run_id)
        return run_id

    async def resume(self, run_id: RunId, customer: ManagedTenantId | None) -> int:
        """Take up again what an undo left alone."""
        command = ResumeCommand(
            tenant_id=self.engine.tenant_id, run_id=run_id, managed_tenant_id=customer
        )
        return await Resume(self.engine.context)(command)

    async def answer(self, item_id: object, answer: Answer) -> Outcome:
        """Answer a question."""
        person = Person(tenant_id=self.engine.tenant_id, user_id=UserId(uuid4()), name="Somebody")
        resolve = ResolveItem(self.engine.context)
        return await resolve(person, ReviewItemId(UUID(str(item_id))), answer)
