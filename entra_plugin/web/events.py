"""Server-sent progress of a run. The gates hold while it lasts, not only when it began."""

import asyncio
from collections.abc import AsyncIterator, Callable

from fastapi import Request

from entra_plugin.access import VIEW, decide
from entra_plugin.application.runs import RunDetails
from entra_plugin.domain.errors import EntraError
from entra_plugin.store.runs import OPEN_STATES
from entra_plugin.web.facts import Facts
from entra_plugin.web.problems import AWAY
from entra_plugin.web.runtime import Runtime

_INTERVAL = 1.0
"""Seconds between two looks."""


async def follow(
    request: Request,
    runtime: Runtime,
    facts: Facts,
    found: RunDetails,
    present: Callable[[RunDetails], str],
) -> AsyncIterator[str]:
    """Tell each change of a run, then end; browsers reconnect by themselves when it broke off."""
    told = ""
    while True:
        text = present(found)
        if text != told:
            told = text
            yield f"event: run\ndata: {text}\n\n"
        else:
            yield ": still there\n\n"
        if found.run.state not in OPEN_STATES:
            yield "event: end\ndata: {}\n\n"
            return
        await asyncio.sleep(_INTERVAL)
        try:
            if not await _still_allowed(request, runtime, facts):
                return
            found = await runtime.read_runs.run(facts.tenant_id, found.run.run_id)
        except (EntraError, *AWAY):
            return


async def _still_allowed(request: Request, runtime: Runtime, facts: Facts) -> bool:
    host = runtime.context.host
    principal = await host.principal(request.scope)
    if principal is None or principal.tenant_id != facts.tenant_id:
        return False
    flags = await runtime.context.flags.enabled(principal.tenant_id)
    return (await decide(host, principal, flags, VIEW)).allowed
