"""How the pages of runs say how long a run took, what came of it, and why it stands as it does."""

from collections.abc import Mapping
from datetime import datetime

from entra_plugin.application.close_run import CHECKS
from entra_plugin.application.sync.open import PLANNED_FIRST
from entra_plugin.resources import Locale
from entra_plugin.store.runs import Run
from entra_plugin.web.pages.shared import is_open
from entra_plugin.web.pages.steps import WHY_SKIPPED

CHECKED = ("checked", "failed", "new", "gone")
"""What of a check is counted."""

NO_TENANTS = "no_managed_tenants"
"""The reason of a discovery that found nobody."""


def took(run: Run, now: datetime, texts: Locale) -> str | None:
    """How long a run took, or has taken so far; None where nobody knows.

    A plan waits for a person before it is applied, so its two ends say nothing then.
    """
    if run.started_at is None or run.applying or (run.type in PLANNED_FIRST and run.applied_at):
        return None
    end = now if is_open(run) else run.finished_at
    if end is None:
        return None
    minutes, seconds = divmod(max(0, round((end - run.started_at).total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return texts.text("run.took.hours", hours=f"{hours:,}", minutes=minutes)
    if minutes:
        return texts.text("run.took.minutes", minutes=minutes, seconds=seconds)
    return texts.text("run.took.seconds", seconds=seconds)


def why(reason: str | None, texts: Locale) -> str | None:
    """The reason of a state as one sentence; None for none that people would understand."""
    if reason is None:
        return None
    if reason in WHY_SKIPPED:
        return texts.text(f"run.skipped.{reason}")
    if reason == NO_TENANTS:
        return texts.text("discover.none")
    return texts.error(reason).sentence if texts.known(f"error.{reason}.sentence") else None


def counts_of(run: Run) -> Mapping[str, int]:
    """What came of a run, in numbers: of a check, the customers it looked at."""
    if not is_check(run):
        return run.counts
    found = run.progress or {}
    return {name: n for name in CHECKED if isinstance(n := found.get(name), int)}


def is_check(run: Run) -> bool:
    """True for a run that looks at customers and plans nothing."""
    return run.type in CHECKS
