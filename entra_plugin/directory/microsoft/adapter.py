"""Microsoft Graph as a ``Directory``."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from entra_plugin.directory.microsoft import wire
from entra_plugin.directory.microsoft.endpoints import Endpoints
from entra_plugin.directory.microsoft.tokens import DelegatedTokens
from entra_plugin.directory.protocol import (
    Capabilities,
    Domain,
    ListedTenant,
    PageExpired,
    TenantDetails,
    UserPage,
)
from entra_plugin.directory.transport import Transport, UnexpectedStatus
from entra_plugin.domain.addresses import to_ascii
from entra_plugin.domain.errors import (
    AuthorisationLost,
    ConfigurationInvalid,
    ConsentMissing,
    TransientFailure,
)
from entra_plugin.domain.ids import EntraTenantId

Document = TypeVar("Document")

_CUSTOMERS = "/tenantRelationships/delegatedAdminCustomers?$select=tenantId,displayName&$top=300"
_RELATIONSHIPS = (
    "/tenantRelationships/delegatedAdminRelationships?$filter=status%20eq%20%27active%27"
    "&$select=displayName,customer,endDateTime,autoExtendDuration,accessDetails&$top=300"
)
_ORGANIZATION = "/organization?$select=id,verifiedDomains"
_USERS = f"/users?$select={wire.USER_SELECT}&$top=999"

_MICROSOFT_LED = "MLT_"
"""Relationships that Microsoft made when it ended DAP; they carry no roles that can be used."""

_NO_EXTENSION = frozenset({None, "", "PT0S", "P0D"})
_PAGE_CAP = 10_000

_BACKGROUND = {"x-ms-throttle-priority": "low"}
"""Microsoft drops low-priority requests first, so that a sync does not slow a person down."""


class MicrosoftDirectory:
    """The customers of one partner, read with delegated tokens (GDAP)."""

    def __init__(self, endpoints: Endpoints, transport: Transport, tokens: DelegatedTokens) -> None:
        self._endpoints = endpoints
        self._transport = transport
        self._tokens = tokens

    @property
    def tokens(self) -> DelegatedTokens:
        """Where the access tokens come from."""
        return self._tokens

    @property
    def capabilities(self) -> Capabilities:
        """Graph answers changes only, and each customer is a throttling bucket of its own."""
        return Capabilities(delta=True, concurrency=8)

    async def probe(self) -> int:
        """List the customers with the partner's own token; answers how many there are."""
        return len([tenant async for tenant in self.managed_tenants()])

    async def managed_tenants(self) -> AsyncIterator[ListedTenant]:
        """List the customers, with what their active relationships say."""
        home = self._tokens.home
        relationships: dict[str, list[wire.Relationship]] = {}
        async for page in self._pages(home, _RELATIONSHIPS, wire.RelationshipList):
            for relationship in page.value:
                named = (relationship.display_name or "").startswith(_MICROSOFT_LED)
                if not named and relationship.customer and relationship.customer.tenant_id:
                    key = relationship.customer.tenant_id.lower()
                    relationships.setdefault(key, []).append(relationship)
        rejected = accepted = 0
        async for listing in self._pages(home, _CUSTOMERS, wire.CustomerList):
            for customer in listing.value:
                listed = _listed(customer, relationships)
                if listed is None:
                    rejected += 1
                else:
                    accepted += 1
                    yield listed
        if rejected and not accepted:
            raise ConfigurationInvalid("unusable_answer", details={"rejectedRows": rejected})

    async def tenant_details(self, entra_tenant_id: EntraTenantId) -> TenantDetails:
        """Read the organization, which proves whose directory answers and names its domains."""
        body = await self._get(entra_tenant_id, self._endpoints.graph_url(_ORGANIZATION))
        organizations = wire.decode(body, wire.OrganizationList).value
        if [organization.id for organization in organizations] != [entra_tenant_id]:
            raise TransientFailure("wrong_directory", retry_after=60)
        domains = organizations[0].verified_domains
        return TenantDetails(
            domains=tuple(
                Domain(name=name, is_default=domain.is_default, is_initial=domain.is_initial)
                for domain in domains
                if (name := to_ascii(domain.name)) is not None
            )
        )

    async def user_pages(
        self, entra_tenant_id: EntraTenantId, *, resume: str | None = None
    ) -> AsyncIterator[UserPage]:
        """List the users; the next page is fetched while the caller works on this one.

        An empty listing from its first page is no answer: a directory always has a user.
        """
        first = resume or self._endpoints.graph_url(_USERS)
        fetch = self._page_fetcher(entra_tenant_id)
        coming = asyncio.create_task(fetch(first))
        seen = 0
        try:
            for _ in range(_PAGE_CAP):
                page = await coming
                if page.next_link is not None:
                    coming = asyncio.create_task(fetch(page.next_link))
                seen += len(page.users)
                if page.next_link is None and not seen and resume is None:
                    raise TransientFailure("empty_listing", retry_after=60)
                yield page
                if page.next_link is None:
                    return
            raise TransientFailure("listing_endless")
        finally:
            coming.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await coming

    async def close(self) -> None:
        """Nothing of its own is open: transport and sign-in are shared."""

    def _page_fetcher(
        self, entra_tenant_id: EntraTenantId
    ) -> Callable[[str], Coroutine[None, None, UserPage]]:
        visited: set[str] = set()

        async def fetch(url: str) -> UserPage:
            if url in visited:
                raise TransientFailure("listing_endless")
            visited.add(url)
            body = await self._get(entra_tenant_id, url)
            page = wire.decode(body, wire.UserList)
            users = tuple(wire.to_user(user) for user in page.value)
            return UserPage(users=users, next_link=page.next_link)

        return fetch

    async def _pages(
        self, tenant: EntraTenantId, path: str, type_: type[Document]
    ) -> AsyncIterator[Document]:
        url: str | None = self._endpoints.graph_url(path)
        for _ in range(_PAGE_CAP):
            if url is None:
                return
            page = wire.decode(await self._get(tenant, url), type_)
            yield page
            url = getattr(page, "next_link", None)
        raise TransientFailure("listing_endless")

    async def _get(self, tenant: EntraTenantId, url: str) -> bytes:
        """GET with the token of one directory, and Microsoft's refusals as ours."""

        async def token(fresh: bool) -> str:  # noqa: FBT001 - the transport's callback
            return await self._tokens.of(tenant, fresh=fresh)

        try:
            return await self._transport.get_json(url, token, headers=_BACKGROUND)
        except UnexpectedStatus as answer:
            raise _refusal(answer, at_customer=tenant != self._tokens.home) from None
        except ValueError as error:
            raise TransientFailure("unusable_answer", details={"reason": "link"}) from error


