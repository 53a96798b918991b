"""A secret store that fails in a way of its own is told in ours, without a word of it."""

import traceback
from uuid import uuid4

import pytest

from entra_plugin.application.connect.readable_secrets import ReadableSecrets
from entra_plugin.domain.errors import TransientFailure
from entra_plugin.domain.ids import TenantId
from support.crashes import VaultSecrets

TENANT = TenantId(uuid4())


class Sealed(VaultSecrets):
    """A vault that answers nobody."""

    async def get(self, tenant_id: object, name: str) -> str | None:
        """Fail as only this vault does."""
        raise LookupError("hvs.a-token-of-the-vault")

    async def get_app(self, name: str) -> str | None:
        """Fail as only this vault does."""
        raise TimeoutError


async def test_a_store_that_can_be_read_is_as_it_is() -> None:
    secrets = ReadableSecrets(VaultSecrets({}))
    await secrets.set(TENANT, "a_name", "a value")
    assert await secrets.get(TENANT, "a_name") == "a value"
    await secrets.delete(TENANT, "a_name")
    assert await secrets.get(TENANT, "a_name") is None
    assert await secrets.writable(TENANT)


async def test_a_store_that_cannot_be_read_is_unavailable() -> None:
    secrets = ReadableSecrets(Sealed({}))
    for reading in (secrets.get(TENANT, "a_name"), secrets.get_app("A_NAME")):
        with pytest.raises(TransientFailure, match="secret_store_unavailable") as caught:
            await reading
        assert caught.value.__cause__ is None
        assert "hvs" not in "".join(traceback.format_exception(caught.value))
