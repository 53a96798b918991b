"""GDAP relationships: what gives a partner's account its place in a customer's directory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from devhost.seeds.model import DIRECTORY_READERS

DIRECTORY_ROLES = frozenset(
    {
        DIRECTORY_READERS,
        "f2ef992c-3afb-46b9-b7cf-a126ee74c451",  # Global Reader
        "62e90394-69f5-4237-9190-012177145e10",  # Global Administrator
        "9360feb5-f418-4baa-8175-e2a00bac4301",  # Directory Writers
        "fe930be7-5e62-47db-91af-98c3a49a38b1",  # User Administrator
        "729827e3-9c14-49f7-bb1b-9608f156bbb8",  # Helpdesk Administrator
        "e8611ab8-c189-46e8-94e1-60213ab1f814",  # Privileged Role Administrator
    }
)
"""Built-in roles that can read users; their ids are the same in every directory."""


@dataclass(slots=True, kw_only=True)
class Relationship:
    """One relationship between a partner (by position) and a customer."""

    id: str
    partner: int
    name: str
    status: str
    """As it was set; ``state`` is what holds now."""
    end: datetime
    auto_extend: bool
    roles: tuple[str, ...]

    def state(self, now: datetime) -> str:
        """The status at a moment: an active relationship whose end has come is expired."""
        return "expired" if self.status == "active" and self.end <= now else self.status

    def row(self, tenant_id: str, customer: str) -> dict[str, object]:
        """As Graph's ``delegatedAdminRelationship``."""
        return {
            "id": self.id,
            "displayName": self.name,
            "duration": "P730D",
            "status": self.state(datetime.now(UTC)),
            "customer": {"tenantId": tenant_id, "displayName": customer},
            "endDateTime": self.end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "autoExtendDuration": "P180D" if self.auto_extend else "PT0S",
            "accessDetails": {
                "unifiedRoles": [{"roleDefinitionId": role} for role in self.roles],
            },
        }


def can_read(active: Sequence[Relationship]) -> bool:
    """Does any of the relationships bring a role that reads the directory?"""
    return any(not DIRECTORY_ROLES.isdisjoint(r.roles) for r in active)
