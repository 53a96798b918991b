"""Credentials and tokens: where they come from, where they are kept, and how they are renewed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from devhost.ports.secrets import EnvironmentSecrets, FileSecrets, SecretChain
from devhost.servers.postgres import Urls
from entra_plugin.application.connect.credentials import CredentialResolver, require_home
from entra_plugin.application.connect.direct import CompleteSignIn, StartSignIn
from entra_plugin.application.connect.journal import SecretJournal
from entra_plugin.application.connect.renewal import renew_when_old
from entra_plugin.application.connect.validate import Validate
from entra_plugin.domain import secret_names
from entra_plugin.domain.errors import ConfigurationInvalid, TransientFailure
from entra_plugin.domain.states import CredentialSource
from entra_plugin.store.connections import Connection, Connections
from support.devhost import NORTHWIND, TestHost, running_host
from support.simulator import Simulator

ID = "83055304-ff24-4738-9979-d66703e32cff"
ENV = {"MICROSOFT_CLIENT_ID": ID, "MICROSOFT_CLIENT_SECRET": "of the environment"}


class Secrets:
    """Secrets of one tenant and of the installation, in memory."""

    def __init__(self, tenant: dict[str, str], app: dict[str, str]) -> None:
        self._tenant = tenant
        self._app = app

    async def get(self, tenant_id: object, name: str) -> str | None:
        return self._tenant.get(name)

    async def get_app(self, name: str) -> str | None:
        return self._app.get(name)

    async def set(self, tenant_id: object, name: str, value: str) -> None:
        self._tenant[name] = value

    async def delete(self, tenant_id: object, name: str) -> None:
        self._tenant.pop(name, None)

    async def writable(self, tenant_id: object) -> bool:
        return True


OWN = {"microsoft_client_id": ID, "microsoft_client_secret": "of the tenant"}
APP = {"MICROSOFT_CLIENT_ID": ID, "MICROSOFT_CLIENT_SECRET": "of the app"}


@pytest.mark.parametrize(
    ("tenant", "environment", "app", "source", "secret"),
    [
        (OWN, ENV, APP, CredentialSource.TENANT_SECRET, "of the tenant"),
        ({}, ENV, APP, CredentialSource.ENV, "of the environment"),
        ({}, {}, APP, CredentialSource.APP_SECRET, "of the app"),
        ({"microsoft_client_id": ID}, ENV, APP, CredentialSource.ENV, "of the environment"),
        ({}, {"MICROSOFT_CLIENT_ID": ID}, APP, CredentialSource.APP_SECRET, "of the app"),
    ],
)
async def test_id_and_secret_come_from_the_first_place_that_has_both(
    tenant: dict[str, str],
    environment: dict[str, str],
    app: dict[str, str],
    source: CredentialSource,
    secret: str,
) -> None:
    found = await CredentialResolver(Secrets(tenant, app), environment).require(NORTHWIND)
    assert (found.source, found.credentials.client_secret) == (source, secret)
    assert found.authority == "organizations"


async def test_a_home_tenant_beside_the_credentials_is_the_authority() -> None:
    own = {**OWN, "microsoft_tenant_id": "aaaaaaaa-0000-4000-8000-000000000001"}
    found = await CredentialResolver(Secrets(own, {}), {}).require(NORTHWIND)
    assert found.authority == own["microsoft_tenant_id"]
    require_home(found)


@pytest.mark.parametrize("shared", ["organizations", "common", " Common "])
async def test_what_stands_for_any_tenant_is_no_home_tenant(shared: str) -> None:
    own = {**OWN, "microsoft_tenant_id": shared}
    found = await CredentialResolver(Secrets(own, {}), {}).require(NORTHWIND)
    assert found.authority == "organizations"
    require_home(found)


@pytest.mark.parametrize("name", ["northwind.example", "consumers", "Northwind", "../common"])
async def test_nobody_signs_in_at_a_home_tenant_that_he_cannot_be_compared_with(
    database: Urls, simulator: Simulator, name: str
) -> None:
    environment = {**simulator.environment, "MICROSOFT_TENANT_ID": name}
    async with running_host(database, environment) as host:
        with pytest.raises(ConfigurationInvalid, match="home_tenant_invalid"):
            await StartSignIn(host.opened.context, host.opened.ports)(await host.person())


async def test_without_credentials_anywhere_it_says_so() -> None:
    with pytest.raises(ConfigurationInvalid, match="credentials_missing"):
        await CredentialResolver(Secrets({}, {}), {}).require(NORTHWIND)


@asynccontextmanager
async def connected(database: Urls, simulator: Simulator) -> AsyncIterator[TestHost]:
    """A host whose first MSP is connected."""
    async with running_host(database, simulator.environment) as host:
        ports = host.opened.ports
        person = await host.person()
        url = await StartSignIn(host.opened.context, ports)(person)
        await CompleteSignIn(host.opened.context, ports)(person, simulator.sign_in(url))
        yield host


async def test_the_tokens_are_kept_under_the_guides_names(
    database: Urls, simulator: Simulator
) -> None:
    async with connected(database, simulator) as host:
        for name in (
            "entra_direct_access_token",
            "entra_direct_refresh_token",
            "entra_direct_token_expires_at",
            "entra_direct_partner_tenant_id",
            "entra_direct_token_scope",
        ):
            assert await host.host.secrets.get(NORTHWIND, name), name


async def test_a_renewed_refresh_token_replaces_the_old_one_and_goes_on_working(
    database: Urls, simulator: Simulator
) -> None:
    async with connected(database, simulator) as host:
        simulator.control("/tokens", {"rotateStrictly": True})
        seen = set()
        for _ in range(3):
            found = await Validate(host.opened.context)(NORTHWIND)
            assert found.valid, found.failure
            seen.add(await host.host.secrets.get(NORTHWIND, secret_names.DIRECT_REFRESH_TOKEN))
        assert len(seen) == 3


async def test_an_expired_access_token_is_renewed_in_between(
    database: Urls, simulator: Simulator
) -> None:
    async with connected(database, simulator) as host:
        directory = await host.opened.context.directories.of_tenant(NORTHWIND)
        assert await directory.probe() == 8
        simulator.control("/tokens", {"expire": True})
        assert await directory.probe() == 8


async def test_a_store_that_cannot_be_written_is_refused_before_the_sign_in(
    database: Urls, simulator: Simulator
) -> None:
    async with running_host(database, simulator.environment) as host:
        secrets = SecretChain([EnvironmentSecrets({})])
        opened = host.opened
        journal = SecretJournal(secrets, opened.context.store, opened.context.clock)
        ports = replace(opened.ports, journal=journal)
        with pytest.raises(ConfigurationInvalid, match="secret_store_read_only"):
            await StartSignIn(opened.context, ports)(await host.person())


async def test_a_microsoft_that_cannot_be_reached_is_told_as_such(
    database: Urls, simulator: Simulator
) -> None:
    nowhere = replace(simulator, sign_in_url="https://localhost:1")
    async with running_host(database, nowhere.environment) as host:
        with pytest.raises(TransientFailure, match="provider_unreachable"):
            await StartSignIn(host.opened.context, host.opened.ports)(await host.person())


async def active_connection(host: TestHost) -> Connection:
    """The connection that is not ended."""
    async with host.opened.context.store.tenant_transaction(NORTHWIND) as connection:
        active = await Connections(connection, NORTHWIND).active()
    assert active is not None
    return active


async def status_of(host: TestHost) -> tuple[str, str | None]:
    """The active connection's status, and the code of what is wrong with it."""
    active = await active_connection(host)
    return active.status.value, active.failure.code if active.failure else None


