# mypy: disable-error-code="empty-body"
"""The host's hook contract (pluggy project ``psa``, version 1.0) as we understand it.

The host owns the specifications; a contract test compares these with the host's. Every hook is
synchronous, cheap, never raises for reasons of ours, and returns a tuple of frozen records from
``entra_plugin.host``.
"""

import pluggy

from entra_plugin.domain.ids import TenantId
from entra_plugin.host import (
    ClientAction,
    ContactPanel,
    FeatureFlag,
    HealthCheck,
    Host,
    HttpApp,
    Migrations,
    Page,
    Permission,
    PlatformAction,
    PluginInfo,
    Started,
    TenantRemoval,
    WorkerPlugin,
)

hookspec = pluggy.HookspecMarker("psa")
hookimpl = pluggy.HookimplMarker("psa")


@hookspec
def psa_plugin_info() -> tuple[PluginInfo, ...]:
    """Say name, version and contract range. Called once, before every other hook. Since 1.0."""


@hookspec
def psa_startup(host: Host) -> tuple[Started, ...]:
    """Open what the process needs.

    Called once in the web process and once in the worker. Since 1.0.
    """


@hookspec
def psa_pages() -> tuple[Page, ...]:
    """Name the pages and the host slots that link to them.

    Called when the web process starts. Since 1.0.
    """


@hookspec
def psa_client_actions() -> tuple[ClientAction, ...]:
    """Name the fragments on a client's page. Called when the web process starts. Since 1.0."""


@hookspec
def psa_contact_panels() -> tuple[ContactPanel, ...]:
    """Name the fragments on a contact's page. Called when the web process starts. Since 1.0."""


@hookspec
def psa_permissions() -> tuple[Permission, ...]:
    """Declare permissions with their default grants and RBAC checks. Called at start. Since 1.0."""


@hookspec
def psa_feature_flags() -> tuple[FeatureFlag, ...]:
    """Define the flags; the host evaluates them through OpenFeature. Called at start. Since 1.0."""


@hookspec
def psa_platform_actions() -> tuple[PlatformAction, ...]:
    """Add actions to the platform flag API. Called when the web process starts. Since 1.0."""


@hookspec
def psa_migrations() -> tuple[Migrations, ...]:
    """Give the Alembic environment. Called by the host's migration command. Since 1.0."""


@hookspec
def psa_worker_plugins() -> tuple[WorkerPlugin, ...]:
    """Give the Temporal worker plugins.

    Called once in the worker, after ``psa_startup``. Since 1.0.
    """


@hookspec
def psa_http_apps() -> tuple[HttpApp, ...]:
    """Give the ASGI applications.

    Called once in the web process, after ``psa_startup``. Since 1.0.
    """


@hookspec
def psa_tenant_removed(tenant_id: TenantId) -> tuple[TenantRemoval, ...]:
    """Give what must run when a tenant leaves. Called by the host's off-boarding. Since 1.0."""


@hookspec
def psa_health() -> tuple[HealthCheck, ...]:
    """Give the probes of ``/health``. Called once after ``psa_startup``. Since 1.0."""
