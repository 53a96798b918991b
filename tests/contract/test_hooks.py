"""The hook contract: what the host specifies, what we implement, and what we tell integrators."""

import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
import types
import typing
from collections.abc import AsyncIterator, Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import pluggy
import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from temporalio.worker import WorkerConfig

from devhost.plugins import specs as host_specs
from devhost.plugins.manager import Plugins
from devhost.servers.postgres import Urls, libpq
from entra_plugin import host as records
from entra_plugin.domain.flags import Flag
from support.devhost import NORTHWIND, SOUTHWIND, TestHost, running_host

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "host-integrators.md"
PAGES = (
    *("setup", "connection", "clients"),
    *("review", "history", "rules", "schedule", "settings"),
)
"""Of the plugin, in the order in which people see them."""

EVERY_EDITION = {"psa_plugin_info", "psa_migrations"}
NEED_START = {"psa_worker_plugins"}
ARGUMENTS: Mapping[str, Mapping[str, object]] = {
    "psa_startup": {"host": object()},
    "psa_tenant_removed": {"tenant_id": uuid4()},
}

Test = Callable[..., object]
TESTED: dict[str, str] = {}


def about(hook: str) -> Callable[[Test], Test]:
    """Enter a test into the register of what is tested of each hook."""

    def enter(test: Test) -> Test:
        TESTED[hook] = test.__name__
        return test

    return enter


def entry_point() -> EntryPoint:
    (found,) = entry_points(group=host_specs.ENTRY_POINTS)
    return found


def our_specs() -> types.ModuleType:
    plugin = entry_point().load()
    return importlib.import_module(".specs", plugin.__package__)


def hooks_of(module: types.ModuleType) -> dict[str, tuple[str, ...]]:
    """Hook names and their argument names."""
    return {
        name: tuple(inspect.signature(value).parameters)
        for name, value in vars(module).items()
        if name.startswith("psa_") and inspect.isfunction(value)
    }


def record_type(hook: str) -> type:
    """The type of the records that a hook returns."""
    returned = typing.get_type_hints(getattr(our_specs(), hook))["return"]
    record, _ = typing.get_args(returned)
    assert isinstance(record, type)
    return record


