"""Reads Microsoft Graph: with which token, from which budget, and listings to their end."""

from collections.abc import Mapping
from typing import Protocol, TypeVar

from entra_plugin.directory.answers import AFTER_ODD_ANSWER
from entra_plugin.directory.microsoft import wire
from entra_plugin.directory.microsoft.endpoints import Endpoints
from entra_plugin.directory.microsoft.refusals import is_expired
from entra_plugin.directory.microsoft.tokens import Tokens
from entra_plugin.directory.throttle import priority
from entra_plugin.directory.transport import NotJson, TokenAsk, Transport, UnexpectedStatus
from entra_plugin.domain.errors import TransientFailure
from entra_plugin.domain.ids import EntraTenantId

PAGE_CAP = 10_000
_READINGS = 2
"""How often a listing is begun when Microsoft forgets its pages."""


class Paged(Protocol):
    """A page of a listing; the last one has no ``next_link``, or an empty one."""

    @property
    def next_link(self) -> str | None:
        """The address of the next page, as it came."""


Page = TypeVar("Page", bound=Paged)


class Bearer:
    """The token of one directory for a few requests, which remembers the one that was used last."""

    def __init__(self, tokens: Tokens, tenant: EntraTenantId) -> None:
        self._tokens = tokens
        self.tenant = tenant
        self.token = ""

    async def __call__(self, ask: TokenAsk) -> str:
        """Answer the transport."""
        self.token = await self._tokens.of(
            self.tenant, fresh=ask.fresh, claims=ask.claims, refused=self.token or None
        )
        return self.token


class Links:
    """The addresses of one listing; one that comes again, or too many, is no listing."""

    def __init__(self, first: str) -> None:
        self._seen = {first}

    def follow(self, link: str) -> str:
        """The next address.

        Raises:
            TransientFailure: ``listing_endless``.
        """
        if link in self._seen or len(self._seen) >= PAGE_CAP:
            raise TransientFailure("listing_endless", retry_after=AFTER_ODD_ANSWER)
        self._seen.add(link)
        return link


class GraphReader:
    """GET requests to Microsoft Graph for one connection."""

    def __init__(self, endpoints: Endpoints, transport: Transport, tokens: Tokens) -> None:
        self.endpoints = endpoints
        self.tokens = tokens
        self._transport = transport

    def bearer(self, tenant: EntraTenantId) -> Bearer:
        """The token of a directory."""
        return Bearer(self.tokens, tenant)

    async def get(
        self, bearer: Bearer, url: str, *, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """GET one document.

        Raises:
            UnexpectedStatus: A refusal, which only the caller can tell the meaning of.
            EntraError: What kept an answer away.
        """
        sent = {"x-ms-throttle-priority": priority(), **(headers or {})}
        bucket = f"{self.tokens.client_id}/{bearer.tenant}"
        try:
            return await self._transport.get_json(url, bearer, headers=sent, bucket=bucket)
        except NotJson as answer:
            details = {"contentType": answer.content_type}
            raise TransientFailure(
                "unusable_answer", retry_after=AFTER_ODD_ANSWER, details=details
            ) from None

    async def listing(
        self,
        bearer: Bearer,
        first: str,
        type_: type[Page],
        *,
        headers: Mapping[str, str] | None = None,
    ) -> list[Page]:
        """All pages of a listing that fits into memory.

        Raises:
            TransientFailure: ``listing_expired`` or ``listing_endless``, among others.
            UnexpectedStatus: A refusal.
        """
        for _ in range(_READINGS):
            pages = await self._whole(bearer, first, type_, headers)
            if pages is not None:
                return pages
        raise TransientFailure("listing_expired", retry_after=AFTER_ODD_ANSWER)

    async def _whole(
        self,
        bearer: Bearer,
        first: str,
        type_: type[Page],
        headers: Mapping[str, str] | None,
    ) -> list[Page] | None:
        """One reading from first to last; None if its pages expired meanwhile."""
        links = Links(first)
        url = first
        pages: list[Page] = []
        while True:
            try:
                body = await self.get(bearer, url, headers=headers)
            except UnexpectedStatus as answer:
                if url != first and is_expired(answer, followed=True):
                    return None
                raise
            page = wire.decode(body, type_)
            pages.append(page)
            if not page.next_link:
                return pages
            url = links.follow(page.next_link)
