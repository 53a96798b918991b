"""Our implementations of the host's hooks: records from the manifest, and what bootstrap opens.

Outside the enterprise edition only the plugin's name and its migrations are given. What is heavy to
import is imported by the hook that needs it. Every hook is optional: a host that knows only some of
them can use the plugin.
"""

from importlib.metadata import PackageNotFoundError, version

from entra_plugin import resources
from entra_plugin.access import Permission as PermissionName
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

from .specs import hookimpl

CONTRACT = ">=1.0,<2"
ENSURE_FLAGS = "ensure_entra_phase1_flags"


@hookimpl(optionalhook=True)
def psa_plugin_info() -> tuple[PluginInfo, ...]:
    """Say who we are."""
    title = resources.locale("en").text("setup.title")
    return (PluginInfo(name="entra", version=_version(), title=title, contract=CONTRACT),)


@hookimpl(optionalhook=True)
def psa_startup(host: Host) -> tuple[Started, ...]:
    """Put the plugin together for this process."""
    from entra_plugin.bootstrap import plugin

    return (plugin.start(host),) if _enterprise() else ()


@hookimpl(optionalhook=True)
def psa_pages() -> tuple[Page, ...]:
    """The pages of the manifest."""
    text = resources.locale("en").text
    return tuple(
        Page(
            id=page.id,
            route=page.endpoint,
            slot=page.slot,
            title=text(page.title),
            description=text(page.description),
            when=page.when,
            rank=page.rank,
        )
        for page in (resources.manifest().pages if _enterprise() else ())
    )


@hookimpl(optionalhook=True)
def psa_client_actions() -> tuple[ClientAction, ...]:
    """The client actions of the manifest."""
    text = resources.locale("en").text
    return tuple(
        ClientAction(
            id=action.id,
            label=text(action.title),
            endpoint=action.endpoint,
            when=action.when,
            rank=action.rank,
        )
        for action in (resources.manifest().client_actions if _enterprise() else ())
    )


@hookimpl(optionalhook=True)
def psa_contact_panels() -> tuple[ContactPanel, ...]:
    """The contact panels of the manifest."""
    text = resources.locale("en").text
    return tuple(
        ContactPanel(
            id=panel.id,
            label=text(panel.title),
            endpoint=panel.endpoint,
            when=panel.when,
            rank=panel.rank,
        )
        for panel in (resources.manifest().contact_panels if _enterprise() else ())
    )


@hookimpl(optionalhook=True)
def psa_permissions() -> tuple[Permission, ...]:
    """The permissions of the manifest, with their checks."""
    from entra_plugin.web.surfaces import checker

    text = resources.locale("en").text
    return tuple(
        Permission(
            name=entry.name,
            title=text(entry.title),
            grants=entry.grants,
            check=checker(PermissionName(entry.name)),
        )
        for entry in (resources.manifest().permissions if _enterprise() else ())
    )


@hookimpl(optionalhook=True)
def psa_feature_flags() -> tuple[FeatureFlag, ...]:
    """The flags of the manifest."""
    return _flags() if _enterprise() else ()


@hookimpl(optionalhook=True)
def psa_platform_actions() -> tuple[PlatformAction, ...]:
    """The action that makes sure of our flags."""
    return (PlatformAction(name=ENSURE_FLAGS, flags=_flags()),) if _enterprise() else ()


@hookimpl(optionalhook=True)
def psa_migrations() -> tuple[Migrations, ...]:
    """Our schema; it is kept up to date in every edition."""
    from entra_plugin.store.tables import VERSION_TABLE, metadata, owns

    return (
        Migrations(
            script_location="entra_plugin.migrations:",
            version_table=VERSION_TABLE,
            metadata=metadata,
            owns=owns,
        ),
    )


@hookimpl(optionalhook=True)
def psa_worker_plugins() -> tuple[WorkerPlugin, ...]:
    """Our workflows and activities."""
    from entra_plugin.bootstrap import plugin

    return (plugin.worker_plugin(),) if _enterprise() else ()


@hookimpl(optionalhook=True)
def psa_http_apps() -> tuple[HttpApp, ...]:
    """JSON API, OAuth callback and pages."""
    from entra_plugin.bootstrap import plugin
    from entra_plugin.web.app import build_apps

    return build_apps(plugin.runtime) if _enterprise() else ()


@hookimpl(optionalhook=True)
def psa_tenant_removed(tenant_id: TenantId) -> tuple[TenantRemoval, ...]:
    """What we hold of the tenant has to go; contacts and clients stay with the host."""
    from entra_plugin.bootstrap import plugin

    return (plugin.tenant_removal(tenant_id),) if _enterprise() else ()


@hookimpl(optionalhook=True)
def psa_health() -> tuple[HealthCheck, ...]:
    """The probes of what we stand on; each answers a sentence when something is wrong."""
    from entra_plugin.bootstrap import plugin
    from entra_plugin.web.health import health_checks

    return health_checks(plugin.runtime) if _enterprise() else ()


def _flags() -> tuple[FeatureFlag, ...]:
    text = resources.locale("en").text
    return tuple(
        FeatureFlag(key=flag.key, title=text(flag.title), description=text(flag.description))
        for flag in resources.manifest().flags
    )


def _enterprise() -> bool:
    from entra_plugin.bootstrap import enterprise

    return enterprise()


def _version() -> str:
    try:
        return version("entra-plugin")
    except PackageNotFoundError:
        return "0"
