"""An identity that was written since a page was planned is planned again, and forgets nothing."""

import datetime as dt
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import create_async_engine

from devhost.servers.postgres import Urls
from entra_plugin.domain.identity import fingerprint
from entra_plugin.domain.ids import TenantId
from entra_plugin.domain.planning import Settled
from entra_plugin.domain.states import DepartureKind, Verdict, VerdictReason
from entra_plugin.store.identity_writes import IdentityWrites
from entra_plugin.store.people_tables import identities
from entra_plugin.store.transaction import Store
from support.builders import DIRECTORY, user
from support.schema import OURS, bring_up, row

TENANT = TenantId(OURS)
PLANNED = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
ENABLED = user()


@pytest.fixture
async def store(database: Urls) -> AsyncIterator[Store]:
    bring_up(database)
    engine = create_async_engine(database.app)
    yield Store(engine)
    await engine.dispose()


@pytest.mark.parametrize(
    ("later", "acted", "departure"),
    [
        (dt.timedelta(seconds=1), None, DepartureKind.DISABLED_UPSTREAM.value),
        (dt.timedelta(0), fingerprint(ENABLED), None),
    ],
)
async def test_a_departure_acted_on_since_is_not_forgotten(
    store: Store, later: dt.timedelta, acted: bytes | None, departure: str | None
) -> None:
    left = row(identities, TENANT) | {
        "entra_tenant_id": DIRECTORY,
        "object_id": ENABLED.object_id,
        "verdict": Verdict.LINKED.value,
        "departure": DepartureKind.DISABLED_UPSTREAM.value,
        "departed_at": PLANNED,
        "departure_settled": True,
        "changed_at": PLANNED + later,
    }
    seen = Settled(
        user=ENABLED,
        address=ENABLED.mail,
        fingerprint=fingerprint(ENABLED),
        verdict=Verdict.LINKED,
        reason=VerdictReason.CREATED,
    )
    async with store.tenant_transaction(TENANT) as connection:
        await connection.execute(insert(identities), [left])
        await IdentityWrites(connection, TENANT).remember(DIRECTORY, [seen], PLANNED)
        stored = (await connection.execute(select(identities))).one()
    assert stored.acted_fingerprint == acted
    assert (stored.departure, stored.departure_settled) == (departure, departure is not None)
    assert stored.enabled
