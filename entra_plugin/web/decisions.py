"""What routes and pages share when people decide about mappings and start syncs."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from entra_plugin.access import Permission, missing
from entra_plugin.application.decide import LinkChanges
from entra_plugin.application.map_tenants import Confirmed
from entra_plugin.application.runs import RunQuery
from entra_plugin.application.sync.start import StartedRun, StartSyncCommand, SyncScope
from entra_plugin.domain.errors import NotFound
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import ClientId
from entra_plugin.domain.mapping.facts import AGAINST, Evidence, Reason, Suggestion
from entra_plugin.domain.states import MappingState, RunState, RunType, Trigger
from entra_plugin.host import Decision
from entra_plugin.resources import Locale
from entra_plugin.web.facts import Facts
from entra_plugin.web.runtime import Runtime

StartsSync = Callable[[Runtime, Facts, Trigger], Awaitable[StartedRun]]


class Refused(Exception):
    """A gate that depends on the body refused; ``decision`` says which."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.code)
        self.decision = decision


def reasons_in_words(found: Suggestion, locale: Locale) -> list[str]:
    """Why a client is a candidate, for people."""
    return [reason_in_words(reason, locale) for reason in found.reasons]


def reason_in_words(reason: Reason, locale: Locale) -> str:
    """One piece of evidence for or against a client, for people."""
    people = {"people": f"{reason.people or 0:,}", "all": f"{reason.all_people or 0:,}"}
    return locale.text(f"evidence.{reason.evidence}", detail=reason.detail, **people)


def chance_in_words(score: float, locale: Locale) -> str:
    """A score as people read it: never certain, and never nothing."""
    match round(score * 100):
        case 0:
            return locale.text("map.chance.under")
        case 100:
            return locale.text("map.chance.over")
        case percent:
            return locale.text("map.chance", n=percent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One piece of evidence in words, and whether it speaks against the client."""

    words: str
    against: bool


def evidence_in_words(document: Mapping[str, object], locale: Locale) -> tuple[Told, ...]:
    """The evidence that was kept with a decision; a kind that is no longer known is left out."""
    reasons = document.get("reasons")
    told = []
    for reason in reasons if isinstance(reasons, list) else []:
        if isinstance(reason, Mapping) and reason.get("evidence") in set(Evidence):
            found = _reason(reason)
            words = reason_in_words(found, locale)
            told.append(Told(words=words, against=found.evidence in AGAINST))
    return tuple(told)


def _reason(document: Mapping[str, object]) -> Reason:
    people, everybody = document.get("people"), document.get("allPeople")
    return Reason(
        evidence=Evidence(str(document["evidence"])),
        detail=str(document.get("detail", "")),
        people=people if isinstance(people, int) else None,
        all_people=everybody if isinstance(everybody, int) else None,
    )


def links_in_words(links: LinkChanges, locale: Locale) -> str:
    """What becomes of the links, and of the contacts."""
    contacts = "map.links.contacts.moving" if links.moving else "map.links.contacts"
    return " ".join((*_links(links, locale), locale.text(contacts)))


def statement(done: Confirmed, locale: Locale) -> str:
    """What a remap or an unmap does to the links, to the contacts, and at the next sync."""
    return " ".join((links_in_words(done.links, locale), *_next(done, locale)))


def _links(links: LinkChanges, locale: Locale) -> list[str]:
    told = []
    if links.closed:
        told.append(locale.count("map.links.closed", links.closed))
    if links.reopened:
        told.append(locale.count("map.links.reopened", links.reopened))
    if links.kept:
        told.append(locale.count("map.links.kept", links.kept))
    return told or [locale.text("map.links.none")]


def _next(done: Confirmed, locale: Locale) -> list[str]:
    """What the next sync does; with several decisions, for each kind of them."""
    ending, paused = done.unmapped + done.skipped, done.paused
    synced = done.mapped + done.create_new - paused
    told = [
        locale.count("map.links.next.unmapped", ending) if ending else "",
        locale.count("map.links.next.paused", paused) if paused else "",
        locale.count("map.links.next.mapped", synced) if synced else "",
        locale.count("map.links.next.moving", done.links.moving) if done.links.moving else "",
        locale.count("map.links.next.asking", done.links.asking) if done.links.asking else "",
    ]
    return [sentence for sentence in told if sentence]


async def may_create_clients(runtime: Runtime, facts: Facts) -> bool:
    """True when the person may have clients created."""
    host = runtime.context.host
    return await host.authorize(facts.principal, Permission.CREATE_CLIENT)


async def require_client_create(
    runtime: Runtime, facts: Facts, states: Iterable[MappingState]
) -> None:
    """Refuse decisions that create clients from a person who may not create any.

    Raises:
        Refused: ``permission_missing``, naming ``client.create``.
    """
    if MappingState.CREATE_NEW in states and not await may_create_clients(runtime, facts):
        raise Refused(missing(Permission.CREATE_CLIENT))


async def full_sync(runtime: Runtime, facts: Facts, trigger: Trigger) -> StartedRun:
    """Start a sync of everything that is mapped: initial until one got through, then all."""
    done = (RunState.COMPLETED, RunState.PARTIAL, RunState.HELD)
    query = RunQuery(types=(RunType.INITIAL,), states=done, limit=1)
    before = await runtime.read_runs.runs(facts.tenant_id, query)
    scope = SyncScope.ALL if before.items else SyncScope.INITIAL
    return await _start(runtime, facts, trigger, scope)


async def first_sync(runtime: Runtime, facts: Facts, trigger: Trigger) -> StartedRun:
    """Start the initial sync of everything that is mapped."""
    return await _start(runtime, facts, trigger, SyncScope.INITIAL)


async def _start(runtime: Runtime, facts: Facts, trigger: Trigger, scope: SyncScope) -> StartedRun:
    command = StartSyncCommand(
        tenant_id=facts.tenant_id, scope=scope, actor=facts.actor, trigger=trigger
    )
    return await runtime.start_sync(command)


async def client_sync(
    runtime: Runtime, facts: Facts, client_id: ClientId, trigger: Trigger
) -> StartedRun:
    """Start the sync of one client.

    Raises:
        NotFound: The single-client start is switched off.
    """
    if Flag.CLIENT_SYNC not in facts.flags:
        raise NotFound("not_found")
    return await runtime.start_sync(
        StartSyncCommand(
            tenant_id=facts.tenant_id,
            scope=SyncScope.CLIENT,
            client_id=client_id,
            actor=facts.actor,
            trigger=trigger,
        )
    )
