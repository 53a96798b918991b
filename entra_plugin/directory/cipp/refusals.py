"""What an answer of CIPP's that is no success means, told by its status and its kind of content.

Error bodies are bare text, often with a vendor's words in it: they are never kept or logged, and
nothing in them is relied on but the one documented beginning.
"""

from entra_plugin.directory.transport import NotJson, UnexpectedStatus
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    ConsentMissing,
    EntraError,
    TransientFailure,
)

_GRAPH_ERROR = b"Graph Error:"
_LATER = 60.0
"""Seconds: a function app that restarts needs about that long."""


def refusal(answer: UnexpectedStatus, *, at_tenant: bool) -> EntraError:
    """The failure that a status stands for.

    Args:
        answer: A status that is neither success nor one that the transport waits for.
        at_tenant: The question was about one managed tenant, so that the others may go on.
    """
    return (_of_tenant(answer) if at_tenant else None) or _of_cipp(answer)


def _of_tenant(answer: UnexpectedStatus) -> EntraError | None:
    """What concerns one managed tenant only."""
    if answer.status == 403 and not answer.is_html:
        return ConsentMissing("cipp_tenant_forbidden")
    if answer.status == 400 and answer.body.lstrip(b' \r\n"').startswith(_GRAPH_ERROR):
        return ConsentMissing("cipp_graph_error")
    return None


def _of_cipp(answer: UnexpectedStatus) -> EntraError:
    """What concerns CIPP as a whole."""
    details = {"status": answer.status}
    match answer.status:
        case 401:
            return AuthorisationLost("cipp_token_refused")
        case 403:
            return ConfigurationInvalid("cipp_forbidden")
        case 404:
            return ConfigurationInvalid("cipp_endpoint_missing")
        case 503:
            return _unavailable(answer)
        case status if 300 <= status < 400:
            return ConfigurationInvalid("cipp_redirected", details=details)
        case status if status == 412 or status >= 500:
            return TransientFailure("cipp_server_error", retry_after=_LATER, details=details)
        case _:
            return TransientFailure("unusable_answer", retry_after=_LATER, details=details)


def _unavailable(answer: UnexpectedStatus) -> EntraError:
    """CIPP's own 503 has a text: a feature is switched off, or its host restarts for a minute.

    It is tried again, yet not for ever, because nothing tells the two apart.
    """
    spoken = answer.body.strip() and not answer.is_html
    code = "cipp_feature_disabled" if spoken else "provider_unreachable"
    return TransientFailure(code, retry_after=_LATER, details={"status": 503})


def not_json(answer: NotJson) -> EntraError:
    """A page instead of data: the address is that of CIPP's front end, or lacks its API."""
    if answer.is_html:
        return ConfigurationInvalid("cipp_front_end")
    return TransientFailure("unusable_answer", details={"contentType": answer.content_type[:60]})
