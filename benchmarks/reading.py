"""Measures the reading of many customers beside a floor: ``python -m benchmarks.reading --help``.

The floor asks for the same tokens and the same pages, makes the same records and digests of them
in the shortest way, and does nothing else; a second one only decodes. All read as many customers at
once as the adapter does, in one process, turn by turn.
"""

import argparse
import asyncio
import ssl
import tempfile
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from statistics import median

import httpx
import msgspec

from benchmarks.child import collect_seldom
from benchmarks.people import many, write_customers
from devhost.simulator.running import ORIGIN, Simulator, running_simulator
from entra_plugin.application.connect.credentials import ANY_HOME
from entra_plugin.application.connect.direct import redirect_uri
from entra_plugin.directory.microsoft.adapter import CAPABILITIES, MicrosoftDirectory
from entra_plugin.directory.microsoft.endpoints import GRAPH_SCOPE, Endpoints
from entra_plugin.directory.microsoft.sign_in import Credentials, SignIn, TokenSet
from entra_plugin.directory.microsoft.tokens import DelegatedTokens
from entra_plugin.directory.microsoft.wire import USER_SELECT, User, UserList
from entra_plugin.directory.throttle import Throttle
from entra_plugin.directory.transport import Transport, plain_network, tls_context
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import EntraTenantId, ObjectId

TARGET = 0.7
"""Of the floor's throughput."""

Read = Callable[[EntraTenantId], Awaitable[int]]
"""Reads one customer; answers how many users it has."""


class _Texts(msgspec.Struct):
    """A page whose users are left as they came."""

    value: list[msgspec.Raw]


