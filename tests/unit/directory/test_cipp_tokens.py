"""What CIPP is asked with."""

from typing import cast
from uuid import UUID

import pytest

from entra_plugin.directory.cipp.tokens import ClientCredentialsToken, StaticToken
from entra_plugin.directory.microsoft.sign_in import Credentials, SignIn, TokenSet
from entra_plugin.directory.transport import TokenAsk
from entra_plugin.domain.errors import AuthorisationLost, ConfigurationInvalid
from entra_plugin.domain.ids import EntraTenantId

TENANT = EntraTenantId(UUID("00000000-1111-4222-8333-444444444444"))
CREDENTIALS = Credentials(client_id="6a1b", client_secret="a secret")


class Authority:
    """Gives numbered tokens that live for an hour, and notes what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def client_credentials(
        self, credentials: Credentials, *, tenant: str, scope: str
    ) -> TokenSet:
        assert credentials == CREDENTIALS
        self.asked.append((tenant, scope))
        return TokenSet(
            access_token=f"token {len(self.asked)}",
            refresh_token=None,
            expires_in=3600,
            scope=scope,
            tenant_id=None,
        )


async def test_a_given_token_is_used_as_it_is() -> None:
    assert await StaticToken("a token")(TokenAsk()) == "a token"


async def test_a_given_token_that_was_refused_is_not_tried_again() -> None:
    with pytest.raises(AuthorisationLost, match="cipp_token_refused"):
        await StaticToken("a token")(TokenAsk(fresh=True))


async def test_client_credentials_ask_for_cipps_own_resource_at_the_partners_authority() -> None:
    authority = Authority()
    token = ClientCredentialsToken(cast("SignIn", authority), CREDENTIALS, tenant=TENANT)
    assert await token(TokenAsk()) == "token 1"
    assert authority.asked == [(str(TENANT), "api://6a1b/.default")]


async def test_a_token_is_kept_until_five_minutes_before_it_expires() -> None:
    authority, now = Authority(), [0.0]
    token = ClientCredentialsToken(
        cast("SignIn", authority), CREDENTIALS, tenant=TENANT, clock=lambda: now[0]
    )
    found = []
    for now[0] in (0.0, 3299.0, 3301.0):
        found.append(await token(TokenAsk()))
    assert found == ["token 1", "token 1", "token 2"]


async def test_a_registration_without_an_application_id_uri_is_told_as_cipps_own() -> None:
    class Unregistered(Authority):
        async def client_credentials(
            self, credentials: Credentials, *, tenant: str, scope: str
        ) -> TokenSet:
            raise ConfigurationInvalid("graph_permission_missing", vendor_code="AADSTS500011")

    token = ClientCredentialsToken(cast("SignIn", Unregistered()), CREDENTIALS, tenant=TENANT)
    with pytest.raises(AuthorisationLost, match="cipp_token_refused") as caught:
        await token(TokenAsk())
    assert caught.value.vendor_code == "AADSTS500011"


async def test_a_refused_token_is_replaced() -> None:
    authority = Authority()
    token = ClientCredentialsToken(cast("SignIn", authority), CREDENTIALS, tenant=TENANT)
    await token(TokenAsk())
    assert await token(TokenAsk(fresh=True)) == "token 2"
    assert await token(TokenAsk()) == "token 2"
