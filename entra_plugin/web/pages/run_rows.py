"""The rows of a run's plan in words: who, what, from what to what, why, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from entra_plugin.application.run_history import Named
from entra_plugin.domain.ids import ClientId, ContactId, RunId
from entra_plugin.domain.states import (
    ChangeKind,
    ChangeState,
    FieldName,
    Verdict,
    VerdictReason,
)
from entra_plugin.domain.undoing import ACTIVE, CLIENT, LINK
from entra_plugin.host import Contact
from entra_plugin.resources import Locale
from entra_plugin.store.changes import ChangeRow

PHONES = "phones"
NAME = "fullName"
OTHER_FIELDS = frozenset({ACTIVE, CLIENT, LINK, PHONES})
"""What rows speak of beside the fields of field rules."""

TONES: Mapping[ChangeState, str] = {
    ChangeState.PLANNED: "queued",
    ChangeState.HELD: "held",
    ChangeState.APPLIED: "completed",
    ChangeState.STALE: "partial",
    ChangeState.SUPERSEDED: "skipped",
    ChangeState.DISCARDED: "skipped",
    ChangeState.FAILED: "failed",
    ChangeState.UNDONE: "skipped",
}
"""By which state of a run the state of a row is drawn."""

_ORDER = (NAME, FieldName.DISPLAY_NAME, FieldName.EMAIL, PHONES, FieldName.PHONE, FieldName.MOBILE)
"""The fields that come first, in this order; the others follow by name."""

FOUND = frozenset(
    {
        *("changed", "contact_gone", "other_client", "active_changed", "address_changed"),
        *("edited_since", "link_gone", "linked_elsewhere", "exists", "pinned", "rule_off"),
        *("decided_meanwhile", "seen_since", "undone_already", "changed_by_later_run"),
    }
)
"""Why a row no longer holds, as it is noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownField:
    """One field of a row; None where the row says nothing of that side."""

    label: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is to be said beside the state, with the run or the contact that it is about."""

    words: str
    run_id: RunId | None = None
    contact_id: ContactId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    """A row for people."""

    row: ChangeRow
    customer: str
    reason: str
    contact: Contact | None
    """None before there is one, and for one that is gone."""
    fields: tuple[ShownField, ...]
    notes: tuple[Note, ...]


def in_words(row: ChangeRow, *, customer: str, named: Named, texts: Locale) -> ShownRow:
    """A row as people read it."""
    return ShownRow(
        row=row,
        customer=customer,
        reason=_reason(row, texts),
        contact=named.contacts.get(row.contact_id) if row.contact_id is not None else None,
        fields=_fields(row, named, texts),
        notes=tuple(_notes(row, named, texts)),
    )


def _fields(row: ChangeRow, named: Named, texts: Locale) -> tuple[ShownField, ...]:
    before, after = row.before or {}, row.after or {}
    if row.kind == ChangeKind.QUEUE:
        return _conflicts(after, named, texts)
    return tuple(
        ShownField(
            label=_label(name, texts),
            before=_value(before[name], name, named, texts) if name in before else None,
            after=_value(after[name], name, named, texts) if name in after else None,
        )
        for name in sorted({**before, **after}, key=_place)
        if name in before or not _says_nothing(row, name)
    )


def _conflicts(
    question: Mapping[str, object], named: Named, texts: Locale
) -> tuple[ShownField, ...]:
    """The fields that a question is about: what the contact has, and what the directory says."""
    fields = question.get("fields")
    return tuple(
        ShownField(
            label=_label(name, texts),
            before=None,
            after=texts.text(
                "contact.edited.sides",
                here=_value(sides.get("local"), name, named, texts),
                there=_value(sides.get("directory"), name, named, texts),
            ),
        )
        for name, sides in (fields.items() if isinstance(fields, Mapping) else ())
        if isinstance(sides, Mapping)
    )


def _place(name: str) -> tuple[int, str]:
    """Where a field stands among the others."""
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER)), name


def _says_nothing(row: ChangeRow, name: str) -> bool:
    """True for a field that a new contact does not get, or that every new contact has alike."""
    value = (row.after or {}).get(name)
    return row.kind == ChangeKind.CREATE and (value in (None, []) or value is True)


def _reason(row: ChangeRow, texts: Locale) -> str:
    """Why; of somebody who is left alone also as what."""
    if row.source_change_id is not None and row.reason == VerdictReason.UNDONE:
        return texts.text("row.undoes")
    reason = texts.text(f"reason.{row.reason}")
    verdict = (row.note or {}).get("verdict")
    if verdict in set(Verdict):
        return f"{texts.text(f'row.verdict.{verdict}')}: {reason}"
    return reason


def _label(name: str, texts: Locale) -> str:
    if name in OTHER_FIELDS:
        return texts.text(f"row.field.{name}")
    known = FieldName.DISPLAY_NAME.value if name == NAME else name
    return texts.text(f"field.{known}") if known in set(FieldName) else name


def _value(value: object, name: str, named: Named, texts: Locale) -> str:
    if value is None or value in ("", []):
        return texts.text("row.nobody" if name == LINK else "row.empty")
    match name:
        case "active":
            return texts.text("row.active" if value else "row.inactive")
        case "clientId":
            client = named.clients.name(ClientId(UUID(str(value))))
            return client or texts.text("clients.missing")
        case "link":
            contact = named.contacts.get(ContactId(UUID(str(value))))
            return contact.full_name if contact else texts.text("row.another")
        case "phones" if isinstance(value, list):
            return ", ".join(str(phone["number"]) for phone in value)
        case _:
            return str(value)


def _notes(row: ChangeRow, named: Named, texts: Locale) -> Sequence[Note]:
    """What was noted when the row was planned, and when it was settled."""
    note = row.note or {}
    told = []
    if note.get("maybeSharedMailbox"):
        told.append(Note(words=texts.text("row.shared_mailbox")))
    if isinstance(look_alikes := note.get("lookAlikes"), list) and look_alikes:
        words = texts.count("row.look_alikes", len(look_alikes))
        told.append(Note(words=words, contact_id=_contact(look_alikes[0])))
    if taken := note.get("emailTaken"):
        told.append(Note(words=texts.text("row.email_taken"), contact_id=_contact(taken)))
    told += _kept(note, texts)
    if (found := note.get("found")) in FOUND:
        told.append(_found(str(found), note, named, texts))
    if isinstance(code := note.get("code"), str):
        told.append(Note(words=_refused(code, note.get("hostCode"), texts)))
    if note.get("discarded"):
        told.append(Note(words=texts.text("row.lapsed")))
    return told


def _kept(note: Mapping[str, object], texts: Locale) -> Sequence[Note]:
    """Why an undo leaves fields as they are."""
    kept = note.get("kept")
    if not isinstance(kept, Mapping):
        return ()
    told = []
    for name, reason in kept.items():
        words = texts.text(f"reason.{reason}")
        later = reason == VerdictReason.CHANGED_BY_LATER_RUN
        run_id = _run(note.get("runId")) if later else None
        told.append(Note(words=f"{_label(str(name), texts)}: {words}", run_id=run_id))
    return told


def _found(found: str, note: Mapping[str, object], named: Named, texts: Locale) -> Note:
    words = texts.text(f"row.found.{found}")
    now = note.get("now")
    if isinstance(now, Mapping) and now:
        values = ", ".join(
            f"{_label(str(name), texts)}: {_value(value, str(name), named, texts)}"
            for name, value in now.items()
        )
        words = f"{words} {texts.text('row.now', values=values)}"
    return Note(
        words=words, run_id=_run(note.get("runId")), contact_id=_contact(note.get("contactId"))
    )


def _refused(code: str, host_code: object, texts: Locale) -> str:
    error = texts.error(code)
    told = f"{error.sentence} {error.advice}"
    return f"{told} ({host_code})" if host_code else told


def _run(value: object) -> RunId | None:
    return RunId(UUID(value)) if isinstance(value, str) else None


def _contact(value: object) -> ContactId | None:
    return ContactId(UUID(value)) if isinstance(value, str) else None