_texts = msgspec.json.Decoder(_Texts).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What both ways of reading share."""

    simulator: Simulator
    customers: Sequence[EntraTenantId]
    credentials: Credentials
    home: EntraTenantId
    refresh_token: str
    tls: ssl.SSLContext


async def _signed_in(simulator: Simulator, customers: Sequence[EntraTenantId]) -> Way:
    """The first partner, signed in through MSAL."""
    tls = tls_context(simulator.ca_file)
    credentials = Credentials(client_id=simulator.client_id, client_secret=simulator.client_secret)
    sign_in = SignIn(Endpoints.of(simulator.sign_in_url, simulator.graph_url), tls)
    flow = await sign_in.start(credentials, tenant=ANY_HOME, redirect_uri=redirect_uri(ORIGIN))
    answer = simulator.sign_in(str(flow["auth_uri"]))
    tokens = await sign_in.complete(credentials, tenant=ANY_HOME, flow=flow, answer=answer)
    sign_in.close()
    if tokens.tenant_id is None or tokens.refresh_token is None:
        raise RuntimeError("the sign-in brought no refresh token")
    return Way(
        simulator=simulator,
        customers=customers,
        credentials=credentials,
        home=tokens.tenant_id,
        refresh_token=tokens.refresh_token,
        tls=tls,
    )


async def _all(way: Way, read: Read) -> int:
    """Read every customer, as many at once as the adapter says."""
    waiting = deque(way.customers)

    async def lane() -> int:
        counts = []
        while waiting:
            counts.append(await read(waiting.popleft()))
        return sum(counts)

    return sum(await asyncio.gather(*(lane() for _ in range(CAPABILITIES.concurrency))))


async def _by_adapter(way: Way) -> tuple[int, float, float]:
    """Users, and seconds of a first reading and of a second one with the tokens in hand."""

    async def renewed(_: TokenSet) -> None:
        return

    endpoints = Endpoints.of(way.simulator.sign_in_url, way.simulator.graph_url)
    sign_in = SignIn(endpoints, way.tls)
    transport = Transport(endpoints.graph, plain_network(way.tls), throttle=Throttle())
    tokens = DelegatedTokens(
        sign_in, way.credentials, home=way.home, refresh_token=way.refresh_token, renewed=renewed
    )
    directory = MicrosoftDirectory(endpoints, transport, tokens)

    async def read(customer: EntraTenantId) -> int:
        return sum([len(page.users) async for page in directory.user_pages(customer)])

    begun = time.perf_counter()
    users = await _all(way, read)
    first = time.perf_counter() - begun
    again = await _timed(way, read)
    await transport.close()
    sign_in.close()
    return users, first, again


async def _timed(way: Way, read: Read) -> float:
    begun = time.perf_counter()
    await _all(way, read)
    return time.perf_counter() - begun


async def _by_floor(way: Way, *, records: bool) -> float:
    """Seconds of the least that a reading with these tokens can do.

    With ``records`` it hands on what the adapter hands on, made in the shortest way; without, it
    only decodes.
    """
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=32)
    async with httpx.AsyncClient(verify=way.tls, limits=limits, trust_env=False) as client:

        async def read(customer: EntraTenantId) -> int:
            headers = {"authorization": f"Bearer {await _token(client, way, customer)}"}
            url: str | None = f"{way.simulator.graph_url}/v1.0/users?$select={USER_SELECT}&$top=999"
            users = 0
            while url is not None:
                body = (await client.get(url, headers=headers)).content
                page = msgspec.json.decode(body, type=UserList)
                found = tuple(map(_record, page.value)) if records else page.value
                if records and len(tuple(map(_digest, _texts(body).value))) != len(found):
                    raise RuntimeError("not one digest for each user")
                users, url = users + len(found), page.next_link
            return users

        return await _timed(way, read)


def _digest(text: msgspec.Raw) -> bytes:
    return blake2b(text, digest_size=16).digest()


def _record(user: User) -> DirectoryUser:
    """A user of ours, without a look at what is in it."""
    return DirectoryUser(
        object_id=ObjectId(user.id),
        user_principal_name=user.user_principal_name or "",
        mail=user.mail,
        aliases=tuple([proxy[5:] for proxy in user.proxy_addresses or ()]),
        display_name=user.display_name,
        given_name=user.given_name,
        surname=user.surname,
        enabled=user.account_enabled is True,
        user_type=user.user_type,
        external_state=user.external_user_state,
        resource_account=user.is_resource_account is True,
        licensed=bool(user.assigned_licenses),
        job_title=user.job_title,
        department=user.department,
        company_name=user.company_name,
        office_location=user.office_location,
        business_phones=tuple(user.business_phones or ()),
        mobile_phone=user.mobile_phone,
    )


async def _token(client: httpx.AsyncClient, way: Way, customer: EntraTenantId) -> str:
    form = {
        "grant_type": "refresh_token",
        "client_id": way.credentials.client_id,
        "client_secret": way.credentials.client_secret,
        "refresh_token": way.refresh_token,
        "scope": f"{GRAPH_SCOPE} openid profile offline_access",
    }
    url = f"{way.simulator.sign_in_url}/{customer}/oauth2/v2.0/token"
    return str((await client.post(url, data=form)).raise_for_status().json()["access_token"])


def most_token_requests(simulator: Simulator) -> int:
    """How often the customer that was asked for most often was asked for a token."""
    asked = Counter(
        seen["tenant"]
        for seen in simulator.requests()
        if seen["host"] == "sign_in" and seen["method"] == "POST"
    )
    return max(asked.values(), default=0)


async def _measure(way: Way, repeat: int) -> None:
    floors, decodes, firsts, agains, tokens, users = [], [], [], [], 0, 0
    for _ in range(repeat):
        decodes.append(await _by_floor(way, records=False))
        floors.append(await _by_floor(way, records=True))
        way.simulator.forget_requests()
        users, first, again = await _by_adapter(way)
        tokens = max(tokens, most_token_requests(way.simulator))
        firsts.append(first)
        agains.append(again)
    for name, times in (
        ("floor, decoding only", decodes),
        ("floor", floors),
        ("adapter", firsts),
        ("adapter, again", agains),
    ):
        speeds = sorted(users / seconds for seconds in times)
        print(
            f"{name:>20}: {users:,} users of {len(way.customers)} customers, "
            f"{median(speeds):,.0f} users/s ({speeds[0]:,.0f}-{speeds[-1]:,.0f})"
        )
    if tokens > 1:
        raise RuntimeError(f"a customer was asked for a token {tokens} times in its lifetime")
    print(
        f"reading {users:,} users over {len(way.customers)} customers: "
        f"{_ratio(floors, firsts)} of the floor (at least {TARGET}), "
        f"{_ratio(decodes, firsts)} of one that only decodes; "
        f"at most {tokens} token request per customer in two readings (at most 1)"
    )


def _ratio(floors: Sequence[float], ours: Sequence[float]) -> str:
    """Median and extremes of the ratios within each turn, which a slow moment hits as a whole."""
    ratios = sorted(floor / our for floor, our in zip(floors, ours, strict=True))
    return f"{median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Start a simulator with the customers, measure, print."""
    parser = argparse.ArgumentParser(prog="benchmarks.reading", description=__doc__)
    parser.add_argument("--customers", type=int, default=100)
    parser.add_argument("--users", type=int, default=1000, help="per customer")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args(arguments)
    customers = many(options.customers)
    with tempfile.TemporaryDirectory(prefix="psa-bench-") as name:
        seed = Path(name) / "seed"
        write_customers(seed, [(customer, options.users) for customer in customers])
        with running_simulator(str(seed)) as simulator:
            ids = [EntraTenantId(customer.entra_tenant_id) for customer in customers]
            asyncio.run(_run(simulator, ids, options.repeat))


async def _run(simulator: Simulator, customers: Sequence[EntraTenantId], repeat: int) -> None:
    collect_seldom()
    await _measure(await _signed_in(simulator, customers), repeat)


if __name__ == "__main__":
    main()
