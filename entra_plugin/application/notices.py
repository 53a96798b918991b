"""Tell people of a tenant what they should know, through the host; once, or never if that fails."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import RunId, TenantId
from entra_plugin.domain.states import RunState, RunType
from entra_plugin.host import Notice
from entra_plugin.resources import locale
from entra_plugin.store.runs import Run, Runs
from entra_plugin.store.settings import SettingsRows
from entra_plugin.store.telling import Ending, FailedAgain, Telling

log = logging.getLogger(__name__)

PAGES = "/integrations/entra"

SYNCS = (RunType.INITIAL, RunType.ALL, RunType.CLIENT)
"""Runs in which a managed tenant succeeds or fails as a whole."""
CONNECTED = (*SYNCS, RunType.DISCOVERY)
"""Runs that say whether the connection works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _News:
    """What a run has to tell, as far as people want to hear of it."""

    items: int
    """Questions that came up in it."""
    held: Run | None
    """The run, if it waits for an approval."""
    again: Sequence[FailedAgain]
    broken: str | None
    """Why runs cannot be carried out, when this is the second."""


class Notices:
    """One method per occasion; a host that cannot be told is no failure of what is told."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._texts = locale("en")

    async def wanted(self, tenant_id: TenantId, kind: str) -> bool:
        """True while people want to hear of this kind, as ``notificationConfig`` names it."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            config = (await SettingsRows(connection, tenant_id).get()).notification_config
        return config.get(kind) is not False

    async def after_run(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Tell what a run that ended has to tell: at most once, however often this is called.

        Raises:
            FlagUnread: Nothing was told yet; whoever calls tries again.
        """
        flags = self._context.flags
        if not await flags.is_on_now(Flag.UI, tenant_id):
            return
        queue = await flags.is_on_now(Flag.QUEUE, tenant_id)
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            if not await Telling(connection, tenant_id).claim_run(run_id):
                return
            news = await _news(connection, tenant_id, run_id, queue=queue)
        if news.items:
            await self.review_items(tenant_id, news.items)
        if news.held is not None:
            await self.held(tenant_id, news.held)
        if news.broken is not None:
            await self.connection_fails_again(tenant_id, news.broken)
        elif news.again:
            await self.customers_fail_again(tenant_id, news.again)

    async def review_items(self, tenant_id: TenantId, n: int) -> None:
        """People came up who need a decision."""
        text = self._texts.count("notice.review_items", n)
        params = {"text": text, "count": n}
        await self._send(tenant_id, "notice.review_items", "info", params, "setup")

    async def held(self, tenant_id: TenantId, run: Run) -> None:
        """A run waits for an approval."""
        n = run.counts["held"]
        text = self._texts.count("notice.held", n)
        params = {"text": text, "count": n, "runId": str(run.run_id)}
        await self._send(tenant_id, "notice.held", "warning", params, "setup")

    async def customers_fail_again(
        self, tenant_id: TenantId, failed: Sequence[FailedAgain]
    ) -> None:
        """Customers failed for the second time in a row."""
        first = failed[0]
        sentence = self._texts.error(first.code).sentence
        text = self._texts.count(
            "notice.customers_fail_again", len(failed), name=first.name, sentence=sentence
        )
        params = {
            "text": text,
            "count": len(failed),
            "name": first.name,
            "code": first.code,
            "managedTenantIds": [str(one.managed_tenant_id) for one in failed],
        }
        page = f"clients/{first.managed_tenant_id}" if len(failed) == 1 else "clients"
        await self._send(tenant_id, "notice.customers_fail_again", "warning", params, page)

    async def connection_fails_again(self, tenant_id: TenantId, code: str) -> None:
        """A whole run failed for the second time in a row."""
        sentence = self._texts.error(code).sentence
        text = self._texts.text("notice.connection_fails_again", sentence=sentence)
        params = {"text": text, "code": code}
        await self._send(
            tenant_id, "notice.connection_fails_again", "warning", params, "connection"
        )

    async def secret_expires(self, tenant_id: TenantId, at: datetime) -> None:
        """The tenant's own client secret is about to expire."""
        text = self._texts.text("notice.secret_expires", date=at.date().isoformat())
        params = {"text": text, "at": at.isoformat()}
        await self._send(tenant_id, "notice.secret_expires", "warning", params, "connection")

    async def relationships_end(self, tenant_id: TenantId, ending: Sequence[Ending]) -> None:
        """The access to customers is about to end; soonest first."""
        date = ending[-1].ends_at.date().isoformat()
        text = self._texts.count(
            "notice.relationships_end", len(ending), name=ending[0].name, date=date
        )
        params = {
            "text": text,
            "count": len(ending),
            "name": ending[0].name,
            "at": ending[-1].ends_at.isoformat(),
            "managedTenantIds": [str(one.managed_tenant_id) for one in ending],
        }
        await self._send(tenant_id, "notice.relationships_end", "warning", params, "connection")

    async def _send(
        self,
        tenant_id: TenantId,
        key: str,
        level: str,
        params: Mapping[str, object],
        page: str,
    ) -> None:
        notice = Notice(key=key, level=level, params=params, link=f"{PAGES}/{page}")
        try:
            await self._context.host.notify(tenant_id, notice)
        except Exception as error:  # noqa: BLE001 - the host's, and no reason for a run to fail
            log.warning("notice not sent", extra={"key": key, "error": type(error).__name__})


async def _news(
    connection: AsyncConnection, tenant_id: TenantId, run_id: RunId, *, queue: bool
) -> _News:
    telling = Telling(connection, tenant_id)
    config = (await SettingsRows(connection, tenant_id).get()).notification_config
    wanted = {
        kind
        for kind in ("reviewItems", "repeatedFailures", "held")
        if config.get(kind) is not False
    }
    run = await Runs(connection, tenant_id).get(run_id)
    failures = run is not None and "repeatedFailures" in wanted
    again = failures and run is not None and run.type in SYNCS
    waits = run is not None and run.state == RunState.HELD and "held" in wanted
    return _News(
        items=await telling.new_items(run_id) if queue and "reviewItems" in wanted else 0,
        held=run if waits else None,
        again=await telling.failed_again(run_id, SYNCS) if again else (),
        broken=await _broken(telling, run) if failures and run is not None else None,
    )


async def _broken(telling: Telling, run: Run) -> str | None:
    """Why the run failed as a whole, if the one before did so, too."""
    failed = run.type in CONNECTED and run.state == RunState.FAILED
    if not failed or run.failure is None:
        return None
    again = await telling.connection_failed_again(run.run_id, CONNECTED)
    return run.failure.code if again else None
