"""The plugin's own way to Microsoft over a simulator: signed in, without a host around it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from entra_plugin.directory.microsoft.adapter import MicrosoftDirectory
from entra_plugin.directory.microsoft.endpoints import Endpoints
from entra_plugin.directory.microsoft.sign_in import Credentials, SignIn, TokenSet
from entra_plugin.directory.microsoft.tokens import AppTokens, DelegatedTokens, Stored, Tokens
from entra_plugin.directory.throttle import Throttle
from entra_plugin.directory.transport import Transport, plain_network, tls_context
from entra_plugin.domain.ids import EntraTenantId
from support.clock import Clock
from support.microsoft import REDIRECT_URI
from support.simulator import Simulator

ALPINE, BRIGHT, CEDAR, DELTA, EBONY, FJORD, GINKGO, HARBOR = (
    EntraTenantId(UUID(f"e0000000-0000-4000-8000-{number:012d}")) for number in range(1, 9)
)
"""The customers of the demonstration; DELTA has not consented."""


@dataclass(slots=True, kw_only=True)
class Signed:
    """A partner who signed in, and what his plugin reads with."""

    simulator: Simulator
    endpoints: Endpoints
    credentials: Credentials
    sign_in: SignIn
    transport: Transport
    home: EntraTenantId
    first: TokenSet
    """What the sign-in itself brought."""
    pauses: Clock
    kept: list[TokenSet] = field(default_factory=list)
    """The renewals, in their order."""

    def tokens(
        self, *, refresh_token: str | None = None, stored: Stored | None = None
    ) -> DelegatedTokens:
        """Tokens in the partner's name."""

        async def renewed(tokens: TokenSet) -> None:
            self.kept.append(tokens)

        return DelegatedTokens(
            self.sign_in,
            self.credentials,
            home=self.home,
            refresh_token=refresh_token or self.refresh_token,
            renewed=renewed,
            stored=stored,
        )

    def app_tokens(self, *, fallback: DelegatedTokens | None = None) -> AppTokens:
        """Tokens in the name of the app."""
        return AppTokens(self.sign_in, self.credentials, home=self.home, fallback=fallback)

    def directory(self, tokens: Tokens | None = None) -> MicrosoftDirectory:
        """A directory, in the partner's name unless told otherwise."""
        return MicrosoftDirectory(self.endpoints, self.transport, tokens or self.tokens())

    @property
    def refresh_token(self) -> str:
        """The one that the sign-in brought."""
        assert self.first.refresh_token is not None
        return self.first.refresh_token

    async def newest(self) -> str | None:
        """The refresh token that was kept last, as a store would answer it."""
        return self.kept[-1].refresh_token

    def asked(self, part: str, tenant: object = None) -> list[dict[str, object]]:
        """The requests whose path holds ``part``, of one directory if it is named."""
        return [
            request
            for request in self.simulator.requests()
            if part in str(request["path"]) and tenant in {None, UUID(str(request["tenant"]))}
        ]

    def token_requests(self, tenant: object = None) -> int:
        """How often a token was asked for."""
        return len(self.asked("/oauth2/v2.0/token", tenant))

    def fault(self, match: str, **fault: object) -> None:
        """Put one fault in place of the present ones."""
        self.simulator.control("/faults", {"faults": [{"match": match, **fault}]})


@asynccontextmanager
async def signed_in(
    simulator: Simulator, *, partner: int = 0, lighthouse: bool = False
) -> AsyncIterator[Signed]:
    """Sign a partner in, and forget the requests that it took."""
    endpoints = Endpoints.of(simulator.sign_in_url, simulator.graph_url)
    context = tls_context(simulator.ca_file)
    pauses = Clock()
    sign_in = SignIn(endpoints, context, sleep=pauses.sleep)
    transport = Transport(
        endpoints.graph,
        plain_network(context),
        throttle=Throttle(clock=pauses),
        sleep=pauses.sleep,
    )
    credentials = Credentials(client_id=simulator.client_id, client_secret=simulator.client_secret)
    flow = await sign_in.start(
        credentials, tenant="organizations", redirect_uri=REDIRECT_URI, lighthouse=lighthouse
    )
    answer = simulator.sign_in(str(flow["auth_uri"]), partner=partner)
    first = await sign_in.complete(credentials, tenant="organizations", flow=flow, answer=answer)
    assert first.tenant_id is not None
    simulator.forget_requests()
    try:
        yield Signed(
            simulator=simulator,
            endpoints=endpoints,
            credentials=credentials,
            sign_in=sign_in,
            transport=transport,
            home=first.tenant_id,
            first=first,
            pauses=pauses,
        )
    finally:
        await transport.close()
        sign_in.close()


def ids(rows: Sequence[dict[str, object]]) -> set[UUID]:
    """The object ids of users as the simulator shows them."""
    return {UUID(str(row["id"])) for row in rows}
