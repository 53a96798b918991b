# mypy: disable-error-code="empty-body"
"""The hooks of this platform, contract version 1.0.

They belong to the host; plugins implement them.

Every hook is synchronous, cheap, and returns a tuple of records that the host reads by attribute.
"""

from uuid import UUID

import pluggy

CONTRACT_VERSION = "1.0"
ENTRY_POINTS = "psa.plugins"

hookspec = pluggy.HookspecMarker("psa")

Records = tuple[object, ...]


@hookspec
def psa_plugin_info() -> Records:
    """Name, version, title and contract range."""


@hookspec
def psa_startup(host: object) -> Records:
    """Open what the process needs; each record has ``close``."""


@hookspec
def psa_pages() -> Records:
    """Pages and the slots whose cards link to them."""


@hookspec
def psa_client_actions() -> Records:
    """Fragments on a client's page."""


@hookspec
def psa_contact_panels() -> Records:
    """Fragments on a contact's page."""


@hookspec
def psa_permissions() -> Records:
    """Permissions, default grants and checks."""


@hookspec
def psa_feature_flags() -> Records:
    """Flag definitions."""


@hookspec
def psa_platform_actions() -> Records:
    """Actions of the platform flag API."""


@hookspec
def psa_migrations() -> Records:
    """Alembic environments."""


@hookspec
def psa_worker_plugins() -> Records:
    """Temporal worker plugins."""


@hookspec
def psa_http_apps() -> Records:
    """ASGI applications and their mounts."""


@hookspec
def psa_tenant_removed(tenant_id: UUID) -> Records:
    """What has to run when a tenant leaves."""


@hookspec
def psa_health() -> Records:
    """Probes."""
