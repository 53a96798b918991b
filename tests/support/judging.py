"""What a sync may do, said once more and simply: judges the difference that a run made.

Uses no rule of the plugin's. What is known here of the world, the plugin has to find out.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from support.office import FIELDS, Row, State
from support.world import Key, World, normal, value_of


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
        differs = judge_told(old, contact, mine)
        if differs:
            _judge_change(world, before, after, old, contact, differs, bases=bases, now=now)


def judge_told(old: Row, contact: Row, rows: Iterable[Row]) -> frozenset[str]:
    """What differs is what the run wrote down; answers what it is."""
    told: dict[str, object] = {}
    was: dict[str, object] = {}
    for row in rows:
        if row["kind"] in {"update", "inactivate", "reactivate", "move"}:
            told |= dict(row["after"])  # type: ignore[call-overload]
            was = dict(row["before"]) | was  # type: ignore[call-overload]
    differs = {
        "clientId" if n == "client" else n: contact[n]
        for n in (*FIELDS, "active", "client")
        if contact[n] != old[n]
    }
    assert differs.items() <= told.items(), f"{differs} is not what was written down: {told}"
    before = old | {"clientId": old["client"]}  # type: ignore[operator]
    assert all(was[name] == before[name] for name in differs), f"it was not {was}, but {old}"
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
    assert not _is_undone(before, key), "a contact of an undone identity was changed"
    for name in differs & set(FIELDS):
        base = bases.links.get(key) or bases.closed.get(key)
        _judge_field(world, key, old, contact, name, base)
    if "active" in differs:
        _judge_active(world, before, key, bases.contacts[contact_id], contact, now)


def _is_undone(state: State, key: Key) -> bool:
    decision = state.decisions.get(key)
    return decision is not None and decision["kind"] == "undone"


def judge_decisions(before: State, after: State) -> None:
    """What people decided is not forgotten by a sync, and an undone identity is left alone.

    A link is only closed when its contact is gone.
    """
    assert after.decisions == before.decisions, "a sync decided something"
    for key in before.decisions:
        if _is_undone(before, key):
            verdict = after.identities[key]["verdict"]
            assert verdict in {"undone", "ignored"}, f"undone, and {verdict}"
            assert after.links.get(key) == before.links.get(key), "an undone link was touched"
    for key, link in before.links.items():
        if str(link["contact_id"]) in before.contacts:
            now = after.links.get(key)
            assert now is not None, f"the link of {key} was closed"
            assert now["link_id"] == link["link_id"], f"{key} is linked anew"


def _judge_new(world: World, after: State, contact: Row, rows: Iterable[Row]) -> None:
    assert [r["kind"] for r in rows if r["kind"] != "queue"] == ["create"], "made by nobody"
    key = after.holders.get(str(contact["id"]))
    assert key is not None, "a contact was made for nobody"
    assert after.decisions.get(key, {}).get("kind") not in {"ignored", "undone"}
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
    """``old`` is the contact that was planned with: an edit since of other fields stops nothing."""
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
        kept = old is not None and old["contact_id"] == link["contact_id"]
        was = dict((old or {}).get("base") or {}) if kept else {}  # type: ignore[call-overload]
        now = dict(link["base"] or {})  # type: ignore[call-overload]
        assert was.keys() <= now.keys(), "a base was lost"
        for name, value in now.items():
            if value == was.get(name):
                continue
            assert name in world.rules, f"a base moved while the rule for {name} was off"
            user = world.user(key)
            said = user is None or value == normal(name, value_of(user, name))
            assert said, "a base that nobody said"


def judge_books(state: State) -> None:
    """Counters are those of the rows, and what is held is held once, by a run that says so."""
    waiting = Counter(
        (r["directory"], r["object"], r["kind"]) for r in state.changes if r["state"] == "held"
    )
    twice = [subject for subject, count in waiting.items() if count > 1]
    assert not twice, f"held twice: {twice}"
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
        applied = Counter(r["kind"] for r in rows if r["state"] in {"applied", "undone"})
        states = Counter(r["state"] for r in rows)
        told = {name: part[name] for name in (*verbs, "held", "stale", "failed")}
        true = {name: applied[kind] for name, kind in verbs.items()}
        true |= {name: states[name] for name in ("held", "stale", "failed")}
        assert told == true, f"counters {told} of rows {true}"
        assert (part["state"] == "held") == (states["held"] > 0), "held, and nobody says so"
        planned = [r for r in rows if r["state"] == "planned" and r["kind"] != "none"]
        run = state.runs[str(part["run_id"])]
        waits = run["type"] in {"preview", "undo"} and not run["applied"]
        assert waits or not planned, "a plan was left behind"
        assert part["finished_at"], "a part of a run is not closed"
    for run in state.runs.values():
        mine = [p["state"] for p in state.parts if p["run_id"] == run["id"]]
        assert run["finished"], "a run is not closed"
        assert (run["state"] == "held") == ("held" in mine), f"{run} of {mine}"
