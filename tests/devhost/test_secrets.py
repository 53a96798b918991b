"""The devhost's secret providers: environment, encrypted files, and a read-only vault."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from devhost.ports.secrets import EnvironmentSecrets, FileSecrets, SecretChain

TENANT = uuid4()
OTHER = uuid4()


class ReadOnlyVault:
    """A vault whose content is managed elsewhere."""

    writable = False

    def get(self, tenant_id: UUID | None, name: str) -> str | None:
        return "from the vault" if name == "vaulted" else None

    def set(self, tenant_id: UUID | None, name: str, value: str) -> None:
        raise PermissionError("read-only")

    def delete(self, tenant_id: UUID | None, name: str) -> None:
        raise PermissionError("read-only")


def test_a_file_is_encrypted_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    FileSecrets(tmp_path / "s").set(TENANT, "token", "canary")
    files = [path for path in (tmp_path / "s").rglob("*") if path.is_file()]
    assert len(files) == 2
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert all(b"canary" not in path.read_bytes() for path in files)
    assert FileSecrets(tmp_path / "s").get(TENANT, "token") == "canary"


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: FileSecrets(tmp_path), range(8)))
    stores[0].set(TENANT, "token", "value")
    assert {store.get(TENANT, "token") for store in stores} == {"value"}


def test_tenants_do_not_share_secrets(tmp_path: Path) -> None:
    store = FileSecrets(tmp_path)
    store.set(TENANT, "token", "ours")
    assert store.get(OTHER, "token") is None
    assert store.get(None, "token") is None


@pytest.mark.parametrize("name", ["../key", "a/b", "", "a b", "x.y"])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        FileSecrets(tmp_path).get(TENANT, name)


async def test_the_environment_comes_before_the_files_and_cannot_be_written(
    tmp_path: Path,
) -> None:
    environment = EnvironmentSecrets({f"PSA_SECRET_{TENANT.hex.upper()}_TOKEN": "from outside"})
    chain = SecretChain([environment, FileSecrets(tmp_path)])
    await chain.set(TENANT, "token", "from a file")
    assert await chain.get(TENANT, "token") == "from outside"
    assert await chain.get(OTHER, "token") is None
    assert await chain.writable(TENANT)


async def test_a_chain_in_which_nothing_can_be_written_says_so() -> None:
    chain = SecretChain([EnvironmentSecrets({}), ReadOnlyVault()])
    assert not await chain.writable(TENANT)
    assert await chain.get(TENANT, "vaulted") == "from the vault"
    with pytest.raises(PermissionError):
        await chain.set(TENANT, "token", "value")
