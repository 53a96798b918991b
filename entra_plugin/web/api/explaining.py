"""The route that explains an identity."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter

from entra_plugin.application.clients import LeftOut
from entra_plugin.application.explain import Explanation, Next
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import EntraTenantId, ObjectId
from entra_plugin.domain.states import (
    ChangeKind,
    DecisionKind,
    MappingState,
    PinKind,
    Verdict,
)
from entra_plugin.resources import Locale
from entra_plugin.web.api.schema import Envelope, View, failures, ok
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["people"])


class DepartureView(View):
    """The evidence that a person left; ``dueAt`` is when it will be acted on, if it waits."""

    reason: str
    reason_text: str
    since: datetime
    settled: bool
    due_at: datetime | None


class DecisionView(View):
    """What a person decided."""

    kind: DecisionKind
    contact_id: UUID | None
    reason: str | None
    decided_by: str | None
    decided_at: datetime


class ExplainedLinkView(View):
    """The contact that the identity is linked to, and since when."""

    contact_id: UUID
    reason: str
    reason_text: str
    linked_at: datetime


class QuestionView(View):
    """The open review item, with the contacts that are in question."""

    item_id: UUID
    reason: str
    reason_text: str
    candidates: list[UUID]
    created_at: datetime


class ExplainedPinView(View):
    """A pin on the identity or its contact."""

    kind: PinKind
    field: str | None
    reason: str | None
    created_by: str | None
    created_at: datetime


class HeldRowView(View):
    """A row that waits for a person."""

    change_id: UUID
    run_id: UUID
    kind: ChangeKind


class FieldView(View):
    """One field rule that is on; ``outcome``: write, ask or keep."""

    field: str
    mode: str
    base: str | None
    directory: str | None
    contact: str | None
    outcome: str


class NextRowView(View):
    """A row that the next sync would plan."""

    kind: ChangeKind
    reason: str
    reason_text: str
    contact_id: UUID | None
    candidates: list[UUID]
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None


class NextView(View):
    """What the next sync would do: rows, or the verdict that stays."""

    rows: list[NextRowView]
    verdict: Verdict | None
    reason: str | None
    reason_text: str | None


class ExplanationView(View):
    """Why an identity is treated as it is."""

    entra_tenant_id: UUID
    object_id: UUID
    managed_tenant_id: UUID
    client_id: UUID | None
    mapping_state: MappingState | None
    left_out: LeftOut | None
    display_name: str | None
    address: str | None
    other_addresses: list[str]
    enabled: bool | None
    verdict: Verdict
    reason: str
    reason_text: str
    pattern: str | None
    unsettled: bool
    changed_at: datetime
    departure: DepartureView | None
    decision: DecisionView | None
    link: ExplainedLinkView | None
    question: QuestionView | None
    pins: list[ExplainedPinView]
    held: list[HeldRowView]
    fields: list[FieldView]
    next: NextView | None


@router.get("/identities/{entra_tenant_id}/{object_id}/explain", responses=failures())
async def explain(
    known: Known, runtime: Started, entra_tenant_id: UUID, object_id: UUID
) -> Envelope[ExplanationView]:
    """Verdict, rule and evidence of one user, and what the next sync would do."""
    identity = IdentityKey(
        entra_tenant_id=EntraTenantId(entra_tenant_id), object_id=ObjectId(object_id)
    )
    found = await runtime.explain(known.tenant_id, identity)
    if Flag.QUEUE not in known.flags:
        found = replace(found, question=None)
    return ok(_view(identity, found, known.locale))


def _view(identity: IdentityKey, found: Explanation, locale: Locale) -> ExplanationView:
    held, user = found.held, found.held.user

    def words(reason: str) -> str:
        return locale.text(f"reason.{reason}")

    return ExplanationView(
        entra_tenant_id=identity.entra_tenant_id,
        object_id=identity.object_id,
        managed_tenant_id=found.managed_tenant_id,
        client_id=found.client_id,
        mapping_state=found.mapping_state,
        left_out=found.left_out,
        display_name=user.display_name if user else None,
        address=found.address,
        other_addresses=list(found.other_addresses),
        enabled=user.enabled if user else None,
        verdict=held.verdict,
        reason=held.reason,
        reason_text=words(held.reason),
        pattern=found.pattern,
        unsettled=held.unsettled,
        changed_at=held.changed_at,
        departure=DepartureView(
            reason=held.departure.kind.value,
            reason_text=words(held.departure.kind.value),
            since=held.departure.since,
            settled=held.departure.settled,
            due_at=found.due_at,
        )
        if held.departure
        else None,
        decision=DecisionView(
            kind=found.decision.kind,
            contact_id=found.decision.contact_id,
            reason=found.decision.reason,
            decided_by=found.decision.by,
            decided_at=found.decision.at,
        )
        if found.decision
        else None,
        link=ExplainedLinkView(
            contact_id=found.link.contact_id,
            reason=found.link.reason,
            reason_text=words(found.link.reason),
            linked_at=found.link.opened_at,
        )
        if found.link
        else None,
        question=QuestionView(
            item_id=found.question.item_id,
            reason=found.question.reason,
            reason_text=words(found.question.reason),
            candidates=list(found.question.candidates),
            created_at=found.question.created_at,
        )
        if found.question
        else None,
        pins=[
            ExplainedPinView(
                kind=pin.kind,
                field=pin.field,
                reason=pin.reason,
                created_by=pin.by,
                created_at=pin.at,
            )
            for pin in found.pins
        ],
        held=[
            HeldRowView(change_id=row.change_id, run_id=row.run_id, kind=ChangeKind(row.kind))
            for row in found.waiting
        ],
        fields=[
            FieldView(
                field=fact.name,
                mode=fact.mode,
                base=fact.base,
                directory=fact.directory,
                contact=fact.contact,
                outcome=fact.outcome,
            )
            for fact in found.fields
        ],
        next=_next(found.next, locale) if found.next else None,
    )


def _next(found: Next, locale: Locale) -> NextView:
    return NextView(
        rows=[
            NextRowView(
                kind=row.kind,
                reason=row.reason.value,
                reason_text=locale.text(f"reason.{row.reason.value}"),
                contact_id=row.contact_id,
                candidates=list(row.candidates),
                before=row.before,
                after=row.after,
            )
            for row in found.rows
        ],
        verdict=found.verdict,
        reason=found.reason,
        reason_text=locale.text(f"reason.{found.reason}") if found.reason else None,
    )
