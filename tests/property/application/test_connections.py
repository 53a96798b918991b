"""Whatever is done to a connection, and whenever a process dies of it: one connection or none, with
exactly its secrets, and it works.

The database, Microsoft and CIPP are real; the processes are the plugin's own, and mortal.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from devhost.host import DevHost
from devhost.servers.postgres import Urls
from entra_plugin.application.connect.access import CippAccess
from entra_plugin.domain import secret_names
from entra_plugin.domain.errors import EntraError
from entra_plugin.domain.states import ConnectionMode, ConnectionType
from entra_plugin.store.connections import Connection
from support.connecting import Act, Msp, World, access_of, refused
from support.crashes import Killed, Moments
from support.devhost import settings as host_settings
from support.postgres import fresh_database
from support.schema import bring_up
from support.simulator import Simulator

if TYPE_CHECKING:
    from entra_plugin.domain.ids import ConnectionId

TOKENS = frozenset(secret_names.DIRECT_TOKENS)
PARTNER = secret_names.DIRECT_PARTNER_TENANT


@pytest.fixture
def world(postgres_server: Urls, simulator: Simulator, tmp_path: Path) -> Iterator[World]:
    partners = simulator.directory()["partners"]
    loop = asyncio.new_event_loop()
    with fresh_database(postgres_server) as urls:
        bring_up(urls)
        host = DevHost(host_settings(urls, str(tmp_path)))
        yield World(
            loop=loop,
            host=host,
            simulator=simulator,
            partners=tuple(str(partner["tenantId"]) for partner in partners),
            customers=tuple(len(partner["customers"]) for partner in partners),
        )
        loop.run_until_complete(host.close())
    loop.close()


no = st.just(value=False)
dooms = st.one_of(
    st.none(),
    st.builds(Moments, bad=st.one_of(st.integers(1, 30), st.integers(31, 100))),
    st.builds(Moments, bad=st.integers(1, 20), fatal=no, lasting=st.booleans(), reads=no),
)
"""How an act goes wrong by itself: not at all, by death, or by a broken secret store."""

acts = st.sampled_from(["sign_in", "app_only", "cipp", "rotate"])
partner_numbers = st.integers(0, 1)
connected = precondition(lambda self: self.now is not None)


class Connecting(RuleBasedStateMachine):
    """One MSP's connection through a life of accidents."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.simulator = world.simulator
        self.simulator.control("/reset", {})
        self.msp = Msp(
            host=world.host, simulator=world.simulator, environment=world.simulator.environment
        )
        self.pairs = {
            (self.simulator.client_id, self.simulator.client_secret),
            (self.simulator.other_client_id, self.simulator.other_client_secret),
        }
        """App credentials that Microsoft accepts."""
        self.app_lists = True
        self.dead: set[ConnectionId] = set()
        """Connections whose sign-in Microsoft has revoked."""
        self.alone: dict[ConnectionId, bool] = {}
        """By connection: the app could list the customers when it was made."""
        self.accesses: list[CippAccess] = []
        self.just_died = False
        self.unsettled = False
        """Somebody died, and nobody has looked since."""
        self.now: ConnectionType | None = None
        """What is connected."""

    @initialize(home=st.booleans(), first=st.sampled_from(["", "sign_in", "app_only", "cipp"]))
    def begin(self, home: bool, first: str) -> None:
        """Start a web process and a worker, perhaps for one home tenant only, perhaps connected."""
        if home:
            partner = self.world.partners[0]
            self.msp.environment = {**self.msp.environment, "MICROSOFT_TENANT_ID": partner}
        self.web, self.worker = self.msp.start(), self.msp.start()
        if first:
            self.act(self.one_of_the_acts(first), None, works=home or first != "app_only")

    # What people and machines do

    @rule(partner=partner_numbers, doom=dooms)
    def sign_in(self, partner: int, doom: Moments | None) -> None:
        wanted = self.world.partners[partner]
        works = self.accepts(wanted) and self.home in {None, wanted}
        self.act(self.msp.sign_in(partner=partner), doom, works=works)

    @rule(kind=st.sampled_from(["refused", "made_up_code", "other_state", "no_answer"]))
    def spoil_a_sign_in(self, kind: str) -> None:
        self.act(self.msp.spoilt_sign_in(kind), None, works=False)

    @rule(doom=dooms)
    def connect_app_only(self, doom: Moments | None) -> None:
        allowed = self.home is not None and self.accepts(self.home)
        works = None if allowed and not self.app_lists else allowed
        self.act(self.msp.app_only(), doom, works=works)

    @rule(partner=partner_numbers, client=st.booleans(), doom=dooms)
    def connect_cipp(self, partner: int, client: bool, doom: Moments | None) -> None:
        self.act(self.cipp(partner, client=client), doom, works=True)

    @rule(
        client=st.booleans(),
        wrong=st.sampled_from(
            [
                {"api_token": "wrong"},
                {"client_secret": "wrong"},
                {"base_url": "https://10.0.0.1"},
                {"base_url": "http://cipp.example"},
            ]
        ),
    )
    def connect_a_wrong_cipp(self, client: bool, wrong: Mapping[str, str]) -> None:
        access = replace(access_of(self.simulator, client=client), **wrong)
        self.act(self.msp.cipp(access), None, works=False)

    @rule(
        path=st.sampled_from(["/v1.0/tenantRelationships", "/api/ListTenants", "/v2.0/token"]),
        name=acts,
    )
    def connect_while_microsoft_or_cipp_is_ill(self, path: str, name: str) -> None:
        act = self.one_of_the_acts(name)
        fault = {"match": path, "status": 400, "body": "<html>no</html>"}
        self.simulator.control("/faults", [fault])
        try:
            self.act(act, None, works=None)
        finally:
            self.simulator.control("/faults", [])

    @rule(name=acts)
    def connect_with_a_store_that_cannot_be_written(self, name: str) -> None:
        writable, self.web = self.web, self.msp.start(read_only=True)
        try:
            self.act(self.one_of_the_acts(name), None, works=False)
        finally:
            self.world.run(self.web.close())
            self.web = writable

    @rule(doom=dooms)
    def rotate_to_a_new_secret(self, doom: Moments | None) -> None:
        pair = self.simulator.client_id, f"secret~{uuid4().hex}"
        self.simulator.control("/app", {"clientId": pair[0], "addSecret": pair[1]})
        self.pairs.add(pair)
        if self.act(self.msp.rotate(*pair), doom, works=None) and self.pair == pair:
            self.take_away_other_secrets(*pair)

    @precondition(lambda self: self.now == ConnectionType.DIRECT)
    @rule(doom=dooms)
    def rotate_to_a_wrong_secret(self, doom: Moments | None) -> None:
        self.act(self.msp.rotate(self.simulator.client_id, "wrong"), doom, works=False)

    @precondition(lambda self: self.now == ConnectionType.CIPP)
    @rule()
    def store_a_wrong_secret_that_nobody_uses(self) -> None:
        self.act(self.msp.rotate(self.simulator.client_id, "wrong"), None, works=True)

    @rule(doom=dooms)
    def rotate_to_another_app(self, doom: Moments | None) -> None:
        pair = self.simulator.other_client_id, self.simulator.other_client_secret
        self.act(self.msp.rotate(*pair), doom, works=None)

    @connected
    @rule(doom=dooms)
    def validate(self, doom: Moments | None) -> None:
        self.act(self.msp.validate(), doom, works=True)

    @connected
    @rule(doom=dooms)
    def renew_tokens(self, doom: Moments | None) -> None:
        self.act(self.msp.renew(), doom, works=None)

    @rule(doom=dooms)
    def disconnect(self, doom: Moments | None) -> None:
        self.act(self.msp.disconnect(), doom, works=True)
        assert doom is not None or self.now is None

    @rule()
    def let_access_tokens_expire(self) -> None:
        self.simulator.control("/tokens", {"expire": True})

    @connected
    @rule()
    def revoke_the_sign_in(self) -> None:
        self.simulator.control("/tokens", {"revoke": True})
        active = self.active()
        if active is not None:
            self.dead.add(active.connection_id)

    @rule(app_lists=st.booleans())
    def let_the_app_list_customers(self, app_lists: bool) -> None:
        self.simulator.control("/permissions", {"applicationRelationships": app_lists})
        self.app_lists = app_lists

    @rule()
    def restart_the_worker(self) -> None:
        self.world.run(self.worker.close())
        self.worker = self.msp.start()

    # What holds

    @invariant()
    def one_connection_or_none_with_exactly_its_secrets(self) -> None:
        if self.just_died:
            self.just_died = False
            self.unsettled = True  # the next act has to do with what was left
            return
        self.unsettled = False
        active = self.active()
        if active is not None and self.may_read(active):
            assert self.world.run(self.msp.customers(self.worker)) == self.expected(active)
        else:
            self.world.run(self.worker.ports.journal.settle(self.msp.tenant))
        assert self.world.run(self.msp.unsettled(self.worker)) == 0
        assert set(self.msp.stored()) in self.names_of(active)
        if active is not None and active.type == ConnectionType.CIPP:
            assert self.given().mode == active.mode
        if active is not None and active.type == ConnectionType.DIRECT:
            assert self.msp.secret(PARTNER) == str(active.partner_tenant_id)

    def names_of(self, active: Connection | None) -> list[set[str]]:
        """What the secrets may be called."""
        if active is None:
            return [set()]
        match active.mode:
            case ConnectionMode.DELEGATED:
                return [{PARTNER, *TOKENS}]
            case ConnectionMode.APP_ONLY:
                return [{PARTNER} if self.alone[active.connection_id] else {PARTNER, *TOKENS}]
            case _:
                return [set(access.secrets()) for access in self.accesses]

    def given(self) -> CippAccess:
        """What was connected with, going by what is stored."""
        return next(one for one in self.accesses if one.secrets() == self.msp.stored())

    def may_read(self, active: Connection) -> bool:
        """Microsoft was not told to refuse it."""
        app_only = active.mode == ConnectionMode.APP_ONLY
        lists = self.app_lists or not (app_only and self.alone[active.connection_id])
        return active.connection_id not in self.dead and lists

    def expected(self, active: Connection) -> int:
        """How many customers there are to be read; known once what was left over is settled."""
        if active.partner_tenant_id is not None:
            return self.world.customers[self.world.partners.index(str(active.partner_tenant_id))]
        given = self.given()
        matching = (
            number
            for number, one in enumerate(self.simulator.cipp)
            if given.api_token == one.token or given.client_id == one.client_id
        )
        return self.world.customers[next(matching)]

    def teardown(self) -> None:
        if hasattr(self, "web"):
            self.world.run(self.web.close())
            self.world.run(self.worker.close())

    # How it is done

    def act(self, act: Act, doom: Moments | None, *, works: bool | None) -> bool:
        """Let the web process do something; ``works`` is what comes of it in peace.

        Answers whether it went through.
        """
        before, lasting = self.active(), self.lasting()
        self.web.doom(doom or Moments())
        failure: EntraError | None = None
        try:
            failure = self.world.run(refused(act(self.web)))
        except Killed:
            self.just_died = True
            self.world.run(self.web.close())
            self.web = self.msp.start()
        self.web.doom(Moments())
        self.look()
        if doom is None and works is not None:
            assert (failure is None) == works, failure
        if doom is None and failure is not None and not self.unsettled:
            active = self.active()
            assert (active and active.connection_id) == (before and before.connection_id)
            assert self.lasting() == lasting
        return failure is None and not self.just_died

    def look(self) -> None:
        """Remember what is connected now, and how it came to be."""
        active = self.active()
        self.now = active.type if active else None
        if active is not None:
            self.alone.setdefault(active.connection_id, self.app_lists)

    def one_of_the_acts(self, name: str) -> Act:
        """An act that would go through in peace; of a sign-in the part after Microsoft's page."""
        match name:
            case "sign_in":
                try:
                    return self.msp.come_back(self.world.run(self.msp.begun(self.web)))
                except EntraError:
                    return self.msp.sign_in()
            case "app_only":
                return self.msp.app_only()
            case "cipp":
                return self.cipp(0, client=True)
            case _:
                return self.msp.rotate(self.simulator.client_id, self.simulator.client_secret)

    def cipp(self, partner: int, *, client: bool) -> Act:
        access = access_of(self.simulator, partner, client=client)
        self.accesses.append(access)
        return self.msp.cipp(access)

    def take_away_other_secrets(self, client_id: str, but: str) -> None:
        for pair in {pair for pair in self.pairs if pair[0] == client_id and pair[1] != but}:
            self.simulator.control("/app", {"clientId": client_id, "removeSecret": pair[1]})
            self.pairs.remove(pair)

    # What is there

    def active(self) -> Connection | None:
        return self.world.run(self.msp.active(self.worker))

    def accepts(self, partner: str) -> bool:
        """Nothing of ours is against connecting to this partner."""
        active = self.active()
        free = active is None or active.partner_tenant_id in {None, UUID(partner)}
        return free and self.pair in self.pairs

    @property
    def pair(self) -> tuple[str, str]:
        """The app credentials in force."""
        client_id = self.msp.secret(secret_names.CLIENT_ID)
        secret = self.msp.secret(secret_names.CLIENT_SECRET)
        if client_id and secret:
            return client_id, secret
        return self.simulator.client_id, self.simulator.client_secret

    @property
    def home(self) -> str | None:
        """The one home tenant that may sign in."""
        return self.msp.environment.get("MICROSOFT_TENANT_ID")

    def lasting(self) -> dict[str, str | None]:
        """All secrets but for tokens, which grow old, and what somebody left who died."""
        own = {name: self.msp.secret(name) for name in secret_names.MICROSOFT}
        return {
            name: value
            for name, value in {**own, **self.msp.stored()}.items()
            if name not in TOKENS and not name.startswith(secret_names.STAGED)
        }


def test_any_life_of_a_connection_leaves_one_or_none_with_exactly_its_secrets(
    world: World,
) -> None:
    run_state_machine_as_test(
        cast("type[RuleBasedStateMachine]", lambda: Connecting(world)),
        settings=settings(
            max_examples=25,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
