"""CIPP as a ``Directory``: full readings of one tenant at a time, through its ``ListGraphRequest``.

Never asked for, because the answer can be old, partial or for another version of Graph:
``ListUsers``, ``ListDBCache``, all tenants at once, and anything that ignores errors or clears
caches.
"""

import asyncio
import ssl
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
)
from contextlib import aclosing, contextmanager

import httpx

from entra_plugin.directory.answers import AFTER_ODD_ANSWER
from entra_plugin.directory.cipp import wire
from entra_plugin.directory.cipp.api import (
    DELETED_USERS,
    ORGANIZATION,
    PATIENCE,
    USERS,
    CippApi,
    groups_named,
    members_of,
    one_user,
)
from entra_plugin.directory.cipp.customers import Customers
from entra_plugin.directory.guard import Allowed, BaseUrl, GuardedNetwork
from entra_plugin.directory.microsoft.changes import SELECT_FINGERPRINT
from entra_plugin.directory.microsoft.groups import to_groups
from entra_plugin.directory.microsoft.wire import to_user, verified
from entra_plugin.directory.protocol import (
    Capabilities,
    ChangePage,
    CursorExpired,
    Group,
    ListedTenant,
    PageExpired,
    TenantDetails,
    UserPage,
)
from entra_plugin.directory.transport import Token, Transport
from entra_plugin.domain.errors import ConsentMissing, TransientFailure
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import EntraTenantId, GroupId, ObjectId

_LIMITS = httpx.Limits(
    max_connections=PATIENCE.at_once,
    max_keepalive_connections=PATIENCE.at_once,
    keepalive_expiry=60,
)
_PAGE_CAP = 10_000
_GRAPH_REFUSED = "cipp_graph_error"


