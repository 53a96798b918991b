"""The questions that are put to CIPP's API, and no others."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from entra_plugin.directory.cipp.refusals import not_json, refusal
from entra_plugin.directory.guard import BaseUrl
from entra_plugin.directory.microsoft.groups import GROUP_SELECT, name_filter, page_size
from entra_plugin.directory.microsoft.wire import USER_SELECT
from entra_plugin.directory.transport import (
    NotJson,
    Patience,
    Token,
    TokenAsk,
    Transport,
    UnexpectedStatus,
)
from entra_plugin.domain.ids import GroupId, ObjectId

PATIENCE = Patience(
    connect=10,
    read=150,
    write=30,
    total=240,
    tries=3,
    longest_short_wait=10,
    busy=frozenset({429, 502, 504}),
    throttled=frozenset({429}),
    at_once=4,
)
"""For function apps that start cold and follow many pages: answers may take two minutes.

More than four questions at once slow the pages of the people who work with CIPP. 500 and 503 carry
CIPP's own words, so they are not asked again blindly. 504 is the platform's: CIPP took too long.
"""

_PAGED = {"manualPagination": "true", "$top": "999"}
"""One page for each question; without it CIPP follows all pages, or queues the work."""

USERS: Mapping[str, str] = {"Endpoint": "users", "$select": USER_SELECT, **_PAGED}
ORGANIZATION: Mapping[str, str] = {"Endpoint": "organization", "$select": "id,verifiedDomains"}
DELETED_USERS: Mapping[str, str] = {
    "Endpoint": "directory/deletedItems/microsoft.graph.user",
    "$select": "id",
    **_PAGED,
}


def one_user(object_id: ObjectId) -> Mapping[str, str]:
    """One user by id."""
    return {"Endpoint": f"users/{object_id}", "$select": USER_SELECT}


def groups_named(start: str, limit: int) -> Mapping[str, str]:
    """The first page of the groups whose names start so."""
    condition = name_filter(start)
    return {
        "Endpoint": "groups",
        "$select": GROUP_SELECT,
        **({} if condition is None else {"$filter": condition}),
        **_PAGED,
        "$top": str(page_size(limit)),
    }


def members_of(group_id: GroupId) -> Mapping[str, str]:
    """Everything in a group and in the groups within it, users among it.

    Graph lists users alone only to who sends ``ConsistencyLevel: eventual``, and not every release
    of CIPP does.
    """
    return {"Endpoint": f"groups/{group_id}/transitiveMembers", "$select": "id", **_PAGED}


class CippApi:
    """One CIPP, asked with one token."""

    def __init__(self, base: BaseUrl, transport: Transport, token: Token) -> None:
        self._base = base
        self._transport = transport
        self._token = token

    async def renew(self) -> None:
        """Prove that a token can be had."""
        await self._token(TokenAsk())

    async def list_tenants(self) -> bytes:
        """All tenants that this token may see, from CIPP's own list."""
        return await self._get("ListTenants", {}, at_tenant=False)

    async def list_domains(self, tenant_filter: str) -> bytes:
        """The domains of one tenant."""
        return await self._get("ListDomains", {"tenantFilter": tenant_filter}, at_tenant=True)

    async def graph(
        self, question: Mapping[str, str], tenant_filter: str, next_link: str | None = None
    ) -> bytes:
        """What Graph v1.0 says about one tenant.

        Args:
            question: One of those above.
            tenant_filter: The tenant, as CIPP calls it.
            next_link: The page to read, as the answer before said; CIPP, not we, follows it.

        Raises:
            ConsentMissing: ``cipp_graph_error``, among others: Graph refused, no code says why.
        """
        query = {**question, "Version": "v1.0", "tenantFilter": tenant_filter}
        if next_link is not None:
            query["nextLink"] = next_link
        return await self._get("ListGraphRequest", query, at_tenant=True)

    async def close(self) -> None:
        """Close the connections, which are this CIPP's alone."""
        await self._transport.close()

    async def _get(self, function: str, query: Mapping[str, str], *, at_tenant: bool) -> bytes:
        url = f"{self._base}/api/{function}"
        if query:
            url = f"{url}?{urlencode(query, quote_via=quote, safe='$,')}"
        try:
            return await self._transport.get_json(url, self._token)
        except UnexpectedStatus as answer:
            raise refusal(answer, at_tenant=at_tenant) from None
        except NotJson as answer:
            raise not_json(answer) from None
