"""Clients that make it doubtful that a new one is needed; a warning, never a refusal."""

from entra_plugin.domain.mapping.facts import EXACT, Evidence, Proposal, Suggestion

LOOK_ALIKE_SCORE = 0.2
"""Below it, what speaks for a client is no more than chance: a common word, one stray contact."""

_TELLING = EXACT | {Evidence.DISGUISED}


def look_alikes(proposal: Proposal) -> tuple[Suggestion, ...]:
    """The candidates that may already be the client that would be created, best first.

    However unlikely, one that has the GUID or a domain of the managed tenant is one of them, and
    one whose name or domain is imitated with letters of another script.
    """
    return tuple(
        found
        for found in proposal.candidates
        if found.score >= LOOK_ALIKE_SCORE or found.has(_TELLING)
    )
