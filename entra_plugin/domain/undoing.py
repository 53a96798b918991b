"""How a run is undone: the inverse of its rows, wherever what it wrote is still there.

What somebody changed since, or pinned, is kept, and said to be kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

from entra_plugin.domain.ids import ChangeId, ClientId, ContactId, ObjectId, RunId
from entra_plugin.domain.matching import Candidate
from entra_plugin.domain.pins import Pins
from entra_plugin.domain.states import ChangeKind, FieldName, VerdictReason

LINK = "link"
"""How a row that keeps something names the link, beside the fields of the contact."""

ACTIVE = "active"
CLIENT = "clientId"

INVERTIBLE = frozenset(
    {
        ChangeKind.CREATE,
        ChangeKind.LINK,
        ChangeKind.UPDATE,
        ChangeKind.INACTIVATE,
        ChangeKind.REACTIVATE,
        ChangeKind.MOVE,
    }
)
"""What can be undone. A question changed nobody, and a link to a contact that is gone is gone."""

_PRECEDENCE = (
    VerdictReason.PINNED,
    VerdictReason.CHANGED_BY_LATER_RUN,
    VerdictReason.EDITED_SINCE,
)
"""Which reason a row gives that keeps several things."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An applied row of the run that is undone."""

    change_id: ChangeId
    object_id: ObjectId
    client_id: ClientId
    contact_id: ContactId | None
    kind: ChangeKind
    reason: VerdictReason
    label: str
    search_key: str
    before: Mapping[str, object]
    after: Mapping[str, object]
    applied_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """What another run wrote to an identity or its contact, and when.

    ``reverts`` is when that was written which an undo took back by it.
    """

    run_id: RunId
    applied_at: datetime
    fields: frozenset[str]
    reverts: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What there is now of the identities of a page."""

    contacts: Mapping[ContactId, Candidate]
    links: Mapping[ObjectId, ContactId]
    """The contacts of the active links."""
    later: Mapping[ObjectId, Sequence[Later]]
    """Oldest first."""
    pins: Pins


@dataclass(frozen=True, slots=True, kw_only=True)
class Inverse:
    """A row of the plan of an undo; of kind none, it says what is kept and why."""

    change_id: ChangeId
    source: Source
    kind: ChangeKind
    reason: VerdictReason
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None
    note: Mapping[str, object] | None = None


@dataclass(slots=True, kw_only=True)
class _Kept:
    """What of one identity stays as it is: for each field why, and what is there."""

    why: dict[str, tuple[VerdictReason, RunId | None]] = field(default_factory=dict)
    now: dict[str, object] = field(default_factory=dict)


def invert(run_id: RunId, sources: Sequence[Source], present: Present) -> list[Inverse]:
    """The plan of ``run_id`` to undo the rows of one identity; at most one row of each kind."""
    rows: list[Inverse] = []
    kept = _Kept()
    for source in sources:
        row = _invert(run_id, source, present, kept)
        if row is not None:
            rows.append(row)
    if kept.why:
        rows.append(_kept_row(run_id, sources[0], kept))
    return rows


def touches(kind: ChangeKind, after: Mapping[str, object] | None) -> frozenset[str]:
    """What a row writes: fields of the contact, or the link."""
    match kind:
        case ChangeKind.UPDATE:
            return frozenset(after or ())
        case ChangeKind.MOVE:
            return frozenset({CLIENT, ACTIVE, LINK})
        case ChangeKind.CREATE:
            return frozenset({ACTIVE, LINK})
        case ChangeKind.LINK | ChangeKind.CLOSE_LINK:
            return frozenset({LINK})
        case ChangeKind.INACTIVATE | ChangeKind.REACTIVATE:
            return frozenset({ACTIVE})
        case ChangeKind.QUEUE | ChangeKind.NONE:
            return frozenset()


def rewritten(later: Sequence[Later], fields: frozenset[str], applied_at: datetime) -> RunId | None:
    """The youngest run that wrote one of these fields after then, whatever it wrote there.

    What an undo took back, and that undo, are as if they had not been.
    """
    by = [
        one.run_id
        for one in later
        if one.applied_at > applied_at
        and (one.reverts is None or one.reverts <= applied_at)
        and not fields.isdisjoint(one.fields)
    ]
    return by[-1] if by else None


def opened_link(kind: ChangeKind, reason: VerdictReason) -> bool:
    """True for a row that made a contact a person of the directory: undoing it closes the link."""
    resumed = kind == ChangeKind.REACTIVATE and reason == VerdictReason.RESUMED
    return kind in {ChangeKind.CREATE, ChangeKind.LINK} or resumed


def forbidden(
    kind: ChangeKind,
    object_id: ObjectId,
    contact_id: ContactId | None,
    after: Mapping[str, object],
    pins: Pins,
) -> bool:
    """True when a pin keeps a row of an undo from being applied, wholly or in part."""
    if object_id in pins.ignored or contact_id in pins.hands_off:
        return True
    if kind in {ChangeKind.INACTIVATE, ChangeKind.MOVE} and after.get(ACTIVE) is False:
        return contact_id in pins.keep_active
    locked = pins.locked.get(contact_id, frozenset()) if contact_id is not None else frozenset()
    return kind == ChangeKind.UPDATE and not locked.isdisjoint(after)


def _invert(run_id: RunId, source: Source, present: Present, kept: _Kept) -> Inverse | None:
    match source.kind:
        case ChangeKind.CREATE | ChangeKind.REACTIVATE:
            wrote: dict[str, object] = {ACTIVE: True}
            return _whole(run_id, source, ChangeKind.INACTIVATE, wrote, present, kept)
        case ChangeKind.INACTIVATE:
            wrote = {ACTIVE: False}
            return _whole(run_id, source, ChangeKind.REACTIVATE, wrote, present, kept)
        case ChangeKind.MOVE:
            return _whole(run_id, source, ChangeKind.MOVE, dict(source.after), present, kept)
        case ChangeKind.UPDATE:
            return _fields(run_id, source, present, kept)
        case ChangeKind.LINK:
            return _unlinked(run_id, source, present, kept)
        case _:
            return None


def _whole(
    run_id: RunId,
    source: Source,
    kind: ChangeKind,
    wrote: dict[str, object],
    present: Present,
    kept: _Kept,
) -> Inverse | None:
    """All of it or nothing: what the run wrote must still be there, and be its own."""
    after = dict(source.before) if kind == ChangeKind.MOVE else {ACTIVE: not wrote[ACTIVE]}
    now = _now(source, present, wrote)
    if forbidden(kind, source.object_id, source.contact_id, after, present.pins):
        _keep(kept, wrote, now, VerdictReason.PINNED)
        return None
    others = sorted(touches(source.kind, wrote) - wrote.keys())
    changed = [
        name
        for name in (*wrote, *others)
        if (name in wrote and now.get(name) != wrote[name]) or _rewritten(source, name, present)
    ]
    if changed:
        _keep_changed(kept, source, changed, now | _link(source, present), present)
        return None
    return _row(run_id, source, kind, before=wrote, after=after)


def _fields(run_id: RunId, source: Source, present: Present, kept: _Kept) -> Inverse | None:
    """Field by field: those that still hold what the run wrote, and no later one, go back."""
    now = _now(source, present, source.after)
    back: list[str] = []
    changed: list[str] = []
    for name, value in source.after.items():
        one = {name: value}
        if forbidden(source.kind, source.object_id, source.contact_id, one, present.pins):
            _keep(kept, one, now, VerdictReason.PINNED)
        elif now.get(name) != value or _rewritten(source, name, present):
            changed.append(name)
        else:
            back.append(name)
    _keep_changed(kept, source, changed, now, present)
    if not back:
        return None
    return _row(
        run_id,
        source,
        ChangeKind.UPDATE,
        before={name: source.after[name] for name in back},
        after={name: source.before.get(name) for name in back},
    )


def _unlinked(run_id: RunId, source: Source, present: Present, kept: _Kept) -> Inverse | None:
    linked = present.links.get(source.object_id)
    now = _link(source, present)
    kind = ChangeKind.CLOSE_LINK
    if forbidden(kind, source.object_id, source.contact_id, {}, present.pins):
        _keep(kept, [LINK], now, VerdictReason.PINNED)
        return None
    if linked != source.contact_id or _rewritten(source, LINK, present):
        _keep_changed(kept, source, [LINK], now, present)
        return None
    return _row(run_id, source, kind)


def _now(source: Source, present: Present, names: Iterable[str]) -> dict[str, object]:
    """What the contact has in these fields; nothing at all when it is gone."""
    contact = present.contacts.get(source.contact_id) if source.contact_id is not None else None
    if contact is None:
        return {}
    return {name: _value(contact, name) for name in names}


def _link(source: Source, present: Present) -> dict[str, object]:
    """Whom the identity is linked to."""
    linked = present.links.get(source.object_id)
    return {LINK: str(linked) if linked is not None else None}


def _value(contact: Candidate, name: str) -> object:
    if name == ACTIVE:
        return contact.active
    if name == CLIENT:
        return str(contact.client_id)
    return contact.values.get(FieldName(name))


def _keep(kept: _Kept, names: Iterable[str], now: Mapping[str, object], why: VerdictReason) -> None:
    for name in names:
        kept.why[name] = (why, None)
        kept.now[name] = now.get(name)


def _keep_changed(
    kept: _Kept,
    source: Source,
    names: Iterable[str],
    now: Mapping[str, object],
    present: Present,
) -> None:
    """Keep what was changed since: by a later run, the youngest of which is named, or by people."""
    for name in names:
        by = _rewritten(source, name, present)
        kept.now[name] = now.get(name)
        kept.why[name] = (
            (VerdictReason.CHANGED_BY_LATER_RUN, by)
            if by is not None
            else (VerdictReason.EDITED_SINCE, None)
        )


def _rewritten(source: Source, name: str, present: Present) -> RunId | None:
    later = present.later.get(source.object_id, ())
    return rewritten(later, frozenset({name}), source.applied_at)


def _kept_row(run_id: RunId, source: Source, kept: _Kept) -> Inverse:
    reasons = {reason for reason, _ in kept.why.values()}
    runs = [str(by) for _, by in kept.why.values() if by is not None]
    note: dict[str, object] = {"kept": {name: why.value for name, (why, _) in kept.why.items()}}
    if runs:
        note["runId"] = runs[0]
    return Inverse(
        change_id=_change_id(run_id, source, ChangeKind.NONE),
        source=source,
        kind=ChangeKind.NONE,
        reason=next(reason for reason in _PRECEDENCE if reason in reasons),
        before=kept.now,
        note=note,
    )


def _row(
    run_id: RunId,
    source: Source,
    kind: ChangeKind,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> Inverse:
    return Inverse(
        change_id=_change_id(run_id, source, kind),
        source=source,
        kind=kind,
        reason=VerdictReason.UNDONE,
        before=before,
        after=after,
    )


def _change_id(run_id: RunId, source: Source, kind: ChangeKind) -> ChangeId:
    """The same for the same run, row and kind: a repeated attempt repeats its rows."""
    return ChangeId(uuid5(UUID(bytes=run_id.bytes), f"{source.change_id}/{kind.value}"))
