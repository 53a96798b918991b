"""Every failure that leaves over HTTP is translated here, once: status, code, sentence, details.

Nothing else of an exception gets out: no text, no type, no trace.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    Conflict,
    ConsentMissing,
    EntraError,
    ItemRejected,
    NotAcceptable,
    NotFound,
    TransientFailure,
)
from entra_plugin.host import Decision
from entra_plugin.resources import Locale

_STATUS: Mapping[type[EntraError], int] = {
    NotFound: 404,
    Conflict: 409,
    NotAcceptable: 422,
    ConfigurationInvalid: 422,
    ConsentMissing: 422,
    AuthorisationLost: 422,
    ItemRejected: 422,
    TransientFailure: 503,
}

AWAY = (OperationalError, InterfaceError, PoolTimeoutError, OSError)
"""What an unreachable database raises, through SQLAlchemy or below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A failure as it is answered."""

    status: int
    code: str
    details: Mapping[str, object] = field(default_factory=dict)
    retry_after: float | None = None


def malformed(path: str) -> Problem:
    """A request that cannot be read; ``path`` names the place."""
    return Problem(status=400, code="malformed_request", details={"path": path})


NOT_FOUND = Problem(status=404, code="not_found")
CSRF_FAILED = Problem(status=403, code="csrf_failed")
INTERNAL = Problem(status=500, code="internal_error")
DATABASE_AWAY = Problem(status=503, code="database_unavailable")


def of_decision(decision: Decision) -> Problem:
    """The refusal of a gate."""
    details = {"permission": decision.permission} if decision.permission else {}
    return Problem(status=decision.status, code=decision.code, details=details)


def of_exception(error: Exception) -> Problem:
    """The problem that an exception stands for; an unknown one is ``internal_error``."""
    if isinstance(error, EntraError):
        return _of_entra_error(error)
    if isinstance(error, AWAY) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return DATABASE_AWAY
    return INTERNAL


def _of_entra_error(error: EntraError) -> Problem:
    if error.code == "invalid_cursor":
        return malformed("cursor")
    status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 422)
    details = dict(error.details)
    if error.vendor_code:
        details["vendorCode"] = error.vendor_code
    retry_after = error.retry_after if isinstance(error, TransientFailure) else None
    if retry_after is not None:
        details["retryAfter"] = retry_after
    return Problem(status=status, code=error.code, details=details, retry_after=retry_after)


def body(problem: Problem, locale: Locale) -> dict[str, object]:
    """The JSON envelope of a problem."""
    return {
        "success": False,
        "error": locale.error(problem.code).sentence,
        "code": problem.code,
        "details": dict(problem.details),
    }


def headers(problem: Problem) -> dict[str, str]:
    """Response headers of a problem: never cached; when to try again, if that is known."""
    found = {"cache-control": "no-store"}
    if problem.retry_after is not None:
        found["retry-after"] = str(max(1, round(problem.retry_after)))
    return found