async def test_a_provider_that_is_away_is_told_and_breaks_no_connection(
    database: Urls, simulator: Simulator
) -> None:
    async with connected(database, simulator) as host:
        busy = {"match": "delegatedAdminCustomers", "status": 429, "headers": {"Retry-After": "90"}}
        simulator.control("/faults", {"faults": [busy]})
        found = await Validate(host.opened.context)(NORTHWIND)
        assert found.failure is not None
        assert (found.failure.code, "until" in found.failure.details) == ("throttled", True)
        assert await status_of(host) == ("connected", "throttled")


async def test_a_store_that_is_read_only_for_a_while_is_no_hurry_for_a_week(
    database: Urls, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    async with connected(database, simulator) as host:
        context = host.opened.context
        directory = await context.directories.of_tenant(NORTHWIND)
        monkeypatch.setattr(FileSecrets, "set", refuse)

        async def renew(after: timedelta) -> None:
            later = replace(context, clock=lambda: context.clock() + after)
            await renew_when_old(later, await active_connection(host), directory)

        await renew(timedelta(days=6))
        with pytest.raises(ConfigurationInvalid, match="secret_store_read_only"):
            await renew(timedelta(days=8))


async def test_a_sign_in_is_renewed_once_a_day_and_not_more(
    database: Urls, simulator: Simulator
) -> None:
    async with connected(database, simulator) as host:
        context = host.opened.context
        directory = await context.directories.of_tenant(NORTHWIND)

        async def renewals(after: timedelta) -> int:
            later = replace(context, clock=lambda: context.clock() + after)
            simulator.forget_requests()
            await renew_when_old(later, await active_connection(host), directory)
            return sum(seen["method"] == "POST" for seen in simulator.requests())

        assert await renewals(timedelta(hours=19)) == 0
        assert await renewals(timedelta(hours=21)) == 1
