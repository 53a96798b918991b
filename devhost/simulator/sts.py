"""How the token endpoint refuses: its errors, and their bodies."""

from datetime import UTC, datetime
from uuid import uuid4

from starlette.responses import JSONResponse


class StsError(Exception):
    """An error answer of the token endpoint."""

    def __init__(self, error: str, number: int, text: str, suberror: str | None = None) -> None:
        super().__init__(number)
        self.error = error
        self.number = number
        self.text = text
        self.suberror = suberror


def malformed() -> StsError:
    """What was sent is none of ours."""
    return StsError("invalid_grant", 9002313, "Request is malformed or invalid.")


def not_consented() -> StsError:
    """Nobody agreed that the application may have that."""
    text = "The user or administrator has not consented to use the application."
    return StsError("invalid_grant", 65001, text, "consent_required")


def error_response(error: StsError, status: int) -> JSONResponse:
    """An error as Microsoft's sign-in words it."""
    trace = str(uuid4())
    correlation = str(uuid4())
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    document: dict[str, object] = {
        "error": error.error,
        "error_description": (
            f"AADSTS{error.number}: {error.text} Trace ID: {trace} "
            f"Correlation ID: {correlation} Timestamp: {stamp}"
        ),
        "error_codes": [error.number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={error.number}",
    }
    if error.suberror:
        document["suberror"] = error.suberror
    return JSONResponse(document, status)
