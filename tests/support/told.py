"""What people are told about a failure: its own words and link, and nothing of the vendor's."""

import json
from collections.abc import Awaitable
from pathlib import Path
from typing import cast

import pytest

from entra_plugin.directory.microsoft.adapter import MicrosoftDirectory
from entra_plugin.domain.errors import EntraError
from entra_plugin.domain.ids import EntraTenantId
from entra_plugin.domain.remedies import RemedyFacts, link_for
from entra_plugin.resources import ErrorText, locale
from support.graph import ALPINE, Signed
from support.microsoft import REDIRECT_URI

LOCALES = Path(__file__).parents[2] / "ui_manifest" / "locales" / "en.json"
TEXTS = cast("dict[str, str]", json.loads(LOCALES.read_text("utf-8")))

CANARY = "canary-of-the-vendor"
"""Stands in every text of the vendor's, and must not come out again."""


async def failure_of(asking: Awaitable[object]) -> EntraError:
    """The failure that this ends in."""
    with pytest.raises(EntraError) as caught:
        await asking
    return caught.value


def words_for(error: EntraError) -> ErrorText:
    """What people read: the texts of this very code, and none of the vendor's."""
    text = locale("en").error(error.code)
    assert text.sentence == TEXTS[f"error.{error.code}.sentence"]
    assert text.advice == TEXTS[f"error.{error.code}.advice"]
    assert text != locale("en").error("internal_error")
    assert CANARY not in f"{error!r} {error.details} {error.vendor_code} {text}"
    return text


def help_for(error: EntraError, partner: Signed, customer: EntraTenantId | None) -> str | None:
    """The link that stands beside it."""
    facts = RemedyFacts(
        client_id=partner.credentials.client_id,
        entra_tenant_id=customer,
        partner_tenant_id=partner.home,
        login_base=partner.endpoints.login,
        redirect_uri=REDIRECT_URI,
    )
    link = link_for(error.code, facts)
    return link.url if link else None


def without_faults(partner: Signed) -> Signed:
    """The partner on a calm day, long after whatever he was told to wait for."""
    partner.simulator.control("/faults", [])
    partner.simulator.forget_requests()
    partner.pauses.waits.clear()
    partner.pauses.now += 86_400
    return partner


async def at_home(directory: MicrosoftDirectory) -> None:
    """Ask the partner's own tenant something."""
    await directory.probe()


async def at_customer(directory: MicrosoftDirectory) -> None:
    """Ask a customer's tenant something."""
    await directory.tenant_details(ALPINE)
