"""App registrations: those of the plugin, and one for the CIPP of each partner."""

from dataclasses import dataclass, field

from devhost.simulator.sts import StsError


@dataclass(slots=True, kw_only=True)
class App:
    """A registration with its secrets; multi-tenant and confidential."""

    client_id: str
    client_secret: str
    """The one that it begins with."""
    redirect_uris: frozenset[str]
    secrets: set[str] = field(default_factory=set)
    expired: set[str] = field(default_factory=set)
    enabled: bool = True

    def __post_init__(self) -> None:
        """Begin with the first secret."""
        self.restart()

    def restart(self) -> None:
        """Back to the first secret, enabled."""
        self.secrets = {self.client_secret}
        self.expired = set()
        self.enabled = True

    def admit(self, secret: str) -> None:
        """Check a secret.

        Raises:
            StsError: As Microsoft would refuse it.
        """
        if not self.enabled:
            raise StsError("unauthorized_client", 7000112, "The application is disabled.")
        if secret in self.expired:
            raise StsError("invalid_client", 7000222, "The provided client secret is expired.")
        if secret not in self.secrets:
            raise StsError("invalid_client", 7000215, "Invalid client secret provided.")


@dataclass(slots=True, kw_only=True)
class CippApp:
    """The registration of an API client of one partner's CIPP, and the CIPP's static token."""

    tenant_id: str
    client_id: str
    client_secret: str
    token: str
    has_uri: bool = True
    """It has an Application ID URI; without one Microsoft knows no such resource."""

    @property
    def resource(self) -> str:
        """The Application ID URI: the audience of tokens for this CIPP."""
        return f"api://{self.client_id}"

    def describe(self) -> dict[str, str]:
        """For whoever connects to this CIPP."""
        return {
            "partnerTenantId": self.tenant_id,
            "token": self.token,
            "tenantId": self.tenant_id,
            "clientId": self.client_id,
            "clientSecret": self.client_secret,
        }