def _refusal(answer: UnexpectedStatus, *, at_customer: bool) -> Exception:
    """What a status other than success means: for the customer, the connection, or the listing."""
    code = wire.error_code(answer.body)
    if answer.status == 410 or code == "Directory_ExpiredPageToken":
        return PageExpired()
    if answer.status == 401:
        if at_customer:
            return ConsentMissing("token_refused", vendor_code=code)
        return AuthorisationLost("authorisation_lost", vendor_code=code)
    if answer.status == 403:
        if at_customer:
            return ConsentMissing("directory_role_missing", vendor_code=code)
        return ConfigurationInvalid("partner_permission_missing", vendor_code=code)
    if answer.status == 404 and at_customer:
        return ConsentMissing("directory_not_found", vendor_code=code)
    return TransientFailure(
        "unusable_answer", retry_after=60, details={"status": answer.status}, vendor_code=code
    )


def _listed(
    customer: wire.Customer, relationships: dict[str, list[wire.Relationship]]
) -> ListedTenant | None:
    """A customer as a managed tenant; None for a row that is no tenant."""
    try:
        tenant_id = EntraTenantId(UUID(customer.tenant_id or ""))
    except ValueError:
        return None
    found = relationships.get(str(tenant_id), [])
    return ListedTenant(
        entra_tenant_id=tenant_id,
        display_name=(customer.display_name or str(tenant_id)).strip(),
        relationship_end=_latest_end(found),
        auto_extend=any(r.auto_extend_duration not in _NO_EXTENSION for r in found)
        if found
        else None,
        roles=tuple(
            sorted(
                {
                    role.role_definition_id
                    for r in found
                    if r.access_details
                    for role in r.access_details.unified_roles
                    if role.role_definition_id
                }
            )
        ),
    )


def _latest_end(found: Sequence[wire.Relationship]) -> datetime | None:
    ends = [r.end_date_time for r in found if r.end_date_time is not None]
    return max(ends) if ends else None
