"""Two customers of a held run are settled at the same moment: nothing is held any more."""

import asyncio
from dataclasses import replace

from sqlalchemy.ext.asyncio import create_async_engine

from entra_plugin.application.held import DiscardHeld, HeldCommand
from entra_plugin.application.sync.held import recount
from entra_plugin.domain.ids import RunId
from entra_plugin.store.held import Held
from entra_plugin.store.transaction import Store
from support.builders import person
from support.case import Case
from support.office import CLIENTS, CUSTOMERS, DIRECTORIES
from support.paper import Paper


async def settle_at_once(case: Case, run_id: RunId) -> None:
    """Discard what is held of both; the second begins before the first is committed."""
    engine = create_async_engine(case.stage.host.database.engine.url, hide_parameters=True)
    context, tenant_id = replace(case.engine.context, store=Store(engine)), case.engine.tenant_id
    first, second = CUSTOMERS
    command = HeldCommand(
        tenant_id=tenant_id, run_id=run_id, user_id=None, name=None, managed_tenant_id=second
    )
    async with context.store.tenant_transaction(tenant_id) as connection:
        held = Held(connection, tenant_id)
        rows = await held.rows(run_id, managed_tenant_id=first, change_ids=None)
        await held.discard([row.change_id for row in rows], user_id=None, name=None, why=None)
        await recount(connection, tenant_id, [run_id], first)
        other = asyncio.create_task(DiscardHeld(context)(command))
        await asyncio.wait({other}, timeout=1)
    await other
    await engine.dispose()


def test_a_run_is_held_no_more_though_both_customers_are_settled_at_once(case: Case) -> None:
    paper = Paper()
    paper.put(person("dan"))
    case.directory.papers = {**case.directory.papers, DIRECTORIES[1]: paper}
    case.stage.run(case.engine.map(CUSTOMERS[1], CLIENTS[1], {}))
    case.sync()
    case.save(guard={"inactivateMin": 0, "inactivatePercent": 0})
    case.change("ada", enabled=False)
    paper.put(person("dan", enabled=False))
    run_id = case.sync()
    assert case.rows(run_id) == [("inactivate", "held")] * 2
    case.stage.run(settle_at_once(case, run_id))
    assert case.rows(run_id) == [("inactivate", "discarded")] * 2
    assert case.office.state_of(run_id) == "completed"
