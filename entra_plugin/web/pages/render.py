"""Jinja2 over our own templates: text by key, times in the person's zone, everything escaped."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request

from entra_plugin import resources
from entra_plugin.resources import Locale
from entra_plugin.web.facts import BASE_KEY, Facts
from entra_plugin.web.responses import Html
from entra_plugin.web.routes import API_MOUNT, PAGES_MOUNT
from entra_plugin.web.runtime import Runtime

FRAGMENT_HEADER = "x-entra-fragment"
"""Marks an answer that our script may put in place whatever its status."""


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(resources.template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(name: str, texts: Locale, *, zone: str = "UTC", **values: object) -> str:
    """Fill a template; ``t``, ``n``, ``moment`` and ``day`` are there in each."""
    return (
        _environment()
        .get_template(name)
        .render(
            t=texts.text,
            n=texts.count,
            moment=_moment(zone, "%d %b %Y, %H:%M"),
            day=_moment(zone, "%d %b %Y"),
            lang=texts.tag,
            **values,
        )
    )


def wants_fragment(request: Request) -> bool:
    """True when only the piece of page is asked for; going back in a browser asks for all of it."""
    if "hx-history-restore-request" in request.headers:
        return False
    return "hx-request" in request.headers or "x-psa-fragment" in request.headers


def base_of(request: Request) -> str:
    """Where our pages are mounted, the host's own mount included; the gate worked it out."""
    return cast("str", request.scope["state"][BASE_KEY])


async def page(runtime: Runtime, request: Request, *, title: str, body: str) -> str:
    """A whole document in the host's layout."""
    static = f"{base_of(request)}/static"
    return await runtime.context.host.layout(
        request.scope,
        title=title,
        body=body,
        styles=[f"{static}/entra.css"],
        scripts=[f"{static}/entra.js"],
    )


class Screen:
    """One request for a page or a fragment, with what its templates need."""

    def __init__(self, request: Request, facts: Facts, runtime: Runtime) -> None:
        self.request = request
        self.facts = facts
        self.runtime = runtime

    @property
    def base(self) -> str:
        """Where our pages are mounted."""
        return base_of(self.request)

    @property
    def api(self) -> str:
        """Where the JSON API is mounted, beside our pages."""
        return self.base.removesuffix(PAGES_MOUNT) + API_MOUNT

    def render(self, name: str, **values: object) -> str:
        """Fill a template for this person."""
        host = self.runtime.context.host
        return render(
            name,
            self.facts.locale,
            zone=self.facts.principal.time_zone,
            base=self.base,
            api=self.api,
            csrf_token=self.facts.principal.csrf_token,
            client_url=host.client_url,
            contact_url=host.contact_url,
            **values,
        )

    async def answer(self, name: str, *, title: str, status: int = 200, **values: object) -> Html:
        """A fragment or a whole page, as it was asked for."""
        body = self.render(name, **values)
        if wants_fragment(self.request):
            return fragment(body, status=status)
        document = await page(self.runtime, self.request, title=title, body=body)
        return Html(document, status_code=status)


def fragment(body: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Html:
    """A piece of page."""
    return Html(body, status_code=status, headers={FRAGMENT_HEADER: "1", **(headers or {})})


def in_place_of(target: str, answer: Html) -> Html:
    """Put the answer in place of something else than the part that asked."""
    answer.headers["hx-retarget"] = target
    answer.headers["hx-reswap"] = "outerHTML"
    return answer


def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name; UTC for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _moment(zone: str, form: str) -> Callable[[datetime | None], Markup]:
    """A function that writes a time in the person's zone, with the exact one for machines."""
    local = zone_of(zone)

    def moment(at: datetime | None) -> Markup:
        if at is None:
            return Markup("&ndash;")
        shown = _in_zone(at, local).strftime(form).removeprefix("0")
        return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), escape(shown))

    return moment


def _in_zone(at: datetime, zone: ZoneInfo) -> datetime:
    """The time in a zone, or in UTC where the zone leads out of the calendar."""
    try:
        return at.astimezone(zone)
    except OverflowError:
        return at.astimezone(UTC)
