"""Save and test what connects us: what the wizard and the page of the connection have in common."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi.responses import RedirectResponse
from starlette.responses import Response

from entra_plugin.application.connect.rotate import NewCredentials
from entra_plugin.application.connect.swap import Validation
from entra_plugin.web import problems
from entra_plugin.web.pages.forms import CredentialsForm, FieldError, Filled
from entra_plugin.web.pages.notice import Message, Tone, attempt, of_code, of_problem, success
from entra_plugin.web.pages.render import Screen, wants_fragment, zone_of
from entra_plugin.web.problems import Problem
from entra_plugin.web.responses import Html

WRONG_FIELD: Mapping[str, str] = {
    "client_id_invalid": "client_id",
    "app_not_found": "client_id",
    "app_changed": "client_id",
    "client_credentials_refused": "client_secret",
    "client_secret_expired": "client_secret",
    "client_secret_wrong": "client_secret",
}
"""The field of Microsoft app credentials that an error code is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What came of saving credentials: what to show, and the form to show again."""

    message: Message
    form: Filled
    status: int


async def save_credentials(screen: Screen, form: CredentialsForm) -> Saved:
    """Store the tenant's own app credentials; tested first where a connection is active."""
    new = NewCredentials(
        client_id=form.client_id,
        client_secret=form.client_secret,
        expires_at=form.expiry(zone_of(screen.facts.principal.time_zone)),
    )
    texts = screen.facts.locale
    _, problem = await attempt(screen.runtime.rotate_credentials(screen.facts.tenant_id, new))
    if problem is None:
        saved = success(texts, "connect.credentials.saved")
        return Saved(message=saved, form=Filled(name="credentials"), status=200)
    message = of_problem(texts, problem)
    wrong = at_field(WRONG_FIELD.get(problem.code), message)
    return Saved(message=message, form=form.again(wrong), status=problem.status)


def at_field(field: str | None, message: Message) -> FieldError | None:
    """The words of a message at the field that it is about."""
    if field is None:
        return None
    return FieldError(field=field, text=" ".join(filter(None, [message.title, message.advice])))


async def to_microsoft(screen: Screen, *, lighthouse: bool) -> Response | Problem:
    """Send the person to Microsoft's sign-in."""
    address, problem = await attempt(
        screen.runtime.start_sign_in(screen.facts.person, lighthouse=lighthouse)
    )
    if address is None:
        return problem or problems.INTERNAL
    if wants_fragment(screen.request):
        return Html("", headers={"hx-redirect": address})
    return RedirectResponse(address, status_code=303)


def of_validation(screen: Screen, found: Validation) -> Message:
    """What a check of the connection found, in words."""
    texts = screen.facts.locale
    if found.failure is not None:
        return of_code(texts, found.failure.code, vendor_code=found.failure.vendor_code)
    return Message(tone=Tone.SUCCESS, title=texts.count("connect.valid", found.tenant_count or 0))
