"""Microsoft Graph as a ``Directory``."""

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
from typing import TypeVar

from entra_plugin.directory.ahead import ahead
from entra_plugin.directory.answers import AFTER_ODD_ANSWER
from entra_plugin.directory.microsoft import wire
from entra_plugin.directory.microsoft.changes import SELECT_FINGERPRINT, change_page
from entra_plugin.directory.microsoft.customers import count_customers, list_customers
from entra_plugin.directory.microsoft.endpoints import Endpoints
from entra_plugin.directory.microsoft.groups import (
    ADVANCED,
    GroupList,
    groups_path,
    members_path,
    to_groups,
)
from entra_plugin.directory.microsoft.pages import RawPage, raw_page, user_page
from entra_plugin.directory.microsoft.reading import Bearer, GraphReader, Links
from entra_plugin.directory.microsoft.refusals import (
    is_expired,
    is_lost,
    may_not_be_read,
    says_not_found,
    translated,
)
from entra_plugin.directory.microsoft.tokens import Tokens
from entra_plugin.directory.protocol import (
    Capabilities,
    ChangePage,
    CursorExpired,
    Domain,
    Group,
    ListedTenant,
    PageExpired,
    TenantDetails,
    UserPage,
)
from entra_plugin.directory.transport import TokenAsk, Transport, UnexpectedStatus
from entra_plugin.domain.errors import ConsentMissing, TransientFailure
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import EntraTenantId, GroupId, ObjectId

Answer = TypeVar("Answer")

