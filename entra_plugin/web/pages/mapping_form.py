"""The form in which people decide about customers, on the wizard's step and on the page of them.

How it is read, what is asked before it is put in force, and what is said afterwards.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID

from starlette.datastructures import FormData

from entra_plugin.application.decide import SYNCED, MappingDecision
from entra_plugin.application.map_tenants import Confirmed, Preview, PreviewRow
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.ids import ClientId, ManagedTenantId
from entra_plugin.domain.mapping.facts import AGAINST, Suggestion
from entra_plugin.domain.states import MappingState
from entra_plugin.web.decisions import chance_in_words, reason_in_words, statement
from entra_plugin.web.malformed import MalformedRequest
from entra_plugin.web.pages.notice import Message, Tone
from entra_plugin.web.pages.render import Screen
from entra_plugin.web.problems import Problem

MAX_FIELDS = 12_000
NO_SUCH_CLIENT = Problem(status=422, code="unknown_client")

_DECIDE = "decision."
_OTHER = "other."
_WAS = "was."
_STATES = frozenset({MappingState.CREATE_NEW, MappingState.SKIPPED, MappingState.UNMAPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a form holds, by managed tenant."""

    chosen: Mapping[str, str]
    """A client, a state, or nothing; a row that stands as it was shown is not among them."""
    typed: Mapping[str, str]
    """Names typed that no client has."""
    acknowledged: Mapping[str, str]
    """The choices that were confirmed after what speaks against them was told."""

    def decisions(self) -> list[MappingDecision]:
        """What is to be put in force.

        Raises:
            MalformedRequest: A row or a choice is none.
        """
        return [_decision(key, value) for key, value in self.chosen.items() if value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """A client is to be created for a row that these clients look like."""

    row: PreviewRow
    clients: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Rows that are mapped now and are to be mapped otherwise, or no more; and what that does."""

    rows: tuple[PreviewRow, ...]
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person is told before the decisions are put in force, and has to confirm."""

    doubts: tuple[Doubted, ...] = ()
    moves: tuple[Move, ...] = ()
    acknowledgement: str = ""
    """What the button sends that confirms it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A form that comes back as it was filled in."""

    changed: frozenset[str] = frozenset()
    """Managed tenants whose decision somebody else changed meanwhile."""
    chosen: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)
    question: Question | None = None


def all_rows(preview: Preview) -> tuple[PreviewRow, ...]:
    """The rows of all lists."""
    return (*preview.auto_matched, *preview.needs_review, *preview.unmatched, *preview.decided)


def client_names(preview: Preview) -> dict[str, str]:
    """The clients to choose from, by a name that is unique: a shared one carries part of its id."""
    times = Counter(preview.clients.values())
    labelled = {
        str(client_id): f"{name} ({str(client_id)[:8]})" if times[name] > 1 else name
        for client_id, name in preview.clients.items()
    }
    return dict(sorted(labelled.items(), key=lambda item: item[1].casefold()))


def row_values(screen: Screen, preview: Preview) -> dict[str, object]:
    """What the template of a row needs, whatever page it stands on."""
    return {
        "client_names": client_names(preview),
        "customer_names": {
            str(row.tenant.managed_tenant_id): row.tenant.display_name for row in all_rows(preview)
        },
        "reason_in_words": partial(reason_in_words, locale=screen.facts.locale),
        "chance_in_words": partial(chance_in_words, locale=screen.facts.locale),
        "against": AGAINST,
    }


def in_force(row: PreviewRow) -> str:
    """What a row's list stands at by the decision in force; empty without one."""
    decision = row.decision
    if decision is None or decision.state == MappingState.UNMAPPED:
        return ""
    return str(decision.client_id) if decision.client_id else decision.state.value


def exact_matches(preview: Preview) -> list[MappingDecision]:
    """The decisions that accept every match that needs no person.

    Where a person unmapped a row, what comes next is a person's choice too.
    """
    return [
        MappingDecision(
            managed_tenant_id=row.tenant.managed_tenant_id,
            state=MappingState.MAPPED,
            client_id=row.proposal.match.client_id,
        )
        for row in preview.auto_matched
        if row.proposal.match is not None and row.decision is None
    ]


def as_sent(exact: Sequence[MappingDecision]) -> str:
    """The pairs that the button to accept them all sends."""
    return _written({str(d.managed_tenant_id): str(d.client_id) for d in exact})


def read_exact(preview: Preview, form: FormData) -> tuple[list[MappingDecision], frozenset[str]]:
    """The matches that were shown as exact and still are, and the rows of those that are not."""
    shown = _read(form, "exact")
    still = [
        decision
        for decision in exact_matches(preview)
        if shown.get(str(decision.managed_tenant_id)) == str(decision.client_id)
    ]
    return still, frozenset(shown.keys() - {str(d.managed_tenant_id) for d in still})


def read_choices(preview: Preview, form: FormData) -> Choices:
    """What every row of the form stands at."""
    by_name = {name: client_id for client_id, name in client_names(preview).items()}
    chosen: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for name, value in form.multi_items():
        key = name.removeprefix(_DECIDE)
        if key == name or not isinstance(value, str):
            continue
        typed = _text(form, _OTHER + key)
        wanted = by_name.get(typed, value) if typed else value
        if typed and typed not in by_name:
            unknown[key] = typed
        if typed or wanted != form.get(_WAS + key):
            chosen[key] = wanted
    return Choices(chosen=chosen, typed=unknown, acknowledged=_read(form, "ack"))


