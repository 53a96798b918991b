"""The world of a history: what is true, and what its people have decided."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatch

from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import ClientId, EntraTenantId, GroupId, ObjectId
from support.office import CLIENTS, DIRECTORIES
from support.paper import Paper

Key = tuple[str, str]
"""Directory and object."""


@dataclass(slots=True, kw_only=True)
class World:
    """What is true, and what people have decided."""

    papers: dict[EntraTenantId, Paper] = field(
        default_factory=lambda: {directory: Paper() for directory in DIRECTORIES}
    )
    mapped: dict[EntraTenantId, ClientId | None] = field(
        default_factory=lambda: dict(zip(DIRECTORIES, CLIENTS, strict=False))
    )
    modes: dict[str, str] = field(default_factory=dict)
    """The field rules that are on."""
    rules_flag: bool = True
    guard: dict[str, object] = field(default_factory=dict)
    filters: dict[str, object] = field(default_factory=dict)
    group_of: dict[EntraTenantId, GroupId] = field(default_factory=dict)
    """Customers of whom only a group counts."""
    keep_active: set[str] = field(default_factory=set)
    hands_off: set[str] = field(default_factory=set)
    locked: set[tuple[str, str]] = field(default_factory=set)
    ignored: set[Key] = field(default_factory=set)
    left_at: dict[Key, datetime] = field(default_factory=dict)
    """Since when a user is disabled or gone."""
    departures: Counter[Key] = field(default_factory=Counter)
    inactivated: dict[tuple[Key, str], int] = field(default_factory=dict)
    """For which departure a contact was made inactive, for each identity that it was linked to."""

    @property
    def rules(self) -> Mapping[str, str]:
        """The field rules that have an effect."""
        return self.modes if self.rules_flag else {}

    @property
    def grace(self) -> timedelta:
        """How old the evidence of a departure has to be."""
        return timedelta(days=int(str(self.guard.get("graceDays", 0))))

    @property
    def marks_inactive(self) -> bool:
        """Whether those who left become inactive at all."""
        return bool(self.guard.get("markInactiveWhenDisabled", True))

    def user(self, key: Key) -> DirectoryUser | None:
        """A user as he is."""
        directory, object_id = key
        for entra_tenant_id, paper in self.papers.items():
            if str(entra_tenant_id) == directory:
                return next((u for o, u in paper.users.items() if str(o) == object_id), None)
        raise LookupError(key)

    def has_left(self, key: Key) -> bool:
        """He is disabled or gone."""
        user = self.user(key)
        return user is None or not user.enabled

    def note(self, directory: EntraTenantId, object_id: ObjectId, now: datetime) -> None:
        """Keep up with a change of the directory."""
        key = (str(directory), str(object_id))
        if not self.has_left(key):
            self.left_at.pop(key, None)
        elif key not in self.left_at:
            self.left_at[key] = now
            self.departures[key] += 1

    def hangs_together(self) -> bool:
        """Two directories have a client or an address in common: one may wait for the other."""
        mapped = {d: client for d, client in self.mapped.items() if client is not None}
        addresses = Counter(
            address
            for directory in mapped
            for address in {
                normal("email", name)
                for user in self.papers[directory].users.values()
                for name in (user.mail, user.user_principal_name, *user.aliases)
                if name is not None
            }
        )
        return len(set(mapped.values())) < len(mapped) or any(n > 1 for n in addresses.values())

    def client_of(self, key: Key) -> ClientId | None:
        """The client that the identity's directory is mapped to."""
        return next(c for d, c in self.mapped.items() if str(d) == key[0])


def value_of(user: DirectoryUser, name: str) -> str | None:
    """A field as the directory has it."""
    match name:
        case "displayName":
            return user.display_name
        case "email":
            return user.mail or user.user_principal_name
        case "role":
            return user.job_title
        case "department":
            return user.department
        case "phone":
            return user.business_phones[0] if user.business_phones else None
        case _:
            return user.mobile_phone


def normal(name: str, value: object) -> str | None:
    """The form in which values are compared, as far as these histories need it."""
    if value is None:
        return None
    text = str(value)
    if name == "email":
        return text.lower()
    if name in {"phone", "mobile"}:
        digits = "".join(c for c in text if c.isdigit())
        return "+" + digits if text.startswith("+") else digits
    return text


def left_out(world: World, directory: EntraTenantId, user: DirectoryUser) -> bool:
    """He gets no contact."""
    group = world.group_of.get(directory)
    patterns = world.filters.get("excludePatterns") or []
    assert isinstance(patterns, list)
    names = str(value_of(user, "email")), user.user_principal_name
    return (
        not user.enabled
        or (user.user_type == "Guest" and not world.filters.get("includeGuests"))
        or (bool(world.filters.get("licensedOnly")) and not user.licensed)
        or any(fnmatch(name, pattern) for name in names for pattern in patterns)
        or (group is not None and user.object_id not in world.papers[directory].groups[group])
    )
