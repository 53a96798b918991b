"""What tests say to the routes of the connection, and what they look for afterwards."""

from support.program import Json, Program
from support.secret_folder import SecretFolder
from support.simulator import Simulator

DIRECT_NAMES = {
    "entra_direct_access_token",
    "entra_direct_refresh_token",
    "entra_direct_token_expires_at",
    "entra_direct_partner_tenant_id",
    "entra_direct_token_scope",
}
CIPP_TOKEN_NAMES = {"entra_cipp_base_url", "entra_cipp_api_token"}
CIPP_CLIENT_NAMES = {
    "entra_cipp_base_url",
    "entra_cipp_tenant_id",
    "entra_cipp_client_id",
    "entra_cipp_client_secret",
}
APP_NAMES = {"microsoft_client_id", "microsoft_client_secret", "microsoft_tenant_id"}


def connection(program: Program) -> Json:
    """The connection as the overview shows it."""
    found = program.get("/").data["connection"]
    assert isinstance(found, dict)
    return found


def warned_of(program: Program) -> dict[str, Json]:
    """The warnings of the overview, by code."""
    return {warning["code"]: warning for warning in program.get("/").data["warnings"]}


def by_token(microsoft: Simulator, **changes: str) -> dict[str, str]:
    """The first partner's CIPP with its token."""
    return {"baseUrl": microsoft.cipp_url, "apiToken": microsoft.cipp_token, **changes}


def by_client(microsoft: Simulator, **changes: str) -> dict[str, str]:
    """The first partner's CIPP as its API client."""
    access = microsoft.cipp[0]
    return {
        "baseUrl": microsoft.cipp_url,
        "tenantId": access.tenant_id,
        "clientId": access.client_id,
        "clientSecret": access.client_secret,
        **changes,
    }


def partner(microsoft: Simulator, number: int = 0) -> str:
    """The tenant id of a partner."""
    return str(microsoft.directory()["partners"][number]["tenantId"])


def own_app(microsoft: Simulator, secrets: SecretFolder) -> None:
    """Give the tenant app credentials of its own, with the home tenant beside them."""
    secrets.put(
        microsoft_client_id=microsoft.client_id,
        microsoft_client_secret=microsoft.client_secret,
        microsoft_tenant_id=partner(microsoft),
    )


def start_afresh(program: Program, microsoft: Simulator, secrets: SecretFolder) -> None:
    """No connection, no secret, and a Microsoft and a CIPP as they were at first."""
    microsoft.control("/reset", {})
    program.post("/disconnect")
    secrets.clear()
