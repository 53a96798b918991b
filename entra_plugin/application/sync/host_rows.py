"""How the rows of a plan meet the host: its fields and records, and the ends of rows."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from uuid import UUID

from entra_plugin.domain.addresses import normalise
from entra_plugin.domain.ids import ContactId
from entra_plugin.domain.merging import normal
from entra_plugin.domain.pins import Pins
from entra_plugin.domain.states import ChangeKind, ChangeState, FieldName, VerdictReason
from entra_plugin.host import Contact, NewContact, PhoneNumber, WriteOutcome, WriteStatus
from entra_plugin.store.changes import ChangeRow, Done
from entra_plugin.store.links import Written

_HOST_FIELDS: Mapping[str, str] = {
    FieldName.DISPLAY_NAME: "full_name",
    FieldName.EMAIL: "email",
    FieldName.PHONE: "phone:work",
    FieldName.MOBILE: "phone:mobile",
    FieldName.ROLE: "role",
    FieldName.DEPARTMENT: "department",
    FieldName.OFFICE_LOCATION: "office_location",
    "active": "active",
    "clientId": "client_id",
}
"""What a plan row calls a field, to what the host's contract calls it."""

_OPENING = frozenset({ChangeKind.CREATE, ChangeKind.LINK, ChangeKind.MOVE})
"""Kinds that link an identity which had no link; a resumed reactivation does, too."""


def opens_link(row: ChangeRow) -> bool:
    """True for a row that links an identity which had no link."""
    return row.kind in _OPENING or (
        row.kind == ChangeKind.REACTIVATE and row.reason == VerdictReason.RESUMED
    )


def stale(row: ChangeRow, found: Mapping[str, object]) -> Done:
    """The end of a row that no longer holds, with what was found instead."""
    note = {**(row.note or {}), **found}
    return Done(change_id=row.change_id, state=ChangeState.STALE, note=json.dumps(note))


def linked_elsewhere(row: ChangeRow, contact_id: ContactId) -> Done:
    """The end of a row whose identity, or whose contact, is linked otherwise by now."""
    return stale(row, {"found": "linked_elsewhere", "contactId": str(contact_id)})


def refusal(row: ChangeRow, pins: Pins) -> Done | None:
    """The end of a row that a pin of now forbids."""
    if row.kind == ChangeKind.CLOSE_LINK:
        return None
    contact = row.contact_id
    locked = pins.locked.get(contact, frozenset()) if contact is not None else frozenset()
    forbidden = (
        row.object_id in pins.ignored
        or contact in pins.hands_off
        or (row.kind == ChangeKind.INACTIVATE and contact in pins.keep_active)
        or (row.kind == ChangeKind.UPDATE and not locked.isdisjoint(row.after or {}))
    )
    return stale(row, {"found": "pinned"}) if forbidden else None


def write_of(row: ChangeRow, version: int | None) -> Written:
    """What a link keeps of a write to its contact."""
    if row.kind == ChangeKind.UPDATE:
        return Written(object_id=row.object_id, version=version, base=_base_of(row))
    inactive = row.kind == ChangeKind.INACTIVATE
    return Written(object_id=row.object_id, version=version, inactive=inactive)


def settled_since(row: ChangeRow, base: Mapping[str, str]) -> bool:
    """True when a value that the row would write was settled otherwise since it was planned.

    A person has kept the contact's own: the base of the link is the directory's value then. What a
    person answers holds, whatever was settled before.
    """
    if row.reason == VerdictReason.DECIDED:
        return False
    return any(base.get(name) == value for name, value in _base_of(row).items())


def _base_of(row: ChangeRow) -> dict[str, str]:
    """The values of an update, as the base of a link holds them."""
    values = {name: normal(FieldName(name), str(v)) for name, v in (row.after or {}).items()}
    return {name: value for name, value in values.items() if value is not None}


def host_fields(values: Mapping[str, object]) -> dict[str, object]:
    """Fields of a plan row by the names of the host's contract."""
    return {_HOST_FIELDS[name]: value for name, value in values.items()}


def filled(contact: Contact | None) -> dict[str, object]:
    """The fields of a contact that are not empty, as plan rows call them."""
    if contact is None:
        return {}
    values = {name: value(contact) for name, value in _VALUES.items()}
    return {name: value for name, value in values.items() if value is not None}


def new_contact_of(row: ChangeRow) -> NewContact:
    """The contact that a row creates, with its id as the key by which that happens once."""
    after = row.after or {}
    phones = after.get("phones")
    return NewContact(
        key=row.change_id,
        client_id=row.client_id,
        full_name=str(after["fullName"]),
        email=str(after["email"]),
        phones=tuple(
            PhoneNumber(type=str(phone["type"]), number=str(phone["number"]))
            for phone in (phones if isinstance(phones, list) else ())
        ),
        role=_text(after.get("role")),
        department=_text(after.get(FieldName.DEPARTMENT)),
        office_location=_text(after.get(FieldName.OFFICE_LOCATION)),
        active=bool(after.get("active", True)),
    )


def _text(value: object) -> str | None:
    return str(value) if value else None


def not_created(row: ChangeRow, outcome: WriteOutcome) -> Done:
    """The end of a row for which the host made no contact."""
    if outcome.status == WriteStatus.EXISTS:
        return _taken(row, outcome.id)
    return _rejected(row, outcome)


def new_address(row: ChangeRow) -> str | None:
    """The address that a row writes to a contact, as addresses are compared."""
    address = (row.after or {}).get(FieldName.EMAIL)
    return normalise(address) if isinstance(address, str) else None


def not_written(
    row: ChangeRow,
    outcome: WriteOutcome,
    present: Mapping[ContactId, Contact],
    holders: Mapping[str, ContactId] = MappingProxyType({}),
) -> Done:
    """The end of a row that the host did not write, with what is there instead.

    ``holders`` are the contacts that have the addresses which were to be written.
    """
    if outcome.status == WriteStatus.REJECTED:
        return _rejected(row, outcome)
    contact = present.get(row.contact_id) if row.contact_id is not None else None
    if contact is None:
        return stale(row, {"found": "contact_gone"})
    now = {name: _VALUES[name](contact) for name in row.before or {}}
    holder = holders.get(new_address(row) or "")
    if now == row.before and holder not in (None, contact.id):
        return _taken(row, holder)
    return stale(row, {"found": "changed", "now": now})


def _taken(row: ChangeRow, contact_id: UUID | None) -> Done:
    """Another contact has the address that was to be written."""
    return stale(row, {"found": "exists", "contactId": str(contact_id)})


def _rejected(row: ChangeRow, outcome: WriteOutcome) -> Done:
    return Done(
        change_id=row.change_id,
        state=ChangeState.FAILED,
        note=json.dumps({"code": "rejected_by_host", "hostCode": outcome.code}),
    )


def _number(contact: Contact, kind: str) -> str | None:
    return next((phone.number for phone in contact.phones if phone.type == kind), None)


_VALUES: Mapping[str, Callable[[Contact], object]] = {
    FieldName.DISPLAY_NAME: lambda c: c.full_name,
    FieldName.EMAIL: lambda c: c.email,
    FieldName.PHONE: lambda c: _number(c, "work"),
    FieldName.MOBILE: lambda c: _number(c, "mobile"),
    FieldName.ROLE: lambda c: c.role,
    FieldName.DEPARTMENT: lambda c: c.department,
    FieldName.OFFICE_LOCATION: lambda c: c.office_location,
    "active": lambda c: c.active,
    "clientId": lambda c: str(c.client_id),
}
