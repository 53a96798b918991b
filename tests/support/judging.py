"""What a sync may do, said once more and simply: judges the difference that a run made.

Uses no rule of the plugin's. What is known here of the world, the plugin has to find out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatch

from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import ClientId, EntraTenantId, GroupId, ObjectId
from support.office import CLIENTS, CUSTOMERS, DIRECTORIES, FIELDS, Row, State
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


def judge_contacts(
    world: World, before: State, after: State, *, run_id: object, bases: State, now: datetime
) -> None:
    """Every difference of a contact is allowed, and told by an applied row of the run."""
    gone = before.contacts.keys() - after.contacts.keys()
    assert not gone, f"contacts were deleted: {gone}"
    rows = [r for r in after.of_run(run_id) if r["state"] == "applied"]
    for contact_id, contact in after.contacts.items():
        old = before.contacts.get(contact_id)
        mine = [r for r in rows if r["contact"] == contact_id]
        if old is None:
            _judge_new(world, after, contact, mine)
            continue
        differs = _judge_told(old, contact, mine)
        if differs:
            _judge_change(world, before, after, old, contact, differs, bases=bases, now=now)


def _judge_told(old: Row, contact: Row, rows: Iterable[Row]) -> frozenset[str]:
    """What differs is what the run wrote down; answers what it is."""
    told: dict[str, object] = {}
    for row in rows:
        if row["kind"] in {"update", "inactivate", "reactivate", "move"}:
            told |= dict(row["after"])  # type: ignore[call-overload]
    differs = {
        "clientId" if n == "client" else n: contact[n]
        for n in (*FIELDS, "active", "client")
        if contact[n] != old[n]
    }
    assert differs.items() <= told.items(), f"{differs} is not what was written down: {told}"
    written = contact["version"] != old["version"]
    assert written == bool(told), f"a contact was written to without need: {old} {contact}"
    return frozenset(differs)


def _judge_change(
    world: World,
    before: State,
    after: State,
    old: Row,
    contact: Row,
    differs: frozenset[str],
    *,
    bases: State,
    now: datetime,
) -> None:
    contact_id = str(contact["id"])
    assert contact_id not in world.hands_off, "a contact was changed that is pinned"
    key = after.holders.get(contact_id) or before.holders.get(contact_id)
    assert key is not None, "a contact was changed that nobody is linked to"
    assert key not in world.ignored, "a contact of an ignored identity was changed"
    for name in differs & set(FIELDS):
        base = bases.links.get(key) or bases.closed.get(key)
        _judge_field(world, key, old, contact, name, base)
    if "active" in differs:
        _judge_active(world, before, key, old, contact, now)


def _judge_new(world: World, after: State, contact: Row, rows: Iterable[Row]) -> None:
    assert [r["kind"] for r in rows if r["kind"] != "queue"] == ["create"], "made by nobody"
    key = after.holders.get(str(contact["id"]))
    assert key is not None, "a contact was made for nobody"
    user = world.user(key)
    assert user is not None
    assert user.enabled, "a contact was made for somebody who left"
    assert contact["email"] == value_of(user, "email")
    assert contact["active"]
    assert contact["client"] == str(world.client_of(key))


def _judge_field(world: World, key: Key, old: Row, new: Row, name: str, link: Row | None) -> None:
    """The three-way rule."""
    mode = world.rules.get(name)
    assert mode is not None, f"{name} was changed although its rule is off"
    assert (str(new["id"]), name) not in world.locked, f"{name} was changed although locked"
    user = world.user(key)
    assert user is not None, "the fields of somebody who is gone were changed"
    there = value_of(user, name)
    assert there, f"a blank {name} was written"
    assert new[name] == there, f"{name} is not the directory's"
    held = dict((link or {}).get("base") or {})  # type: ignore[call-overload]
    base = held.get(name) if link is not None and link["contact_id"] == new["id"] else None
    assert base != normal(name, there), f"a local edit of {name} alone was reverted"
    edited = normal(name, old[name]) != base
    if mode != "directory_wins":
        assert not edited, f"a local edit of {name} was overwritten under {mode}"


def _judge_active(world: World, before: State, key: Key, old: Row, new: Row, now: datetime) -> None:
    contact_id = str(new["id"])
    if new["active"]:
        assert not world.has_left(key), "somebody became active who left"
        link = before.links.get(key) or before.closed.get(key)
        assert link is not None
        assert link["inactive_version"] == old["version"], "what a person made inactive is active"
        return
    assert world.marks_inactive, "made inactive although that is switched off"
    assert contact_id not in world.keep_active, "made inactive although pinned"
    assert world.has_left(key), "made inactive without evidence"
    assert now - world.left_at[key] >= world.grace, "made inactive within the grace period"
    departure = world.departures[key]
    assert world.inactivated.get((key, contact_id)) != departure, "one departure counted twice"
    world.inactivated[key, contact_id] = departure


def judge_bases(world: World, before: State, after: State) -> None:
    """What a rule remembers is what the directory said while the rule was on, and is never lost."""
    for key, link in after.links.items():
        old = before.links.get(key) or before.closed.get(key)
        kept = old is not None and old["link_id"] == link["link_id"]
        was = dict((old or {}).get("base") or {}) if kept else {}  # type: ignore[call-overload]
        now = dict(link["base"] or {})  # type: ignore[call-overload]
        assert was.keys() <= now.keys(), "a base was lost"
        for name, value in now.items():
            if value == was.get(name):
                continue
            assert name in world.rules, f"a base moved while the rule for {name} was off"
            user = world.user(key)
            assert user is not None
            assert value == normal(name, value_of(user, name)), "a base that nobody said"


def judge_books(state: State) -> None:
    """Counters are those of the rows, and what is held is held by a run that says so."""
    verbs = {
        "created": "create",
        "linked": "link",
        "updated": "update",
        "inactivated": "inactivate",
        "reactivated": "reactivate",
        "moved": "move",
        "queued": "queue",
    }
    for part in state.parts:
        rows = [
            r for r in state.of_run(part["run_id"]) if r["customer"] == part["managed_tenant_id"]
        ]
        applied = Counter(r["kind"] for r in rows if r["state"] == "applied")
        states = Counter(r["state"] for r in rows)
        told = {name: part[name] for name in (*verbs, "held", "stale", "failed")}
        true = {name: applied[kind] for name, kind in verbs.items()}
        true |= {name: states[name] for name in ("held", "stale", "failed")}
        assert told == true, f"counters {told} of rows {true}"
        assert (part["state"] == "held") == (states["held"] > 0), "held, and nobody says so"
        assert not states["planned"], "a plan was left behind"
        assert part["finished_at"], "a part of a run is not closed"
    for run in state.runs.values():
        mine = [p["state"] for p in state.parts if p["run_id"] == run["id"]]
        assert run["finished"], "a run is not closed"
        assert (run["state"] == "held") == ("held" in mine), f"{run} of {mine}"


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
    return (
        not user.enabled
        or (user.user_type == "Guest" and not world.filters.get("includeGuests"))
        or (bool(world.filters.get("licensedOnly")) and not user.licensed)
        or any(fnmatch(str(value_of(user, "email")), pattern) for pattern in patterns)
        or (group is not None and user.object_id not in world.papers[directory].groups[group])
    )


def customers() -> list[str]:
    """The ids of the customers, as JSON has them."""
    return [str(customer) for customer in CUSTOMERS]
