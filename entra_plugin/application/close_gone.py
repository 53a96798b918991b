"""Close runs whose workflow is gone, so that nobody works on them and nobody else closes them."""

from contextlib import suppress

from entra_plugin.access import FlagUnread
from entra_plugin.application.close_run import CHECKS, CloseRun
from entra_plugin.application.context import Context
from entra_plugin.application.notices import Notices
from entra_plugin.application.sync.record import Record
from entra_plugin.domain.ids import RunId, TenantId
from entra_plugin.domain.states import RunType
from entra_plugin.store.runs import Failure


class CloseGone:
    """Closes a run as its workflow would have; what it has applied stays."""

    def __init__(self, context: Context) -> None:
        self._record = Record(context)
        self._close_run = CloseRun(context)
        self._notices = Notices(context)

    async def failed(self, tenant_id: TenantId, run_id: RunId, type_: RunType) -> None:
        """Close a run that will not come to its end."""
        failure = Failure(code="workflow_gone", vendor_code=None, details={})
        if type_ in CHECKS:
            await self._close_run.failed(tenant_id, run_id, failure, broken=False)
        else:
            await self._record.run(tenant_id, run_id, failure=failure)
        await self._tell(tenant_id, run_id)

    async def cancelled(self, tenant_id: TenantId, run_id: RunId, type_: RunType) -> None:
        """Close a run that a person wants to end."""
        if type_ in CHECKS:
            await self._close_run.cancelled(tenant_id, run_id, None)
            return
        await self._record.run(tenant_id, run_id, cancelled=True)
        await self._tell(tenant_id, run_id)

    async def _tell(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Tell of it, if the flags can be read: nobody comes back to a run that is closed."""
        with suppress(FlagUnread):
            await self._notices.after_run(tenant_id, run_id)
