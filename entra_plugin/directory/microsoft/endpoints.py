"""Where Microsoft is, so that another cloud or a stand-in can take its place."""

from dataclasses import dataclass

LOGIN = "https://login.microsoftonline.com"
GRAPH = "https://graph.microsoft.com"

GRAPH_SCOPE = "https://graph.microsoft.com/.default"
"""All permissions that the app was granted; the resource's name does not depend on the endpoint."""

DELEGATED_SCOPES = ("User.Read", "Directory.Read.All", "DelegatedAdminRelationship.Read.All")
"""What the partner's sign-in asks for; MSAL adds ``offline_access`` itself."""

LIGHTHOUSE_SCOPE = "ManagedTenants.Read.All"
"""Asked for in addition where the partner wants what Microsoft 365 Lighthouse knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Base URLs without a trailing slash; ``graph`` without the version."""

    login: str = LOGIN
    graph: str = GRAPH

    @staticmethod
    def of(login: str | None, graph: str | None) -> "Endpoints":
        """From settings; a trailing slash or version is tolerated."""
        base = (graph or GRAPH).rstrip("/").removesuffix("/v1.0")
        return Endpoints(login=(login or LOGIN).rstrip("/"), graph=base)

    def authority(self, tenant: str) -> str:
        """The authority of a directory, or of ``organizations``."""
        return f"{self.login}/{tenant}"

    def graph_url(self, path: str) -> str:
        """A v1.0 address; ``path`` starts with a slash."""
        return f"{self.graph}/v1.0{path}"

    def beta_url(self, path: str) -> str:
        """A beta address: for Lighthouse, which is in no other version."""
        return f"{self.graph}/beta{path}"
