"""What is kept with a decision about a managed tenant: how it was made, on which evidence."""

from collections.abc import Mapping
from enum import StrEnum

from entra_plugin.domain.ids import ClientId
from entra_plugin.domain.mapping.facts import Proposal, Reason, Suggestion


class Decided(StrEnum):
    """How a decision came about."""

    BY_PERSON = "by_person"
    BY_FILE = "by_file"
    BY_SETTINGS = "by_settings"
    """The decision stayed; its overrides or its pause changed."""
    BY_SYNC = "by_sync"
    """A sync made the client that was asked for."""


def evidence_of(
    how: Decided, proposal: Proposal | None = None, client_id: ClientId | None = None
) -> dict[str, object]:
    """A snapshot of what the matcher says of the chosen client now, as a JSON document."""
    chosen = _suggestion(proposal, client_id)
    match = proposal.match if proposal else None
    return {
        "decided": how.value,
        "automatic": match is not None and match.client_id == client_id,
        "score": chosen.score if chosen else None,
        "reasons": [_reason(reason) for reason in (chosen.reasons if chosen else ())],
    }


def _reason(reason: Reason) -> dict[str, object]:
    document: dict[str, object] = {"evidence": reason.evidence.value, "detail": reason.detail}
    if reason.people is not None:
        document |= {"people": reason.people, "allPeople": reason.all_people}
    return document


def settled_anew(evidence: Mapping[str, object]) -> dict[str, object]:
    """The evidence of a decision that stays while its settings change."""
    return {**evidence, "decided": Decided.BY_SETTINGS.value}


def _suggestion(proposal: Proposal | None, client_id: ClientId | None) -> Suggestion | None:
    if proposal is None or client_id is None:
        return None
    found = (*proposal.candidates, *((proposal.match,) if proposal.match else ()))
    return next((s for s in found if s.client_id == client_id), None)
