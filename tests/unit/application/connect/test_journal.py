"""A place for secrets proves itself by keeping one, before anybody is sent to sign in."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from uuid import uuid4

import pytest

from entra_plugin.application.connect.journal import SecretJournal
from entra_plugin.domain.errors import ConfigurationInvalid
from entra_plugin.domain.ids import TenantId
from entra_plugin.host import SecretStore
from entra_plugin.store.transaction import Store
from support.crashes import Moments, Vault, VaultSecrets

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

TENANT = TenantId(uuid4())


def journal(secrets: SecretStore) -> SecretJournal:
    """A journal that has to do without a database."""
    nowhere = Store(cast("AsyncEngine", None))
    return SecretJournal(secrets, nowhere, lambda: datetime(2026, 3, 1, tzinfo=UTC))


class Forgetful(VaultSecrets):
    """A store that says that it stored a value, and did not."""

    async def set(self, tenant_id: object, name: str, value: str) -> None:
        """Store nothing."""


@pytest.mark.parametrize("secrets", [VaultSecrets({}, read_only=True), Forgetful({})])
async def test_a_store_that_keeps_nothing_is_no_place_for_secrets(secrets: SecretStore) -> None:
    with pytest.raises(ConfigurationInvalid, match="secret_store_read_only"):
        await journal(secrets).require_writable(TENANT)


@pytest.mark.parametrize("bad", range(1, 7))
async def test_a_store_that_fails_at_the_trial_is_no_place_for_secrets(bad: int) -> None:
    secrets = VaultSecrets({}, Moments(bad=bad, fatal=False))
    with pytest.raises(ConfigurationInvalid, match="secret_store_read_only"):
        await journal(secrets).require_writable(TENANT)


async def test_the_trial_of_a_store_leaves_nothing_in_it() -> None:
    vault: Vault = {}
    await journal(VaultSecrets(vault)).require_writable(TENANT)
    assert vault == {}
