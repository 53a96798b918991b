"""Keeps the partner's refresh token young: Microsoft lets one die after about 90 days of no use."""

import logging
from datetime import timedelta

from entra_plugin.application.context import Context
from entra_plugin.directory.protocol import Directory
from entra_plugin.domain.errors import ConfigurationInvalid, TransientFailure
from entra_plugin.store.connections import Connection

log = logging.getLogger(__name__)

RENEWED_EVERY = timedelta(hours=20)
"""Less than a day, so that what runs daily renews daily."""

LATEST = timedelta(days=7)


async def renew_when_old(context: Context, active: Connection | None, directory: Directory) -> None:
    """Renew what the active connection lives on, unless that was done today.

    A home that is away, or a store that cannot be written to just now, is no hurry for a week.

    Raises:
        EntraError: What the home authority answered to a dead sign-in; of one that is a week old
            also that home is away, or ``secret_store_read_only``.
    """
    if active is None or active.renewed_at is None:
        return
    age = context.clock() - active.renewed_at
    if age < RENEWED_EVERY:
        return
    try:
        await directory.renew()
    except (TransientFailure, ConfigurationInvalid) as error:
        passing = isinstance(error, TransientFailure) or error.code == "secret_store_read_only"
        if age >= LATEST or not passing:
            raise
        log.warning("sign-in not renewed", extra={"code": error.code})
