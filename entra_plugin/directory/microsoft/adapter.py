"""Microsoft Graph as a ``Directory``."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager

from entra_plugin.directory.microsoft import wire
from entra_plugin.directory.microsoft.customers import count_customers, list_customers
from entra_plugin.directory.microsoft.endpoints import Endpoints
from entra_plugin.directory.microsoft.reading import Bearer, GraphReader, Links
from entra_plugin.directory.microsoft.refusals import is_expired, says_not_found, translated
from entra_plugin.directory.microsoft.tokens import Tokens
from entra_plugin.directory.protocol import (
    Capabilities,
    Domain,
    ListedTenant,
    PageExpired,
    TenantDetails,
    UserPage,
)
from entra_plugin.directory.transport import TokenAsk, Transport, UnexpectedStatus
from entra_plugin.domain.errors import ConsentMissing, TransientFailure
from entra_plugin.domain.ids import EntraTenantId, ObjectId

_ORGANIZATION = "/organization?$select=id,verifiedDomains"
_DOMAINS = "/domains?$select=id,isDefault,isInitial,isVerified"
_USERS = f"/users?$select={wire.USER_SELECT}&$top=999"
_DELETED = "/directory/deletedItems/microsoft.graph.user?$select=id&$top=999"
_PROOFS = 3
"""How often a directory is proved anew when its token keeps changing in between."""


CAPABILITIES = Capabilities(delta=True, proves_absence=True, groups=True, concurrency=8)


class MicrosoftDirectory:
    """The customers of one partner, read in the partner's name (GDAP) or in that of the app."""

    def __init__(self, endpoints: Endpoints, transport: Transport, tokens: Tokens) -> None:
        self._tokens = tokens
        self._reader = GraphReader(endpoints, transport, tokens)
        self._endpoints = endpoints
        self._proven: dict[EntraTenantId, str] = {}
        """The token with which each directory last proved to be the one it was taken for."""

    @property
    def tokens(self) -> Tokens:
        """Where the access tokens come from."""
        return self._tokens

    @property
    def capabilities(self) -> Capabilities:
        """Graph answers changes only, and each customer is a throttling bucket of its own."""
        return CAPABILITIES

    async def renew(self) -> None:
        """Get a token of the connection itself; a partner's refresh token is renewed by that."""
        await self._tokens.renew_home()

    async def probe(self) -> int:
        """List the customers as discovery does; answers how many there are."""
        return await count_customers(self._reader)

    async def managed_tenants(self) -> AsyncIterator[ListedTenant]:
        """List the customers, with what their active relationships and other lists say."""
        for tenant in await list_customers(self._reader):
            yield tenant

    async def tenant_details(self, entra_tenant_id: EntraTenantId) -> TenantDetails:
        """Read the organization, which proves whose directory answers and names its domains.

        A directory always has a verified domain, so a record without any sends us to the list of
        its domains, and a list without any is no answer.
        """
        bearer = self._reader.bearer(entra_tenant_id)
        with self._translated(entra_tenant_id):
            domains = wire.verified((await self._prove(bearer)).verified_domains)
            if not domains:
                domains = await self._listed_domains(bearer)
        if not domains:
            raise TransientFailure("unusable_answer", retry_after=60)
        return TenantDetails(domains=domains)

    async def user_pages(
        self, entra_tenant_id: EntraTenantId, *, resume: str | None = None
    ) -> AsyncGenerator[UserPage, None]:
        """List the users; the next page is fetched while the caller works on this one.

        An empty listing from its first page is no answer: a directory always has a user.
        """
        first = self._endpoints.graph_url(_USERS)
        bearer = self._reader.bearer(entra_tenant_id)
        links = Links(resume or first)
        coming = asyncio.create_task(self._page(bearer, resume or first, first=resume is None))
        seen = 0
        try:
            while True:
                page = await coming
                if page.next_link is not None:
                    link = links.follow(page.next_link)
                    coming = asyncio.create_task(self._page(bearer, link, first=False))
                seen += len(page.users)
                if page.next_link is None and not seen and resume is None:
                    raise TransientFailure("empty_listing", retry_after=60)
                yield page
                if page.next_link is None:
                    return
        finally:
            coming.add_done_callback(_hear)
            coming.cancel()
            await asyncio.wait({coming})

    async def deleted_users(self, entra_tenant_id: EntraTenantId) -> frozenset[ObjectId]:
        """The ids in the deleted items, read with the token that proved the directory."""
        url = self._endpoints.graph_url(_DELETED)
        bearer = self._reader.bearer(entra_tenant_id)
        with self._translated(entra_tenant_id):
            for _ in range(_PROOFS):
                await self._ensure_proven(bearer)
                pages = await self._reader.listing(bearer, url, wire.RefList)
                if self._proven.get(entra_tenant_id) == bearer.token:
                    return frozenset(ObjectId(row.id) for page in pages for row in page.value)
        raise TransientFailure("wrong_directory", retry_after=60)

    async def is_absent(self, entra_tenant_id: EntraTenantId, object_id: ObjectId) -> bool:
        """True when the directory, proved with the same token, says that it has no such user."""
        bearer = self._reader.bearer(entra_tenant_id)
        with self._translated(entra_tenant_id):
            for _ in range(_PROOFS):
                await self._ensure_proven(bearer)
                if not await self._is_missing(bearer, object_id):
                    return False
                if self._proven.get(entra_tenant_id) == bearer.token:
                    return True
        raise TransientFailure("wrong_directory", retry_after=60)

    async def close(self) -> None:
        """Nothing of its own is open: transport and sign-in are shared."""

    async def _page(self, bearer: Bearer, url: str, *, first: bool) -> UserPage:
        with self._translated(bearer.tenant):
            try:
                body = await self._reader.get(bearer, url)
            except UnexpectedStatus as answer:
                if is_expired(answer, followed=not first):
                    raise PageExpired from None
                raise
        page = wire.decode(body, wire.UserList)
        return UserPage(users=wire.to_users(page.value, body), next_link=page.next_link)

    async def _listed_domains(self, bearer: Bearer) -> tuple[Domain, ...]:
        url = self._endpoints.graph_url(_DOMAINS)
        pages = await self._reader.listing(bearer, url, wire.DomainList)
        return wire.verified_among(row for page in pages for row in page.value)

    async def _is_missing(self, bearer: Bearer, object_id: ObjectId) -> bool:
        url = self._endpoints.graph_url(f"/users/{object_id}?$select=id")
        try:
            body = await self._reader.get(bearer, url)
        except UnexpectedStatus as answer:
            if says_not_found(answer):
                return True
            raise
        if wire.decode(body, wire.Ref).id != object_id:
            raise TransientFailure("unusable_answer", retry_after=60)
        return False

    async def _ensure_proven(self, bearer: Bearer) -> None:
        """Ask who the directory is, unless the present token has been used for that already."""
        if self._proven.get(bearer.tenant) != await bearer(TokenAsk()):
            await self._prove(bearer)

    async def _prove(self, bearer: Bearer) -> wire.Organization:
        """The directory's own record, of that very directory."""
        body = await self._reader.get(bearer, self._endpoints.graph_url(_ORGANIZATION))
        organizations = wire.decode(body, wire.OrganizationList).value
        if [organization.id for organization in organizations] != [bearer.tenant]:
            raise TransientFailure("wrong_directory", retry_after=60)
        self._proven[bearer.tenant] = bearer.token
        return organizations[0]

    @contextmanager
    def _translated(self, tenant: EntraTenantId) -> Iterator[None]:
        """Let refusals out as ours.

        A token whose rights did not suffice is dropped: one made after an administrator helped has
        more.
        """
        try:
            with translated(at_customer=tenant != self._tokens.home, access=self._tokens.at_home):
                yield
        except ConsentMissing:
            self._tokens.forget(tenant)
            raise


def _hear(done: asyncio.Task[UserPage]) -> None:
    """Take what a page ended with that nobody waits for, so that it is no noise."""
    if not done.cancelled():
        done.exception()
