"""What can be done to a run as it stands, and the question that says what will happen then."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from entra_plugin.application.apply_run import require_appliable
from entra_plugin.application.run_history import Standing
from entra_plugin.application.runs import RunDetails
from entra_plugin.application.sync.open import PLANNED_FIRST
from entra_plugin.application.undo.start import require_undoable
from entra_plugin.domain.errors import EntraError
from entra_plugin.domain.states import ChangeKind, RunState, RunType
from entra_plugin.resources import Locale
from entra_plugin.store.runs import Run
from entra_plugin.web.pages.run_view import Ask, Part, Scope
from entra_plugin.web.pages.run_words import is_check
from entra_plugin.web.pages.shared import is_open

Kinds = Mapping[ChangeKind, int]

PER_CUSTOMER = (Ask.APPROVE, Ask.DISCARD, Ask.UNDO, Ask.RESUME)
"""What can be done to one customer of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is about to be done, to how many rows of each kind, and what will happen then."""

    ask: Ask
    part: Part
    title: str
    sentences: tuple[str, ...]
    kinds: Kinds
    confirm: str
    irreversible: bool


def offers(run: Run, standing: Standing, asks: Collection[Ask] = tuple(Ask)) -> tuple[Ask, ...]:
    """What the state of a run allows, by its own standing or by that of a customer in it."""
    return tuple(ask for ask in asks if _concerned(ask, run, standing) is not None)


def question(
    ask: Ask, part: Part, details: RunDetails, standing: Standing, texts: Locale
) -> Question | None:
    """The question; None when the run does not allow that any more."""
    of = part.managed_tenant_id
    its = standing.only([of])[of] if of is not None else standing
    concerned = _concerned(ask, details.run, its)
    if concerned is None or part.of not in _scopes(ask, part):
        return None
    kinds, number = concerned
    if part.of == Scope.CHOSEN:
        kinds, number = {}, len(part.chosen)
    return Question(
        ask=ask,
        part=part,
        title=_title(ask, part, details, texts),
        sentences=tuple(_sentences(ask, details.run, number, texts)),
        kinds=kinds,
        confirm=texts.text(f"run.ask.{ask}.confirm"),
        irreversible=ask in {Ask.CANCEL, Ask.DISCARD},
    )


def is_settling(run: Run, standing: Standing) -> bool:
    """True while what was approved of a held run is being applied."""
    return run.state == RunState.HELD and bool(standing.planned)


def _scopes(ask: Ask, part: Part) -> Collection[object]:
    """Of what something can be done: of rows only what is held, of a customer not everything."""
    rows = ask in {Ask.APPROVE, Ask.DISCARD} and part.chosen
    return {
        Scope.ALL,
        *([part.managed_tenant_id] if ask in PER_CUSTOMER else ()),
        *([Scope.CHOSEN] if rows else ()),
    }


def _concerned(ask: Ask, run: Run, standing: Standing) -> tuple[Kinds, int] | None:
    """The rows that something would be done to, or the people; None when it cannot be done."""
    kinds: Kinds = {}
    match ask:
        case Ask.CANCEL:
            return ({}, 0) if is_open(run) else None
        case Ask.RESUME:
            number = standing.resumable
            return ({}, number) if number and not is_open(run) else None
        case Ask.APPLY:
            kinds = standing.planned if _holds(require_appliable, run) else {}
        case Ask.APPROVE | Ask.DISCARD:
            kinds = standing.held if not is_open(run) else {}
        case Ask.UNDO:
            kinds = standing.undoable if _holds(require_undoable, run) else {}
    return (kinds, sum(kinds.values())) if kinds else None


def _holds(require: Callable[[Run], None], run: Run) -> bool:
    try:
        require(run)
    except EntraError:
        return False
    return True


def _title(ask: Ask, part: Part, details: RunDetails, texts: Locale) -> str:
    title = texts.text(f"run.ask.{ask}.title")
    if part.managed_tenant_id is None:
        return title
    names = {t.managed_tenant_id: t.client_name or t.display_name for t in details.tenants}
    name = names[part.managed_tenant_id]
    return texts.text("run.ask.of_customer", question=title, name=name)


def _cancelled(run: Run) -> str:
    """What stays of a run that is stopped."""
    if is_check(run):
        return "run.ask.cancel.check"
    if run.type in PLANNED_FIRST and not run.applying:
        return "run.ask.cancel.plan"
    return "run.ask.cancel.undo" if run.type == RunType.UNDO else "run.ask.cancel.sync"


def _sentences(ask: Ask, run: Run, number: int, texts: Locale) -> list[str]:
    match ask:
        case Ask.CANCEL:
            return [texts.text(_cancelled(run))]
        case Ask.APPLY:
            undo = run.type == RunType.UNDO
            then = "run.ask.apply.undo" if undo else "run.ask.apply.preview"
            return [texts.count("run.ask.apply.what", number), texts.text(then)]
        case _:
            told = texts.count(f"run.ask.{ask}.what", number)
            return [told, texts.text(f"run.ask.{ask}.then")]
