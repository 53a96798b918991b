"""Who asks Graph: the claims of a token, and what they allow in the directory that answers."""

import base64
from dataclasses import dataclass

import msgspec

from devhost.simulator.odata import GraphError
from devhost.simulator.relationships import can_read
from devhost.simulator.tokens import Claims, Mint
from devhost.simulator.world import Directory, Partner, World

GRAPH_AUDIENCE = "https://graph.microsoft.com"
_CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
)


@dataclass(slots=True, kw_only=True)
class Caller:
    """Whose token it is, and which directory answers."""

    claims: Claims
    tenant: str
    partner: Partner | None
    """The partner, if the directory is his own."""
    directory: Directory | None
    """The customer's directory, if it is one."""
    has_role: bool
    """False for a partner's account whose relationship brings no role that reads."""

    @property
    def delegated(self) -> bool:
        """Is it an account's token, rather than the application's own?"""
        return "scp" in self.claims

    def require(self, *any_of: str) -> None:
        """Refuse unless one of these permissions was granted."""
        granted = {*str(self.claims.get("scp", "")).split(), *_roles(self.claims)}
        if granted.isdisjoint(any_of):
            raise denied()

    def require_role(self) -> None:
        """Refuse an account that has no role in the customer's directory."""
        if not self.has_role:
            raise denied()


def identify(world: World, mint: Mint, authorization: str) -> Caller:
    """Who it is that sent this header.

    Raises:
        GraphError: 401 or 403, as Microsoft would refuse it.
    """
    kind, _, token = authorization.partition(" ")
    claims = mint.read_access(token) if kind.lower() == "bearer" else None
    if claims is None or claims.get("aud") != GRAPH_AUDIENCE:
        says = "has expired or is not yet valid" if token else "is empty"
        raise _unauthenticated(f"Access token {says}.", _CHALLENGE)
    wanted = mint.claims_missing(claims)
    if wanted is not None:
        raise _unauthenticated(
            "Continuous access evaluation resulted in challenge with result: "
            "InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp",
            f'{_CHALLENGE}, error="insufficient_claims", claims="{_packed(wanted)}"',
        )
    return caller_of(world, claims)


def caller_of(world: World, claims: Claims) -> Caller:
    """The caller with these claims.

    Raises:
        GraphError: The partner has no active relationship with the customer.
    """
    tenant = str(claims["tid"])
    directory = world.directories.get(tenant)
    home = world.partners.get(str(claims.get("home")))
    has_role = True
    if directory is not None and home is not None:
        active = directory.active(home)
        if not active:
            raise denied()
        has_role = can_read(active)
    return Caller(
        claims=claims,
        tenant=tenant,
        partner=world.partners.get(tenant),
        directory=directory,
        has_role=has_role,
    )


def denied(message: str = "Insufficient privileges to complete the operation.") -> GraphError:
    """The caller may not do that."""
    return GraphError(403, "Authorization_RequestDenied", message)


def _unauthenticated(message: str, challenge: str) -> GraphError:
    headers = {"www-authenticate": challenge}
    return GraphError(401, "InvalidAuthenticationToken", message, headers)


def _packed(claims: object) -> str:
    return base64.b64encode(msgspec.json.encode(claims)).decode()


def _roles(claims: Claims) -> list[str]:
    roles = claims.get("roles")
    return [str(role) for role in roles] if isinstance(roles, list) else []
