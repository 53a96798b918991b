"""Somebody else changes the connection while it is tested, renewed or replaced."""

import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from devhost.host import DevHost
from devhost.servers.postgres import Urls
from entra_plugin.application.connect.directories import ConnectedDirectories
from entra_plugin.application.connect.opening import DirectoryOpener
from entra_plugin.directory.microsoft.adapter import MicrosoftDirectory
from entra_plugin.domain import secret_names
from entra_plugin.domain.errors import ConfigurationInvalid, Conflict
from entra_plugin.domain.ids import TenantId
from entra_plugin.domain.states import ConnectionStatus, ConnectionType
from support.connecting import Act, Msp, access_of, refused
from support.crashes import Moments
from support.devhost import settings
from support.mortal import MortalProcess
from support.schema import bring_up
from support.simulator import Simulator

Between = Callable[[], Awaitable[object]]
CIPP_NAMES = {"entra_cipp_base_url", "entra_cipp_api_token"}


@dataclass(slots=True, kw_only=True)
class Story:
    """An MSP with a web process, and a worker beside it."""

    msp: Msp
    web: MortalProcess
    worker: MortalProcess

    async def by_web(self, act: Act) -> None:
        await act(self.web)

    async def by_web_while(self, act: Act, other: Act) -> None:
        """Let the web process act; once it has heard of what it tests, the worker acts."""
        opener = self.web.ports.opener
        values = {name: getattr(opener, name) for name in DirectoryOpener.__slots__}
        interrupted = InterruptedOpener(**values, between=lambda: other(self.worker))
        ports, context = replace(self.web.ports, opener=interrupted), self.web.context
        directories = ConnectedDirectories(
            store=context.store, secrets=self.web.secrets, ports=ports
        )
        context = replace(context, directories=directories)
        try:
            await act(replace(self.web, context=context, ports=ports))
        finally:
            await directories.close()

    def cipp(self) -> Act:
        return self.msp.cipp(access_of(self.msp.simulator))

    def rotate(self) -> Act:
        return self.msp.rotate(self.msp.simulator.client_id, self.msp.simulator.client_secret)

    def names(self) -> set[str]:
        return set(self.msp.stored())

    def app_may_list(self, app_lists: bool) -> None:
        permissions = {"applicationRelationships": app_lists}
        self.msp.simulator.control("/permissions", permissions)


@dataclass(slots=True)
class Interrupted:
    """A directory; once it has worked, or not, something happens."""

    directory: MicrosoftDirectory
    between: Between

    async def probe(self) -> int:
        try:
            return await self.directory.probe()
        finally:
            await self.between()

    def __getattr__(self, name: str) -> object:
        return getattr(self.directory, name)


