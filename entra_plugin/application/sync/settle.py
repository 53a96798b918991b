"""What only the whole plan of a managed tenant shows, whatever the order of its pages."""

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import TenantId
from entra_plugin.store.changes import Changes
from entra_plugin.store.fences import Fence
from entra_plugin.store.pages import Pages
from entra_plugin.store.standing import StandingQuestions


async def settle_plan(
    connection: AsyncConnection,
    tenant_id: TenantId,
    fence: Fence,
    *,
    preview: bool = False,
) -> bool:
    """Ask about contacts that two identities claim, and drop what is asked already.

    Of that a preview says that it is left alone. Answers False if nothing was planned at all.
    """
    changes = Changes(connection, tenant_id)
    if not await changes.has_planned(fence.run_id, fence.managed_tenant_id):
        return False
    await changes.queue_claimed_twice(fence.run_id, [fence.managed_tenant_id])
    standing = StandingQuestions(connection, tenant_id)
    settle = standing.leave_alone if preview else standing.drop
    repeated = await settle(fence.run_id, fence.managed_tenant_id)
    await Pages(connection, tenant_id).count_unchanged(fence, repeated)
    return True
