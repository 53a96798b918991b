"""How a CIPP is reached: its base URL, and one of two kinds of credentials."""

from collections.abc import Mapping
from dataclasses import dataclass

from entra_plugin.domain import secret_names
from entra_plugin.domain.states import ConnectionMode

NAMES: Mapping[str, str] = {
    "base_url": secret_names.CIPP_BASE_URL,
    "api_token": secret_names.CIPP_API_TOKEN,
    "tenant_id": secret_names.CIPP_TENANT_ID,
    "client_id": secret_names.CIPP_CLIENT_ID,
    "client_secret": secret_names.CIPP_CLIENT_SECRET,
}
"""Where each field is kept."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CippAccess:
    """A token that CIPP accepts, or an API client of CIPP; never both."""

    base_url: str
    api_token: str | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = None

    @staticmethod
    def of(values: Mapping[str, str | None]) -> "CippAccess":
        """From what is stored, by field; perhaps not complete."""
        return CippAccess(
            base_url=values["base_url"] or "",
            api_token=values["api_token"],
            tenant_id=values["tenant_id"],
            client_id=values["client_id"],
            client_secret=values["client_secret"],
        )

    @property
    def mode(self) -> ConnectionMode:
        """The kind of credentials."""
        if self.api_token is not None:
            return ConnectionMode.API_TOKEN
        return ConnectionMode.CLIENT_CREDENTIALS

    def secrets(self) -> dict[str, str]:
        """What is stored, by name."""
        found = {name: getattr(self, field) for field, name in NAMES.items()}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def complete(self) -> bool:
        """True when nothing of the kind is missing, and nothing of the other is there."""
        client = (self.tenant_id, self.client_id, self.client_secret)
        if self.api_token is not None:
            return bool(self.api_token) and client == (None, None, None)
        return all(client)
