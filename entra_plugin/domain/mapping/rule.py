"""The narrow rule under which a managed tenant is matched without a person.

The one client whose website or domain field is one of the tenant's verified domains, if no other
tenant's is, if nothing contradicts it, and if the score agrees. The thresholds were chosen on the
published set and two that were made independently; docs/explanation says how.
"""

from collections.abc import Sequence

from entra_plugin.domain.mapping.evidence import Measured
from entra_plugin.domain.mapping.facts import Suggestion

SURE = 0.9
"""A match must be at least so likely, ..."""
LIKELY = 0.5
NO_OTHER = 0.05
"""... or likely, and every other client less likely than this."""

_WHOLLY_DIFFERENT = 0.2
"""Names that share less of their information are."""
_TELLING = 1.5
"""Nats that a name has alone: "Contoso Pizza Leeds" may be a franchisee of "Contoso Pizza"."""
_STRAY = 0.2
"""Less is a single contact on a domain of many clients, as the MSP's own: no place to live."""


def needs_nobody(found: Measured, first: Suggestion, others: Sequence[Suggestion]) -> bool:
    """True when the unique exact match is likely and nothing speaks against it."""
    if found.own_directory or found.disguised or contradicted(found):
        return False
    alone = first.score >= LIKELY and all(other.score < NO_OTHER for other in others)
    return alone or first.score >= SURE


def contradicted(found: Measured) -> bool:
    """The name is different and the client's contacts live on other domains.

    So it is with a head office that holds a franchisee's site, an agency that hosts a client's, and
    a domain that was sold. Contacts with free mail speak neither for nor against.
    """
    alike = found.alike
    different = not alike.equal and (
        alike.part < _WHOLLY_DIFFERENT or max(alike.left, alike.right) > _TELLING
    )
    return different and found.elsewhere > _STRAY and not found.census