_ORGANIZATION = "/organization?$select=id,verifiedDomains"
_DOMAINS = "/domains?$select=id,isDefault,isInitial,isVerified"
_USERS = f"/users?$select={wire.USER_SELECT}&$top=999"
_DELTA = f"/users/delta?$select={wire.USER_SELECT}&$deltatoken=latest"
_DELETED = "/directory/deletedItems/microsoft.graph.user?$select=id&$top=999"
_PAGES_AHEAD = 2
"""One that is here, and one that is on its way."""

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
            raise TransientFailure("unusable_answer", retry_after=AFTER_ODD_ANSWER)
        return TenantDetails(domains=domains)

    async def user_pages(
        self,
        entra_tenant_id: EntraTenantId,
        *,
        resume: str | None = None,
        known: Collection[bytes] = (),
    ) -> AsyncGenerator[UserPage, None]:
        """List the users; the next page is fetched while this one is decoded and worked on.

        The first page comes with the token that proved the directory; next links are of no use in
        another one. An empty listing from its first page is no answer: a directory always has a
        user.
        """
        seen = 0
        async with aclosing(ahead(self._raw_pages(entra_tenant_id, resume), _PAGES_AHEAD)) as pages:
            async for page in pages:
                seen += len(page.users)
                if page.next_link is None and not seen and resume is None:
                    raise TransientFailure("empty_listing", retry_after=AFTER_ODD_ANSWER)
                yield user_page(page, known)

    @property
    def select_fingerprint(self) -> bytes:
        """Sixteen bytes of the properties that are read."""
        return SELECT_FINGERPRINT

    async def delta_start(self, entra_tenant_id: EntraTenantId) -> str:
        """A delta link from now on, which only this directory accepts."""
        url = self._endpoints.graph_url(_DELTA)
        bearer = self._reader.bearer(entra_tenant_id)
        with self._translated(entra_tenant_id):
            body = await self._proven_answer(bearer, lambda: self._reader.get(bearer, url))
        link = change_page(body).delta_link
        if link is None:
            raise TransientFailure(
                "unusable_answer", retry_after=AFTER_ODD_ANSWER, details={"reason": "link"}
            )
        return link

    async def changes(
        self, entra_tenant_id: EntraTenantId, link: str
    ) -> AsyncGenerator[ChangePage, None]:
        """What changed, page by page; the first one with the token that proved the directory."""
        if not link.startswith(self._endpoints.graph_url("/users/")):
            raise CursorExpired
        bearer = self._reader.bearer(entra_tenant_id)
        links = Links(link)
        with self._translated(entra_tenant_id):
            page = await self._proven_answer(bearer, lambda: self._changes(bearer, link))
        yield page
        while page.next_link is not None:
            with self._translated(entra_tenant_id):
                page = await self._changes(bearer, links.follow(page.next_link))
            yield page

    async def user(
        self, entra_tenant_id: EntraTenantId, object_id: ObjectId
    ) -> DirectoryUser | None:
        """One user; None when the directory, proved with the same token, says it has no such."""
        bearer = self._reader.bearer(entra_tenant_id)
        with self._translated(entra_tenant_id):
            found = await self._proven_answer(
                bearer, lambda: self._found(bearer, object_id, wire.USER_SELECT)
            )
        return wire.to_user(found) if found is not None else None

    async def groups(
        self, entra_tenant_id: EntraTenantId, q: str, limit: int = 20
    ) -> tuple[Group, ...]:
        """Groups by the start of their names, as many as one page holds."""
        url = self._endpoints.graph_url(groups_path(q, limit))
        bearer = self._reader.bearer(entra_tenant_id)

        async def ask() -> bytes:
            with _of_groups():
                return await self._reader.get(bearer, url)

        with self._translated(entra_tenant_id):
            body = await self._proven_answer(bearer, ask)
        return to_groups(wire.decode(body, GroupList).value, limit)

    async def members(
        self, entra_tenant_id: EntraTenantId, group_id: GroupId
    ) -> frozenset[ObjectId]:
        """The users in a group and in the groups within it, to the last page."""
        url = self._endpoints.graph_url(members_path(group_id))
        bearer = self._reader.bearer(entra_tenant_id)

        async def ask() -> frozenset[ObjectId]:
            with _of_groups(group_id):
                return await self._ids(bearer, url, headers=ADVANCED)

        with self._translated(entra_tenant_id):
            return await self._proven_answer(bearer, ask)

    async def deleted_users(self, entra_tenant_id: EntraTenantId) -> frozenset[ObjectId]:
        """The ids in the deleted items, read with the token that proved the directory."""
        url = self._endpoints.graph_url(_DELETED)
        bearer = self._reader.bearer(entra_tenant_id)
        with self._translated(entra_tenant_id):
            return await self._proven_answer(bearer, lambda: self._ids(bearer, url))

    async def is_absent(self, entra_tenant_id: EntraTenantId, object_id: ObjectId) -> bool:
        """True when the directory, proved with the same token, says that it has no such user."""
        bearer = self._reader.bearer(entra_tenant_id)
        with self._translated(entra_tenant_id):
            found = await self._proven_answer(bearer, lambda: self._found(bearer, object_id, "id"))
        return found is None

    async def close(self) -> None:
        """Nothing of its own is open: transport and sign-in are shared."""

    async def _raw_pages(
        self, entra_tenant_id: EntraTenantId, resume: str | None
    ) -> AsyncGenerator[RawPage, None]:
        first = self._endpoints.graph_url(_USERS)
        bearer = self._reader.bearer(entra_tenant_id)
        links = Links(resume or first)
        if resume is None:
            page = await self._proven_page(bearer, first)
        else:
            page = await self._page(bearer, resume, first=False)
        yield page
        while page.next_link is not None:
            page = await self._page(bearer, links.follow(page.next_link), first=False)
            yield page

    async def _page(self, bearer: Bearer, url: str, *, first: bool) -> RawPage:
        with self._translated(bearer.tenant):
            try:
                body = await self._reader.get(bearer, url)
            except UnexpectedStatus as answer:
                if is_expired(answer, followed=not first):
                    raise PageExpired from None
                raise
        return raw_page(body)

    async def _listed_domains(self, bearer: Bearer) -> tuple[Domain, ...]:
        url = self._endpoints.graph_url(_DOMAINS)
        pages = await self._reader.listing(bearer, url, wire.DomainList)
        return wire.verified_among(row for page in pages for row in page.value)

    async def _changes(self, bearer: Bearer, url: str) -> ChangePage:
        try:
            return change_page(await self._reader.get(bearer, url))
        except UnexpectedStatus as answer:
            if is_lost(answer):
                raise CursorExpired from None
            raise

    async def _ids(
        self, bearer: Bearer, url: str, *, headers: Mapping[str, str] | None = None
    ) -> frozenset[ObjectId]:
        pages = await self._reader.listing(bearer, url, wire.RefList, headers=headers)
        return frozenset(ObjectId(row.id) for page in pages for row in page.value)

    async def _found(self, bearer: Bearer, object_id: ObjectId, select: str) -> wire.User | None:
        """A user by id; None when Graph itself says that there is none."""
        url = self._endpoints.graph_url(f"/users/{object_id}?$select={select}")
        try:
            body = await self._reader.get(bearer, url)
        except UnexpectedStatus as answer:
            if says_not_found(answer):
                return None
            raise
        found = wire.decode(body, wire.User)
        if found.id != object_id:
            raise TransientFailure("unusable_answer", retry_after=AFTER_ODD_ANSWER)
        return found

    async def _proven_page(self, bearer: Bearer, url: str) -> RawPage:
        with self._translated(bearer.tenant):
            return await self._proven_answer(bearer, lambda: self._page(bearer, url, first=True))

    async def _proven_answer(self, bearer: Bearer, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What is asked for, answered to the very token that proved the directory.

        Raises:
            TransientFailure: ``wrong_directory``: another directory answered, or the token kept
                changing in between.
        """
        for _ in range(_PROOFS):
            await self._ensure_proven(bearer)
            answer = await ask()
            if self._proven.get(bearer.tenant) == bearer.token:
                return answer
        raise TransientFailure("wrong_directory", retry_after=AFTER_ODD_ANSWER)

    async def _ensure_proven(self, bearer: Bearer) -> None:
        """Ask who the directory is, unless the present token has been used for that already."""
        if self._proven.get(bearer.tenant) != await bearer(TokenAsk()):
            await self._prove(bearer)

    async def _prove(self, bearer: Bearer) -> wire.Organization:
        """The directory's own record, of that very directory."""
        body = await self._reader.get(bearer, self._endpoints.graph_url(_ORGANIZATION))
        organizations = wire.decode(body, wire.OrganizationList).value
        if [organization.id for organization in organizations] != [bearer.tenant]:
            raise TransientFailure("wrong_directory", retry_after=AFTER_ODD_ANSWER)
        self._proven[bearer.tenant] = bearer.token
        return organizations[0]

    @contextmanager
    def _translated(self, tenant: EntraTenantId) -> Iterator[None]:
        """Let refusals out as ours.

        A token whose rights did not suffice is dropped: one made after an administrator helped has
        more.
        """
        at_customer = tenant != self._tokens.home
        access = self._tokens.at_customers if at_customer else self._tokens.at_home
        try:
            with translated(at_customer=at_customer, access=access):
                yield
        except ConsentMissing:
            self._tokens.forget(tenant)
            raise


@contextmanager
def _of_groups(group_id: GroupId | None = None) -> Iterator[None]:
    """Let out as ours what says that groups, or this one, cannot be read."""
    try:
        yield
    except UnexpectedStatus as answer:
        if not may_not_be_read(answer):
            raise
        details = {} if group_id is None else {"groupId": str(group_id)}
        codes = wire.error_codes(answer.body)
        raise ConsentMissing(
            "group_unreadable", details=details, vendor_code=codes[-1] if codes else None
        ) from None
