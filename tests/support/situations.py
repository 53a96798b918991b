"""People in any state that they may be in between two syncs, and what a plan makes of them.

Everything is on paper: contacts and links are values, and a plan is applied by the book, without
anybody else who changes something meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import strategies as st

from entra_plugin.domain.filters import FilterRule, Filters
from entra_plugin.domain.guarding import Guard
from entra_plugin.domain.identity import DirectoryUser, fingerprint
from entra_plugin.domain.ids import ContactId, ObjectId
from entra_plugin.domain.leaving import Departure, on_deletion
from entra_plugin.domain.matching import Candidate
from entra_plugin.domain.merging import FieldRules, normal
from entra_plugin.domain.pins import Pins
from entra_plugin.domain.planner import Planner
from entra_plugin.domain.planning import (
    Change,
    Known,
    Link,
    PagePlan,
    Remembered,
    Rules,
    Surroundings,
    read,
)
from entra_plugin.domain.states import (
    ChangeKind,
    DecisionKind,
    DepartureKind,
    FieldMode,
    FieldName,
    PinKind,
    Verdict,
    VerdictReason,
)
from support.builders import NOW, SCOPE, contact, guid, identity, plan_of, user

PEOPLE = 5

Question = tuple[VerdictReason, tuple[ContactId, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An identity: as the directory has it now, and what is held of it.

    ``linked`` may name a contact that is gone.
    """

    user: DirectoryUser
    verdict: Verdict | None = None
    linked: ContactId | None = None
    base: Mapping[str, str] = field(default_factory=dict)
    inactive_version: int | None = None
    departure: Departure | None = None
    decision: Remembered | None = None
    question: Question | None = None
    acted: bytes | None = None

    @property
    def known(self) -> Known | None:
        """What is held; nothing of somebody whom no sync has seen."""
        if self.verdict is None:
            return None
        return Known(
            acted=self.acted,
            verdict=self.verdict,
            reason=VerdictReason.CREATED,
            linked=self.linked,
            question=self.question,
            asked_for=SCOPE.client_id,
            departure=self.departure,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A few people, the contacts of their client, and the rules."""

    people: Sequence[Person]
    contacts: Mapping[ContactId, Candidate]
    fields: FieldRules
    guard: Guard
    pins: Pins

    def person(self, object_id: ObjectId) -> Person:
        """Whose identity this is."""
        return next(p for p in self.people if p.user.object_id == object_id)

    def contact(self, contact_id: ContactId | None) -> Candidate:
        """The contact that a row is about."""
        assert contact_id is not None
        return self.contacts[contact_id]

    def holders(self) -> dict[str, list[Candidate]]:
        """Contacts by address."""
        found: dict[str, list[Candidate]] = {}
        for held in self.contacts.values():
            address = held.values.get(FieldName.EMAIL)
            if address is not None:
                found.setdefault(address, []).append(held)
        return found

    def apart(self) -> "Situation":
        """The same, but that no two contacts have one address, and no rule changes any.

        Otherwise one row may answer what another was in doubt about, which the next plan notices.
        """
        first = {held[0].contact_id for held in self.holders().values()}
        contacts = {
            key: held
            if key in first
            else replace(held, values={**held.values, FieldName.EMAIL: None})
            for key, held in self.contacts.items()
        }
        fields: dict[FieldName, FieldMode] = dict(self.fields)
        fields.pop(FieldName.EMAIL, None)
        return replace(self, contacts=contacts, fields=fields)

    def plan(self) -> PagePlan:
        """The plan of everybody."""
        return plan_of(
            [p.user for p in self.people],
            index=self.holders(),
            known=self._known(),
            decisions=self._decisions(),
            links=self._links(),
            chosen=self.contacts.values(),
            fields=self.fields,
            guard=self.guard,
            pins=self.pins,
        )

    def plan_absent(self, *, proved: bool) -> PagePlan:
        """The plan of a reading that lists nobody, each of them proved to be deleted or not."""
        rules = Rules(
            filters=FilterRule(Filters()),
            fields=self.fields,
            guard=self.guard,
            decisions=self._decisions(),
        )
        around = Surroundings(index={}, links=self._links(), pins=self.pins)
        plan = PagePlan()
        planner = Planner(SCOPE, rules, NOW)
        for reading in read([p.user for p in self.people if p.verdict], self._known()):
            before = self.person(reading.user.object_id).departure
            gone = on_deletion(before, NOW) if proved else None
            planner.plan_absent(reading, around, gone, plan)
        return plan

    def applied(self, plan: PagePlan) -> "Situation":
        """What the plan makes of it, everybody's fingerprint acted on."""
        contacts = dict(self.contacts)
        people = []
        for person in self.people:
            object_id = person.user.object_id
            if object_id in plan.rebased:
                person = replace(person, base={**person.base, **plan.rebased[object_id]})
            for one in plan.settled:
                if one.user.object_id == object_id:
                    person = replace(person, verdict=one.verdict, departure=one.departure)
            for row in plan.changes:
                if row.user.object_id == object_id:
                    person = _apply(row, person, contacts)
            if object_id in plan.answered:
                person = replace(person, question=None)
            people.append(replace(person, acted=fingerprint(person.user)))
        return replace(self, people=people, contacts=contacts)

    def _known(self) -> dict[ObjectId, Known]:
        return {p.user.object_id: p.known for p in self.people if p.known is not None}

    def _decisions(self) -> dict[ObjectId, Remembered]:
        return {p.user.object_id: p.decision for p in self.people if p.decision is not None}

    def _links(self) -> dict[ObjectId, Link]:
        return {
            p.user.object_id: Link(
                reason=VerdictReason.CREATED,
                base=p.base,
                inactive_version=p.inactive_version,
                contact=self.contacts.get(p.linked),
            )
            for p in self.people
            if p.linked is not None
        }


def _apply(row: Change, person: Person, contacts: dict[ContactId, Candidate]) -> Person:
    """One row, by the book."""
    after = row.after or {}
    match row.kind:
        case ChangeKind.CLOSE_LINK:
            return replace(person, linked=None, base={}, inactive_version=None, departure=None)
        case ChangeKind.QUEUE:
            linked = person.linked is not None or row.contact_id is not None
            return replace(
                person,
                question=(row.reason, row.candidates),
                verdict=person.verdict if linked else Verdict.QUEUED,
            )
        case ChangeKind.CREATE | ChangeKind.LINK:
            held = _created(row) if row.kind == ChangeKind.CREATE else contacts[_id(row)]
            contacts[held.contact_id] = replace(held, linked_to=identity(row.user))
            return replace(
                person,
                verdict=Verdict.LINKED,
                linked=held.contact_id,
                base=row.base or {},
                departure=row.departure,
            )
    held = contacts[_id(row)]
    version = held.version + 1
    if row.kind == ChangeKind.UPDATE:
        values = {FieldName(name): str(value) for name, value in after.items()}
        written = {name.value: normal(name, value) or "" for name, value in values.items()}
        contacts[held.contact_id] = replace(held, values={**held.values, **values}, version=version)
        return replace(person, base={**person.base, **written}, departure=row.departure)
    active = bool(after["active"])
    contacts[held.contact_id] = replace(held, active=active, version=version)
    return replace(
        person,
        verdict=Verdict.LINKED,
        departure=row.departure,
        inactive_version=None if active else version,
    )


def _id(row: Change) -> ContactId:
    assert row.contact_id is not None
    return row.contact_id


def _created(row: Change) -> Candidate:
    after = row.after or {}
    phones = after["phones"]
    assert isinstance(phones, list)
    numbers = {str(phone["type"]): str(phone["number"]) for phone in phones}

    def text(name: str) -> str | None:
        value = after.get(name)
        return str(value) if value is not None else None

    return contact(
        row.change_id,
        values={
            FieldName.DISPLAY_NAME: text("fullName"),
            FieldName.EMAIL: text("email"),
            FieldName.PHONE: numbers.get("work"),
            FieldName.MOBILE: numbers.get("mobile"),
            FieldName.ROLE: text("role"),
            FieldName.DEPARTMENT: text("department"),
            FieldName.OFFICE_LOCATION: text("officeLocation"),
        },
    )


_texts = st.sampled_from((None, " ", "Clerk", "Chief", " Chief "))
_numbers = st.sampled_from((None, "", "+1 555 1", "0015551", "555-2"))
_mostly = st.sampled_from((True, True, True, False))
"""Drawn like this, because a plain boolean is most often false: hardly anybody would be active."""
_departures = st.builds(
    Departure,
    kind=st.sampled_from(DepartureKind),
    since=st.integers(0, 6).map(lambda days: NOW - timedelta(days=days)),
    settled=_mostly,
)


def _addresses(number: int) -> st.SearchStrategy[str]:
    """The addresses of one person, and now and then that of the next."""
    return st.sampled_from((*(f"{k}{number}@contoso.example" for k in "ab"), _first(number + 1)))


def _first(number: int) -> str:
    return f"a{number % PEOPLE}@contoso.example"


@st.composite
def _users(draw: st.DrawFn, number: int) -> DirectoryUser:
    # No two users share an address: that is settled beyond the planner, by the whole plan.
    address = f"{draw(st.sampled_from('aab'))}{number}@contoso.example"
    return user(
        number,
        user_principal_name=address,
        mail=address,
        display_name=draw(_texts),
        enabled=draw(st.sampled_from((True, False))),
        licensed=draw(st.booleans()),
        job_title=draw(_texts),
        department=draw(_texts),
        office_location=draw(_texts),
        business_phones=tuple(n for n in [draw(_numbers)] if n),
        mobile_phone=draw(_numbers),
    )


@st.composite
def _contacts(draw: st.DrawFn, number: int) -> Candidate:
    values: dict[FieldName, str | None] = {name: draw(_texts) for name in FieldName}
    values |= {
        FieldName.EMAIL: draw(_addresses(number)),
        FieldName.PHONE: draw(_numbers),
        FieldName.MOBILE: draw(_numbers),
    }
    return contact(
        f"contact {number}",
        active=draw(_mostly),
        version=draw(st.integers(1, 3)),
        values=values,
    )


@st.composite
def _decisions(draw: st.DrawFn, of: DirectoryUser, held: ContactId) -> Remembered | None:
    kind = draw(st.sampled_from((None, DecisionKind.LINKED, None, None, *DecisionKind)))
    if kind is None:
        return None
    return Remembered(
        kind=kind,
        contact_id=held if kind == DecisionKind.LINKED else None,
        fingerprint=draw(st.sampled_from((fingerprint(of), b"before"))),
    )


@st.composite
def _people(draw: st.DrawFn, number: int, held: Candidate) -> Person:
    seen = draw(_users(number))
    decision = draw(_decisions(seen, held.contact_id))
    state = draw(st.sampled_from(("linked", "linked", "vanished", "new", "seen")))
    if state == "new":
        return Person(user=seen, decision=decision)
    if state == "seen":
        verdicts = st.sampled_from((Verdict.FILTERED, Verdict.QUEUED, Verdict.IGNORED))
        question = (VerdictReason.LINKED_ELSEWHERE, (held.contact_id,))
        asked = draw(st.sampled_from((None, question)))
        return Person(user=seen, decision=decision, verdict=draw(verdicts), question=asked)
    bases = {name.value: normal(name, draw(_texts)) for name in FieldName if draw(st.booleans())}
    return Person(
        user=seen,
        verdict=Verdict.LINKED,
        linked=held.contact_id if state == "linked" else ContactId(guid(f"gone {number}")),
        base={name: value for name, value in bases.items() if value is not None},
        inactive_version=draw(st.none() | st.integers(1, 3)),
        departure=draw(_departures) if draw(_mostly) else None,
        decision=decision,
        acted=draw(st.sampled_from((None, b"before", fingerprint(seen)))),
    )


@st.composite
def _situations(draw: st.DrawFn) -> Situation:
    people, contacts = [], {}
    for number in range(draw(st.integers(3, PEOPLE))):
        held = draw(_contacts(number))
        person = draw(_people(number, held))
        if person.linked == held.contact_id:
            held = replace(held, linked_to=identity(person.user))
        people.append(person)
        contacts[held.contact_id] = held
    kinds = (None, *PinKind, None, None)
    pinned = {held: draw(st.sampled_from(kinds)) for held in contacts}
    modes = {name: draw(st.sampled_from((*FieldMode, None))) for name in FieldName}
    locks = frozenset(name.value for name in FieldName if draw(_mostly))
    return Situation(
        people=people,
        contacts=contacts,
        fields={name: mode for name, mode in modes.items() if mode is not None},
        guard=Guard(
            mark_inactive_when_disabled=draw(_mostly),
            grace_days=draw(st.sampled_from((0, 0, 3))),
        ),
        pins=Pins(
            keep_active=frozenset(c for c, kind in pinned.items() if kind == PinKind.KEEP_ACTIVE),
            hands_off=frozenset(c for c, kind in pinned.items() if kind == PinKind.HANDS_OFF),
            locked={c: locks for c, kind in pinned.items() if kind == PinKind.LOCK_FIELD},
            ignored=frozenset(
                p.user.object_id
                for p, kind in zip(people, pinned.values(), strict=True)
                if kind == PinKind.IGNORE_IDENTITY
            ),
        ),
    )


situations = _situations()
"""Situations that a sync may find."""