def open_cipp(
    base: BaseUrl,
    token: Token,
    *,
    allowed: Allowed,
    context: ssl.SSLContext,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> "CippDirectory":
    """A CIPP behind the guard, with connections of its own that end with ``close``."""
    # No proxy: a certificate in a proxy's tunnel would be verified for the address, not the name.
    direct = httpx.AsyncHTTPTransport(verify=context, limits=_LIMITS, trust_env=False)
    network = GuardedNetwork(base, direct, allowed=allowed)
    transport = Transport(str(base), network, patience=PATIENCE, sleep=sleep)
    return CippDirectory(CippApi(base, transport, token))


CAPABILITIES = Capabilities(
    delta=False, proves_absence=False, groups=True, concurrency=PATIENCE.at_once
)


class CippDirectory:
    """The tenants that one CIPP manages."""

    def __init__(self, api: CippApi) -> None:
        self._api = api
        self._customers = Customers(api)

    @property
    def capabilities(self) -> Capabilities:
        """CIPP drops delta links, and answers a missing id with a text that proves nothing."""
        return CAPABILITIES

    async def renew(self) -> None:
        """Get a token for CIPP, where it is not one that was given."""
        await self._api.renew()

    async def probe(self) -> int:
        """List the managed tenants; answers how many there are."""
        return len(await self._customers.listed())

    async def managed_tenants(self) -> AsyncIterator[ListedTenant]:
        """List the managed tenants that this API client may see; a role can hide some silently."""
        for customer in await self._customers.listed():
            yield customer.tenant

    async def tenant_details(self, entra_tenant_id: EntraTenantId) -> TenantDetails:
        """Read the organization, which proves whose directory answers and names its domains.

        A directory always has a verified domain: without one in either list there is no answer.
        """
        organization = await self._organization(entra_tenant_id)
        domains = verified(organization.verified_domains)
        if not domains:
            tenant_filter = await self._customers.filter_of(entra_tenant_id)
            domains = wire.listed_domains(await self._api.list_domains(tenant_filter))
        if not domains:
            raise TransientFailure("unusable_answer", retry_after=AFTER_ODD_ANSWER)
        return TenantDetails(domains=domains)

    async def user_pages(
        self,
        entra_tenant_id: EntraTenantId,
        *,
        resume: str | None = None,
        known: Collection[bytes] = (),
    ) -> AsyncGenerator[UserPage, None]:
        """List the users, once the directory has been proved to be the right one.

        An empty listing from its first page is no answer.

        A refused next link comes as the same text as any other failure of Graph. It is taken for an
        expired one: the listing starts again, and its first page names the failure if it is
        another.
        """
        if resume is not None and not wire.is_link(resume):
            raise PageExpired
        if resume is None:
            await self._organization(entra_tenant_id)
        del known
        seen = 0
        pages = self._pages(entra_tenant_id, USERS, wire.UserAnswer, resume)
        async with aclosing(pages):
            async for answer, link in pages:
                seen += len(answer.results)
                if link is None and not seen and resume is None:
                    raise TransientFailure("empty_listing", retry_after=AFTER_ODD_ANSWER)
                yield UserPage(users=tuple(map(to_user, answer.results)), next_link=link)

    @property
    def select_fingerprint(self) -> bytes:
        """Sixteen bytes of the properties that are read."""
        return SELECT_FINGERPRINT

    async def delta_start(self, entra_tenant_id: EntraTenantId) -> str:  # noqa: ARG002 - the protocol's
        """Never: CIPP drops delta links."""
        raise CursorExpired

    async def changes(
        self,
        entra_tenant_id: EntraTenantId,  # noqa: ARG002 - the protocol's
        link: str,  # noqa: ARG002 - the protocol's
    ) -> AsyncGenerator[ChangePage, None]:
        """Never: a link of another provider leads nowhere here."""
        pages: tuple[ChangePage, ...] = ()
        for page in pages:
            yield page
        raise CursorExpired

    async def user(
        self, entra_tenant_id: EntraTenantId, object_id: ObjectId
    ) -> DirectoryUser | None:
        """One user; never None, for CIPP's error text proves nothing.

        Raises:
            ConsentMissing: ``user_unreadable``, among others: Graph refused, no code says why.
        """
        try:
            answer = await self._ask(entra_tenant_id, one_user(object_id), wire.UserAnswer, None)
        except ConsentMissing as error:
            if error.code != _GRAPH_REFUSED:
                raise
            raise ConsentMissing("user_unreadable") from None
        if [row.id for row in answer.results] != [object_id]:
            raise TransientFailure("unusable_answer", retry_after=AFTER_ODD_ANSWER)
        return to_user(answer.results[0])

    async def groups(
        self, entra_tenant_id: EntraTenantId, q: str, limit: int = 20
    ) -> tuple[Group, ...]:
        """Groups by the start of their names, once the directory has been proved the right one."""
        await self._organization(entra_tenant_id)
        with _of_groups():
            answer = await self._ask(
                entra_tenant_id, groups_named(q, limit), wire.GroupAnswer, None
            )
        return to_groups(answer.results, limit)

    async def members(
        self, entra_tenant_id: EntraTenantId, group_id: GroupId
    ) -> frozenset[ObjectId]:
        """The users in a group and in the groups within it, to the last page.

        Raises:
            TransientFailure: ``listing_expired``, among others: a next link was refused.
        """
        found: set[ObjectId] = set()
        with _of_groups():
            async for rows in self._listed(
                entra_tenant_id, members_of(group_id), wire.MemberAnswer
            ):
                found.update(ObjectId(row.id) for row in rows.results if row.is_user)
        return frozenset(found)

    async def deleted_users(self, entra_tenant_id: EntraTenantId) -> frozenset[ObjectId]:
        """The ids in the deleted items, once the directory has been proved to be the right one.

        Raises:
            TransientFailure: ``listing_expired``, among others: a next link was refused.
        """
        await self._organization(entra_tenant_id)
        found: set[ObjectId] = set()
        async for answer in self._listed(entra_tenant_id, DELETED_USERS, wire.DeletedAnswer):
            found.update(ObjectId(row.id) for row in answer.results)
        return frozenset(found)

    async def is_absent(self, entra_tenant_id: EntraTenantId, object_id: ObjectId) -> bool:  # noqa: ARG002 - the protocol's
        """Never: CIPP answers a missing id with an error text, which is no proof."""
        return False

    async def close(self) -> None:
        """Close the connections to this CIPP."""
        await self._api.close()

    async def _organization(self, tenant: EntraTenantId) -> wire.OrganizationRow:
        """The directory's own record, of that directory."""
        answer = await self._ask(tenant, ORGANIZATION, wire.OrganizationAnswer, None)
        if [row.id for row in answer.results] != [tenant]:
            self._customers.forget(tenant)
            raise TransientFailure("wrong_directory", retry_after=AFTER_ODD_ANSWER)
        return answer.results[0]

    async def _listed(
        self, tenant: EntraTenantId, question: Mapping[str, str], type_: type[wire.Answer]
    ) -> AsyncGenerator[wire.Answer, None]:
        """All pages of a listing that is begun by another attempt if a next link is refused.

        Raises:
            TransientFailure: ``listing_expired``, among others.
        """
        try:
            async for answer, _ in self._pages(tenant, question, type_, None):
                yield answer
        except PageExpired:
            raise TransientFailure("listing_expired", retry_after=AFTER_ODD_ANSWER) from None

    async def _pages(
        self,
        tenant: EntraTenantId,
        question: Mapping[str, str],
        type_: type[wire.Answer],
        link: str | None,
    ) -> AsyncGenerator[tuple[wire.Answer, str | None], None]:
        """The pages from the first or from a next link, each with the link to the next.

        Raises:
            PageExpired: Graph refused a next link.
            TransientFailure: ``listing_endless``, among others.
        """
        visited = {link}
        before: tuple[object, ...] = ()
        for _ in range(_PAGE_CAP):
            answer = await self._page(tenant, question, type_, link)
            ids = tuple(row.id for row in answer.results)
            coming = wire.next_link(answer.metadata)
            if coming is not None and coming == link and ids != before:
                # Some releases repeat the question in the answer, the link that was asked for
                # included, and leave it there after the last page.
                coming = None
            if coming is not None and coming in visited:
                break
            yield answer, coming
            if coming is None:
                return
            visited.add(coming)
            link, before = coming, ids
        raise TransientFailure("listing_endless")

    async def _page(
        self,
        tenant: EntraTenantId,
        question: Mapping[str, str],
        type_: type[wire.Answer],
        link: str | None,
    ) -> wire.Answer:
        try:
            return await self._ask(tenant, question, type_, link)
        except ConsentMissing as error:
            if link is None or error.code != _GRAPH_REFUSED:
                raise
            raise PageExpired from None

    async def _ask(
        self,
        tenant: EntraTenantId,
        question: Mapping[str, str],
        type_: type[wire.Answer],
        link: str | None,
    ) -> wire.Answer:
        tenant_filter = await self._customers.filter_of(tenant)
        try:
            return wire.graph_answer(await self._api.graph(question, tenant_filter, link), type_)
        except ConsentMissing:
            self._customers.forget(tenant)
            raise


@contextmanager
def _of_groups() -> Iterator[None]:
    """Give a refusal of Graph's, which comes without a code, the name of what was asked for."""
    try:
        yield
    except ConsentMissing as error:
        if error.code != _GRAPH_REFUSED:
            raise
        raise ConsentMissing("group_unreadable") from None
