"""How a CIPP asks Graph: with its own account's token at the tenant, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from devhost.simulator.admission import admit_application, admit_partner
from devhost.simulator.answers import Body, Entity, Page, encoded
from devhost.simulator.cipp.replies import Refused
from devhost.simulator.cipp.switches import Switches
from devhost.simulator.graph.ask import Ask
from devhost.simulator.graph.caller import GRAPH_AUDIENCE, Caller, caller_of
from devhost.simulator.graph.service import GraphService
from devhost.simulator.odata import GraphError
from devhost.simulator.scopes import APPLICATION, DELEGATED, OPTIONAL
from devhost.simulator.sts import StsError
from devhost.simulator.world import Directory, Partner

GRAPH = "https://graph.microsoft.com"
NOT_ALLOWED = "Not allowed. You cannot manage your own tenant or tenants not under your scope"


class CannotRead(Exception):
    """Graph, or the sign-in before it, refused; the message is what CIPP says of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The rows of one page or of all, encoded, and where the next page is."""

    rows: Sequence[bytes]
    next_link: str | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One CIPP's way to Graph."""

    graph: GraphService
    switches: Switches
    partner: Partner

    def page(self, tenant: Directory | Partner, url: str, *, as_app: bool = False) -> Found:
        """What one address of Graph answers.

        Raises:
            CannotRead: The tenant refuses, or Graph does.
        """
        try:
            body = self.graph.read(_ask(url), self._caller(tenant, as_app=as_app))
        except (StsError, GraphError) as error:
            message = _message(error)
            self.switches.failed(tenant.tenant_id, message)
            raise CannotRead(message) from error
        self.switches.reached(tenant.tenant_id)
        return _found(body)

    def everything(self, tenant: Directory | Partner, url: str, *, as_app: bool = False) -> Found:
        """The rows of all pages.

        Raises:
            CannotRead: As for a page.
        """
        rows: list[bytes] = []
        link: str | None = url
        while link is not None:
            found = self.page(tenant, link, as_app=as_app)
            rows += found.rows
            link = found.next_link
        return Found(rows=rows)

    def _caller(self, tenant: Directory | Partner, *, as_app: bool) -> Caller:
        claims: dict[str, object] = {"aud": GRAPH_AUDIENCE, "tid": tenant.tenant_id}
        if as_app:
            admit_application(self.graph.world, tenant.tenant_id)
            claims["roles"] = [*APPLICATION, *self.graph.permissions.application()]
        else:
            if isinstance(tenant, Directory):
                admit_partner(self.graph.world, self.partner, tenant.tenant_id)
            claims["scp"] = " ".join((*DELEGATED, *OPTIONAL))
            claims["home"] = self.partner.tenant_id
            claims["oid"] = self.partner.account_id
        return caller_of(self.graph.world, claims)


def graph_url(version: str, endpoint: str, query: str) -> str:
    """An address of Graph."""
    path = quote(endpoint, safe="/()'=,:@$")
    return f"{GRAPH}/{version}/{path}" + (f"?{query}" if query else "")


def checked_link(link: str) -> str:
    """A next link that leads to Graph.

    Raises:
        CannotRead: It leads elsewhere.
    """
    if not link.startswith(f"{GRAPH}/"):
        raise CannotRead(f"Invalid nextLink URL: {link}")
    return link


def graph_error(error: CannotRead, endpoint: str) -> Refused:
    """How ListGraphRequest tells of a failure."""
    return Refused(400, f"Graph Error: {error} - Endpoint: {endpoint}")


def _ask(url: str) -> Ask:
    parts = urlsplit(url)
    headers = {"consistencylevel": "eventual"}
    return Ask.of(unquote(parts.path), parts.query, GRAPH, headers)


def _found(body: Body) -> Found:
    match body:
        case Page():
            rows = [encoded(row) for row in body.rows]
            return Found(rows=rows, next_link=body.next_link, count=body.count)
        case Entity():
            return Found(rows=[body.encode("beta")])
        case _:
            return Found(rows=[str(body).encode()])


def _message(error: StsError | GraphError) -> str:
    if isinstance(error, StsError):
        return f"Could not get token: AADSTS{error.number}: {error.text}"
    return error.message