@pytest.fixture
def edition(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda name: monkeypatch.setenv("NEXT_PUBLIC_EDITION", name)


@pytest.fixture
def plugins(edition: Callable[[str], None]) -> Plugins:
    """The plugin in the devhost's manager, in the enterprise edition."""
    edition("enterprise")
    found = Plugins()
    found.load()
    assert found.names() == ["entra"]
    assert not found.problems
    return found


@pytest.fixture
async def started(plugins: Plugins, database: Urls) -> AsyncIterator[TestHost]:
    """A devhost whose plugin was started through its hook."""
    async with running_host(database, {}) as host:
        opened = plugins.records("psa_startup", host=host.host)
        yield host
        for record in opened:
            await cast("records.Started", record).close()


def answers(plugins: Plugins, hook: str) -> list[object]:
    found = plugins.records(hook, **ARGUMENTS.get(hook, {}))
    assert not plugins.problems
    return found


# --- The contract as a whole ---


def test_our_specification_names_the_hooks_and_arguments_of_the_host() -> None:
    assert hooks_of(our_specs()) == hooks_of(host_specs)


def test_every_hook_is_implemented_with_the_arguments_of_its_specification() -> None:
    assert hooks_of(entry_point().load()) == hooks_of(host_specs)


def test_every_hook_says_since_which_contract_version_it_is_called() -> None:
    specs = our_specs()
    silent = [h for h in hooks_of(specs) if "Since 1." not in (getattr(specs, h).__doc__ or "")]
    assert not silent


def test_every_hook_is_tested() -> None:
    assert set(TESTED) == set(hooks_of(host_specs))


@pytest.mark.parametrize("hook", sorted(hooks_of(host_specs)))
def test_records_are_frozen_and_named(hook: str) -> None:
    record = record_type(hook)
    assert dataclasses.is_dataclass(record)
    assert record.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert all(field.kw_only for field in dataclasses.fields(record))
    assert hasattr(record, "__slots__")


@pytest.mark.parametrize("hook", sorted(set(hooks_of(host_specs)) - set(ARGUMENTS) - NEED_START))
def test_a_hook_returns_a_tuple_of_its_records(hook: str, edition: Callable[[str], None]) -> None:
    edition("enterprise")
    found = getattr(entry_point().load(), hook)()
    assert isinstance(found, tuple)
    assert found
    assert all(isinstance(record, record_type(hook)) for record in found)


@pytest.mark.parametrize("hook", sorted(set(hooks_of(host_specs)) - EVERY_EDITION))
def test_outside_the_enterprise_edition_nothing_is_registered(
    hook: str, plugins: Plugins, edition: Callable[[str], None]
) -> None:
    edition("community")
    assert answers(plugins, hook) == []


@pytest.mark.parametrize("hook", sorted(EVERY_EDITION))
def test_every_edition_knows_the_plugin_and_its_schema(
    hook: str, plugins: Plugins, edition: Callable[[str], None]
) -> None:
    edition("community")
    assert len(answers(plugins, hook)) == 1


def test_an_unset_edition_is_not_the_enterprise_edition(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEXT_PUBLIC_EDITION")
    assert answers(plugins, "psa_http_apps") == []


def test_a_host_that_knows_only_some_hooks_can_use_the_plugin() -> None:
    known = types.ModuleType("small_host")
    for hook in ("psa_plugin_info", "psa_pages"):
        setattr(known, hook, getattr(host_specs, hook))
    manager = pluggy.PluginManager("psa")
    manager.add_hookspecs(known)
    manager.register(entry_point().load(), "entra")
    manager.check_pending()
    assert manager.hook.psa_plugin_info()[0][0].name == "entra"


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    heavy = {"fastapi", "starlette", "jinja2", "msal", "httpx", "alembic", "temporalio"}
    script = (
        "import sys\n"
        "from importlib.metadata import entry_points\n"
        "[point.load() for point in entry_points(group='psa.plugins')]\n"
        "print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert not heavy & loaded
    assert "hooks" not in loaded


def test_the_plugin_is_never_loaded_under_a_top_level_name() -> None:
    assert entry_point().load().__name__ == entry_point().value
    assert not {"hooks", "migrations", "ui_manifest"} & set(sys.modules)


@pytest.mark.parametrize("order", [("entra", "broken"), ("broken", "entra")])
def test_a_plugin_that_raises_does_not_keep_others_from_answering(
    order: tuple[str, str], edition: Callable[[str], None]
) -> None:
    edition("enterprise")
    broken = types.ModuleType("broken")

    def psa_pages() -> tuple[object, ...]:
        raise ZeroDivisionError

    broken.psa_pages = pluggy.HookimplMarker("psa")(psa_pages)  # type: ignore[attr-defined]
    plugins = Plugins()
    for name in order:
        plugins.register(broken if name == "broken" else entry_point().load(), name)
    found = plugins.records("psa_pages")
    ids = [cast("records.Page", page).id for page in found]
    assert ids == [f"entra.page.{name}" for name in PAGES]
    assert [(p.plugin, p.stage, p.error) for p in plugins.problems] == [
        ("broken", "psa_pages", "ZeroDivisionError")
    ]


# --- Each hook ---


@about("psa_plugin_info")
def test_the_plugin_says_who_it_is_and_which_contract_it_keeps(plugins: Plugins) -> None:
    (found,) = answers(plugins, "psa_plugin_info")
    info = cast("records.PluginInfo", found)
    assert (info.name, info.title, info.contract) == ("entra", "Microsoft Entra", ">=1.0,<2")
    assert info.version


@about("psa_startup")
async def test_startup_opens_the_plugin_until_it_is_closed(
    plugins: Plugins, database: Urls
) -> None:
    async with running_host(database, {}) as host:
        (found,) = plugins.records("psa_startup", host=host.host)
        assert answers(plugins, "psa_worker_plugins")
        await cast("records.Started", found).close()
    assert plugins.records("psa_worker_plugins") == []
    assert [problem.error for problem in plugins.problems] == ["RuntimeError"]


@about("psa_pages")
def test_the_pages_hang_in_the_integration_settings(plugins: Plugins) -> None:
    pages = cast("list[records.Page]", answers(plugins, "psa_pages"))
    assert [(page.route, page.title) for page in pages] == [
        ("/integrations/entra/setup", "Microsoft Entra"),
        ("/integrations/entra/connection", "Entra connection"),
        ("/integrations/entra/clients", "Entra customers and clients"),
        ("/integrations/entra/review", "Entra review queue"),
        ("/integrations/entra/history", "Entra history"),
        ("/integrations/entra/rules", "Entra field rules"),
        ("/integrations/entra/schedule", "Entra schedule"),
        ("/integrations/entra/settings", "Entra settings"),
    ]
    assert {page.slot for page in pages} == {"psa.settings/integrations"}
    assert not any(page.description.startswith("@") for page in pages)


@about("psa_client_actions")
def test_the_client_action_names_its_client_in_the_endpoint(plugins: Plugins) -> None:
    (found,) = answers(plugins, "psa_client_actions")
    action = cast("records.ClientAction", found)
    assert action.label == "Sync Entra Now"
    assert "{client_id}" in action.endpoint


@about("psa_contact_panels")
def test_the_contact_panel_names_its_contact_in_the_endpoint(plugins: Plugins) -> None:
    (found,) = answers(plugins, "psa_contact_panels")
    panel = cast("records.ContactPanel", found)
    assert panel.label == "Microsoft Entra"
    assert "{contact_id}" in panel.endpoint


@dataclasses.dataclass(frozen=True, kw_only=True)
class Somebody:
    """A principal of no particular host."""

    permissions: frozenset[str]
    user_type: str = "internal"
    user_id: UUID = dataclasses.field(default_factory=uuid4)
    tenant_id: UUID = dataclasses.field(default_factory=uuid4)
    display_name: str = "Somebody"
    locale: str = "en"
    time_zone: str = "UTC"
    csrf_token: str = ""


def check(plugins: Plugins, person: Somebody, surface: str) -> tuple[int, str, str | None]:
    by_name = {
        permission.name: permission
        for permission in cast("list[records.Permission]", answers(plugins, "psa_permissions"))
    }
    principal = cast("records.Principal", person)
    decision = by_name["system_settings.read"].check(principal, surface)
    assert decision.allowed == (decision.status == 200)
    return decision.status, decision.code, decision.permission


@about("psa_permissions")
def test_a_permission_check_lets_its_holder_in(plugins: Plugins) -> None:
    reader = Somebody(permissions=frozenset({"system_settings.read"}))
    assert check(plugins, reader, "entra.page.setup") == (200, "allowed", None)


def test_a_permission_check_names_the_permission_that_is_missing(plugins: Plugins) -> None:
    nobody = Somebody(permissions=frozenset())
    refused = (403, "permission_missing", "system_settings.read")
    assert check(plugins, nobody, "entra.page.setup") == refused


def test_a_permission_check_refuses_portal_users_whatever_their_permissions(
    plugins: Plugins,
) -> None:
    customer = Somebody(permissions=frozenset({"system_settings.read"}), user_type="client_portal")
    assert check(plugins, customer, "entra.page.setup") == (403, "portal_user", None)


def test_a_permission_check_knows_only_our_surfaces(plugins: Plugins) -> None:
    reader = Somebody(permissions=frozenset({"system_settings.read"}))
    assert check(plugins, reader, "psa.page.home") == (404, "not_found", None)


def test_the_default_grants_give_changes_to_administrators_alone(plugins: Plugins) -> None:
    found = cast("list[records.Permission]", answers(plugins, "psa_permissions"))
    assert {permission.name: permission.grants for permission in found} == {
        "system_settings.read": ("administrator", "technician"),
        "system_settings.update": ("administrator",),
        "client.create": ("administrator",),
    }


@about("psa_feature_flags")
def test_every_flag_that_the_code_evaluates_is_defined(plugins: Plugins) -> None:
    found = cast("list[records.FeatureFlag]", answers(plugins, "psa_feature_flags"))
    assert [flag.key for flag in found] == [flag.value for flag in Flag]
    assert all(flag.title and flag.description for flag in found)


@about("psa_platform_actions")
def test_the_platform_action_ensures_exactly_the_defined_flags(plugins: Plugins) -> None:
    (found,) = answers(plugins, "psa_platform_actions")
    action = cast("records.PlatformAction", found)
    assert action.name == "ensure_entra_phase1_flags"
    assert list(action.flags) == answers(plugins, "psa_feature_flags")


@about("psa_migrations")
def test_the_migrations_can_be_loaded_from_their_location(plugins: Plugins) -> None:
    (found,) = answers(plugins, "psa_migrations")
    migrations = cast("records.Migrations", found)
    config = Config()
    config.set_main_option("script_location", migrations.script_location)
    assert ScriptDirectory.from_config(config).get_current_head()
    assert migrations.owns(migrations.version_table)
    assert all(migrations.owns(name) for name in migrations.metadata.tables)
    assert not migrations.owns("psa_contacts")


@about("psa_worker_plugins")
async def test_the_worker_plugin_adds_our_workflows_and_activities_only(
    plugins: Plugins, started: TestHost
) -> None:
    (found,) = answers(plugins, "psa_worker_plugins")
    plugin = cast("records.WorkerPlugin", found).plugin
    config = plugin.configure_worker(WorkerConfig(workflows=[], activities=[]))
    names = [
        getattr(workflow, "__temporal_workflow_definition").name
        for workflow in config.get("workflows", [])
    ]
    assert names
    assert all(name.startswith("entra.") for name in names)
    assert config.get("activities")
    assert "data_converter" not in plugin.configure_client({})  # type: ignore[typeddict-item]


@about("psa_http_apps")
def test_the_applications_are_mounted_below_paths_of_their_own(plugins: Plugins) -> None:
    found = cast("list[records.HttpApp]", answers(plugins, "psa_http_apps"))
    assert [app.mount for app in found] == [
        "/api/integrations/entra",
        "/api/auth/microsoft/entra",
        "/integrations/entra",
    ]
    assert all(callable(app.app) for app in found)


def rows_of(urls: Urls, tenant_id: UUID) -> int:
    with psycopg.connect(libpq(urls.app)) as connection:
        connection.execute("SELECT set_config('entra.tenant_id', %s, true)", [str(tenant_id)])
        found = connection.execute("SELECT count(*) FROM entra_sync_settings").fetchone()
    assert found is not None
    return int(found[0])


def store_settings(urls: Urls, tenant_id: UUID) -> None:
    with psycopg.connect(libpq(urls.app)) as connection:
        connection.execute("SELECT set_config('entra.tenant_id', %s, true)", [str(tenant_id)])
        connection.execute(
            "INSERT INTO entra_sync_settings (tenant_id, field_sync_config, user_filter_config,"
            " guard_config, notification_config, updated_at)"
            " VALUES (%s, '{}', '{}', '{}', '{}', now())",
            [tenant_id],
        )


def store_running_sync(urls: Urls, tenant_id: UUID) -> None:
    with psycopg.connect(libpq(urls.app)) as connection:
        connection.execute("SELECT set_config('entra.tenant_id', %s, true)", [str(tenant_id)])
        connection.execute(
            "INSERT INTO entra_sync_runs"
            " (tenant_id, run_id, type, trigger, state, workflow_id, created_at)"
            " VALUES (%s, %s, 'all', 'manual', 'running', 'entra/a/run/b', now())",
            [tenant_id, uuid4()],
        )


@about("psa_tenant_removed")
async def test_removing_a_tenant_deletes_its_rows_and_secrets_and_nobody_elses(
    plugins: Plugins, started: TestHost
) -> None:
    secrets = started.host.secrets
    for tenant_id in (NORTHWIND, SOUTHWIND):
        store_settings(started.urls, tenant_id)
        await secrets.set(tenant_id, "entra_direct_refresh_token", "kept")
    (found,) = plugins.records("psa_tenant_removed", tenant_id=NORTHWIND)
    await cast("records.TenantRemoval", found).run()
    assert [rows_of(started.urls, t) for t in (NORTHWIND, SOUTHWIND)] == [0, 1]
    assert await secrets.get(NORTHWIND, "entra_direct_refresh_token") is None
    assert await secrets.get(SOUTHWIND, "entra_direct_refresh_token") == "kept"


async def test_asking_for_a_removal_removes_nothing_yet(
    plugins: Plugins, started: TestHost
) -> None:
    store_settings(started.urls, NORTHWIND)
    assert plugins.records("psa_tenant_removed", tenant_id=NORTHWIND)
    assert rows_of(started.urls, NORTHWIND) == 1


async def test_a_removal_that_cannot_stop_a_running_sync_deletes_nothing(
    plugins: Plugins, started: TestHost
) -> None:
    store_settings(started.urls, NORTHWIND)
    store_running_sync(started.urls, NORTHWIND)
    (found,) = plugins.records("psa_tenant_removed", tenant_id=NORTHWIND)
    with pytest.raises(Exception, match="temporal_unavailable"):
        await cast("records.TenantRemoval", found).run()
    assert rows_of(started.urls, NORTHWIND) == 1


@about("psa_health")
async def test_a_probe_answers_nothing_or_a_sentence(plugins: Plugins, started: TestHost) -> None:
    found = cast("list[records.HealthCheck]", answers(plugins, "psa_health"))
    assert {probe.name: await probe.check() for probe in found} == {
        "entra.database": None,
        "entra.temporal": "The workflow service cannot be reached just now.",
    }


# --- What integrators read ---


def sections() -> dict[str, str]:
    """The text below each heading of the guide that names a hook."""
    parts = re.split(r"^#+ (.+)$", GUIDE.read_text(), flags=re.MULTILINE)
    return {
        heading.strip("`"): text
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
        if heading.startswith("`psa_")
    }


def test_every_hook_has_a_heading_of_its_own_in_the_guide() -> None:
    assert set(sections()) == set(hooks_of(host_specs))


@pytest.mark.parametrize("hook", sorted(hooks_of(host_specs)))
def test_the_guide_names_every_argument_and_every_field_of_a_hook(hook: str) -> None:
    fields = {field.name for field in dataclasses.fields(record_type(hook))}
    wanted = fields | set(hooks_of(host_specs)[hook])
    assert not {name for name in wanted if f"`{name}`" not in sections()[hook]}


PORTS = (
    records.Host,
    records.Principal,
    records.Database,
    records.SecretStore,
    records.Client,
    records.Clients,
    records.Contact,
    records.Contacts,
    records.DomainCount,
    records.Phone,
    records.WriteOutcome,
)


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_the_guide_names_every_member_that_a_host_must_have(port: type) -> None:
    members = {name for name in vars(port) if not name.startswith("_")}
    text = GUIDE.read_text()
    assert not {name for name in members if not re.search(rf"`(?:\w+\.)?{name}\b", text)}


@pytest.mark.parametrize(
    "record",
    [records.NewClient, records.NewContact, records.ContactUpdate, records.Notice],
    ids=lambda record: record.__name__,
)
def test_the_guide_names_every_field_that_a_host_is_handed(record: type) -> None:
    names = {field.name for field in dataclasses.fields(record)}
    text = GUIDE.read_text()
    assert not {name for name in names if f"`{name}`" not in text}


@pytest.mark.parametrize("flag", Flag)
def test_the_guide_names_every_flag(flag: Flag) -> None:
    assert f"`{flag.value}`" in GUIDE.read_text()