async def nothing() -> None:
    """What happens by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptedOpener(DirectoryOpener):
    """Opens directories during whose probe something happens."""

    between: Between = field(default=nothing)

    def delegated(self, *args: object, **values: object) -> MicrosoftDirectory:
        opened = DirectoryOpener.delegated(self, *args, **values)  # type: ignore[arg-type]
        return cast("MicrosoftDirectory", Interrupted(opened, self.between))

    def app_only(self, *args: object, **values: object) -> MicrosoftDirectory:
        opened = DirectoryOpener.app_only(self, *args, **values)  # type: ignore[arg-type]
        return cast("MicrosoftDirectory", Interrupted(opened, self.between))


@pytest.fixture
async def story(database: Urls, simulator: Simulator, tmp_path: Path) -> AsyncIterator[Story]:
    """An MSP whose home tenant is known, and who has signed in."""
    bring_up(database)
    host = DevHost(settings(database, str(tmp_path)))
    home = str(simulator.directory()["partners"][0]["tenantId"])
    environment = {**simulator.environment, "MICROSOFT_TENANT_ID": home}
    msp = Msp(host=host, simulator=simulator, environment=environment)
    msp.vault[msp.tenant, secret_names.HOME_TENANT] = home
    story = Story(msp=msp, web=msp.start(), worker=msp.start())
    await story.by_web(msp.sign_in())
    yield story
    await story.web.close()
    await story.worker.close()
    await host.close()


async def test_tokens_that_a_replaced_connection_renews_are_not_kept(story: Story) -> None:
    old = await story.web.context.directories.of_tenant(story.msp.tenant)
    await story.cipp()(story.worker)
    await old.renew()
    assert story.names() == CIPP_NAMES


async def test_tokens_that_an_ended_connection_renews_are_not_kept(story: Story) -> None:
    old = await story.web.context.directories.of_tenant(story.msp.tenant)
    await story.msp.disconnect()(story.worker)
    await old.renew()
    assert story.names() == set()


@pytest.mark.parametrize("kind", ["sign_in", "cipp"])
async def test_a_process_that_finds_the_connection_ended_holds_its_credentials_no_longer(
    story: Story, kind: str
) -> None:
    await (story.cipp() if kind == "cipp" else story.msp.sign_in())(story.web)
    tenant, directories = story.msp.tenant, story.worker.context.directories
    held = weakref.ref(await directories.of_tenant(tenant))
    await story.by_web(story.msp.disconnect())
    assert held() is not None, "this process has not heard of it"
    refusal = await refused(directories.of_tenant(tenant))
    assert (refusal and refusal.code) == "not_connected"
    del refusal
    gc.collect()
    assert held() is None


async def test_tokens_that_are_renewed_while_the_tenant_is_removed_are_not_kept(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, directories = story.msp.tenant, story.web.context.directories
    old, forget = await story.worker.context.directories.of_tenant(tenant), directories.forget

    async def renew_first(tenant_id: TenantId) -> None:
        await old.renew()
        await forget(tenant_id)

    monkeypatch.setattr(directories, "forget", renew_first)
    await story.by_web(story.msp.remove())
    assert story.names() == set()
    assert await story.msp.active(story.worker) is None


async def test_the_tokens_of_a_tenant_that_is_removed_are_reported_when_they_cannot_be_deleted(
    story: Story,
) -> None:
    story.web.doom(Moments(bad=1, fatal=False, lasting=True, reads=False))
    with pytest.raises(ConfigurationInvalid, match="secret_store_read_only"):
        await story.by_web(story.msp.remove())
    story.web.doom(Moments())
    await story.by_web(story.msp.remove())
    assert story.names() == set()


async def test_tokens_that_the_connection_before_renews_do_not_replace_those_of_this_one(
    story: Story,
) -> None:
    old = await story.web.context.directories.of_tenant(story.msp.tenant)
    await story.msp.sign_in()(story.worker)
    stored = story.msp.stored()
    await old.renew()
    assert story.msp.stored() == stored


async def test_a_renewed_token_that_cannot_be_stored_is_told_as_such(story: Story) -> None:
    story.web.doom(Moments(bad=1, fatal=False, reads=False))
    with pytest.raises(ConfigurationInvalid, match="secret_store_read_only"):
        await story.by_web(story.msp.renew())


async def test_a_renewed_token_that_could_not_be_stored_is_used_for_the_next_one(
    story: Story,
) -> None:
    story.msp.simulator.control("/tokens", {"rotateStrictly": True})
    story.web.doom(Moments(bad=1, fatal=False, reads=False))
    with pytest.raises(ConfigurationInvalid, match="secret_store_read_only"):
        await story.by_web(story.msp.renew())
    story.web.doom(Moments())
    await story.by_web(story.msp.renew())
    assert await story.msp.customers(story.worker) == 8


async def test_a_worker_takes_up_the_refresh_token_that_another_process_has_renewed(
    story: Story,
) -> None:
    story.msp.simulator.control("/tokens", {"rotateStrictly": True})
    worker = await story.worker.context.directories.of_tenant(story.msp.tenant)
    await story.by_web(story.msp.renew())
    assert await worker.probe() == 8


@pytest.mark.parametrize("other", ["disconnect", "cipp"])
async def test_an_app_that_needs_a_sign_in_to_list_is_not_connected_when_that_is_gone_meanwhile(
    story: Story, other: str
) -> None:
    story.app_may_list(False)
    others = {"disconnect": story.msp.disconnect(), "cipp": story.cipp()}
    with pytest.raises(Conflict, match="changed_meanwhile"):
        await story.by_web_while(story.msp.app_only(), others[other])
    assert story.names() == (CIPP_NAMES if other == "cipp" else set())


async def test_an_app_that_lists_by_itself_is_connected_whatever_became_of_the_sign_in(
    story: Story,
) -> None:
    await story.by_web_while(story.msp.app_only(), story.msp.disconnect())
    assert story.names() == {"entra_direct_partner_tenant_id"}
    assert await story.msp.customers(story.worker) == 8


@pytest.mark.parametrize("other", ["disconnect", "cipp", "sign_in"])
async def test_a_pair_is_not_stored_for_another_connection_than_it_was_tested_with(
    story: Story, other: str
) -> None:
    others = {
        "disconnect": story.msp.disconnect(),
        "cipp": story.cipp(),
        "sign_in": story.msp.sign_in(),
    }
    with pytest.raises(Conflict, match="changed_meanwhile"):
        await story.by_web_while(story.rotate(), others[other])
    assert story.msp.secret("microsoft_client_id") is None


async def test_a_rotation_proves_the_sign_in_that_listing_may_need_another_day(
    story: Story,
) -> None:
    story.app_may_list(False)
    await story.by_web(story.msp.app_only())
    story.app_may_list(True)
    other = story.msp.simulator.other_client_id, story.msp.simulator.other_client_secret
    with pytest.raises(ConfigurationInvalid, match="app_changed"):
        await story.by_web(story.msp.rotate(*other))
    story.app_may_list(False)
    assert await story.msp.customers(story.worker) == 8


async def test_a_check_that_fails_marks_no_connection_that_was_made_meanwhile(
    story: Story,
) -> None:
    story.msp.simulator.control("/tokens", {"revoke": True})
    await story.by_web_while(story.msp.validate(), story.cipp())
    active = await story.msp.active(story.worker)
    assert active is not None
    assert (active.type, active.status) == (ConnectionType.CIPP, ConnectionStatus.CONNECTED)
    assert active.failure is None


async def test_a_check_that_succeeds_says_nothing_of_a_connection_that_was_made_meanwhile(
    story: Story,
) -> None:
    made: list[object] = []

    async def sign_in_anew(process: MortalProcess) -> None:
        await story.msp.sign_in()(process)
        made.append(await story.msp.active(process))

    await story.by_web_while(story.msp.validate(), sign_in_anew)
    assert made == [await story.msp.active(story.worker)]