async def question(
    screen: Screen,
    preview: Preview,
    choices: Choices,
    version: int,
) -> Question | None:
    """What has to be asked first: clients that look like one to be created, and links that end.

    None where there is nothing to ask, or all of it was confirmed as it stands.

    Raises:
        EntraError: The decisions cannot be put in force at all.
    """
    _refuse_gone(preview, choices)
    pairs = _pairs(preview, choices)
    doubts = [
        Doubted(row=row, clients=row.look_alikes)
        for row, decision in pairs
        if decision.state == MappingState.CREATE_NEW
        and in_force(row) != decision.state.value
        and row.look_alikes
    ]
    moving = [(row, decision) for row, decision in pairs if _moves(row, decision)]
    asked = {
        str(row.tenant.managed_tenant_id): choices.chosen[str(row.tenant.managed_tenant_id)]
        for row in (*(doubt.row for doubt in doubts), *(row for row, _ in moving))
    }
    if all(choices.acknowledged.get(key) == value for key, value in asked.items()):
        return None
    return Question(
        doubts=tuple(doubts),
        moves=tuple([await _told(screen, part, version) for part in _parts(moving)]),
        acknowledgement=_written(asked),
    )


def after_problem(filled: Filled, problem: Problem) -> Filled:
    """The form again; rows that others changed are marked, and stand at what is in force."""
    ids = problem.details.get("managedTenantIds")
    changed = frozenset(map(str, ids)) if isinstance(ids, list) else frozenset[str]()
    chosen = filled.chosen
    if problem.code == "stale_version":
        chosen = {key: value for key, value in chosen.items() if key not in changed}
    return Filled(changed=changed, chosen=chosen, typed=filled.typed)


def confirmed_message(screen: Screen, done: Confirmed, *, moved: bool = False) -> Message:
    """What is in force now; with what became of links where a mapping was changed."""
    texts = screen.facts.locale
    numbers = {
        "map.done.mapped": done.mapped,
        "map.done.create_new": done.create_new,
        "map.done.skipped": done.skipped,
        "map.done.unmapped": done.unmapped,
    }
    parts = [texts.text(key, n=number) for key, number in numbers.items() if number]
    if not parts:
        return Message(tone=Tone.INFO, title=texts.text("map.done.nothing"))
    return Message(
        tone=Tone.SUCCESS,
        title=texts.text("map.done", what=", ".join(parts)),
        advice=statement(done, texts) if moved else None,
    )


def accepted_message(screen: Screen, done: Confirmed, changed: Collection[str]) -> Message:
    """What is in force now; and that rows were left as they are, since they had changed."""
    message = confirmed_message(screen, done)
    if not changed:
        return message
    advice = screen.facts.locale.count("map.accept.changed", len(changed))
    return replace(message, tone=Tone.WARNING, advice=advice)


def moves(preview: Preview, choices: Choices) -> bool:
    """True when a mapping in force is to be changed."""
    return any(_moves(row, decision) for row, decision in _pairs(preview, choices))


def _moves(row: PreviewRow, decision: MappingDecision) -> bool:
    """True when a mapping to a client ends by the decision."""
    present = row.decision
    return (
        present is not None
        and present.state == MappingState.MAPPED
        and (present.state, present.client_id) != (decision.state, decision.client_id)
    )


_Pairs = Sequence[tuple[PreviewRow, MappingDecision]]


def _pairs(preview: Preview, choices: Choices) -> _Pairs:
    """The rows that are listed, with the decisions about them."""
    rows = {row.tenant.managed_tenant_id: row for row in all_rows(preview)}
    decisions = choices.decisions()
    return [(rows[d.managed_tenant_id], d) for d in decisions if d.managed_tenant_id in rows]


def _refuse_gone(preview: Preview, choices: Choices) -> None:
    """Refuse at once what is to be mapped and is listed no more: a question would not show it."""
    listed = {row.tenant.managed_tenant_id for row in all_rows(preview)}
    gone = [
        str(decision.managed_tenant_id)
        for decision in choices.decisions()
        if decision.state in SYNCED and decision.managed_tenant_id not in listed
    ]
    if gone:
        raise NotAcceptable("tenant_gone", details={"managedTenantIds": gone})


def _parts(moving: _Pairs) -> Iterable[_Pairs]:
    """Those that go on elsewhere apart from those that end: the next sync treats them unlike."""
    ending = {MappingState.UNMAPPED, MappingState.SKIPPED}
    parts = (
        [pair for pair in moving if pair[1].state not in ending],
        [pair for pair in moving if pair[1].state in ending],
    )
    return [part for part in parts if part]


async def _told(screen: Screen, part: _Pairs, version: int) -> Move:
    rehearsed = await screen.runtime.confirm_mappings(
        screen.facts.person,
        version=version,
        decisions=[decision for _, decision in part],
        dry_run=True,
    )
    return Move(
        rows=tuple(row for row, _ in part),
        statement=statement(rehearsed, screen.facts.locale),
    )


def _written(values: Mapping[str, str]) -> str:
    """Values by managed tenant, in one field."""
    return " ".join(f"{key}={value}" for key, value in values.items())


def _read(form: FormData, name: str) -> dict[str, str]:
    """The values by managed tenant that a field holds."""
    pairs = (part.partition("=") for part in _text(form, name).split())
    return {key: value for key, _, value in pairs}


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def _decision(key: str, value: str) -> MappingDecision:
    try:
        managed_tenant_id = ManagedTenantId(UUID(key))
        if value in {state.value for state in _STATES}:
            return MappingDecision(managed_tenant_id=managed_tenant_id, state=MappingState(value))
        client_id = ClientId(UUID(value))
    except ValueError as error:
        raise MalformedRequest("decision") from error
    return MappingDecision(
        managed_tenant_id=managed_tenant_id, state=MappingState.MAPPED, client_id=client_id
    )
