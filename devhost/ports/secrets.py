"""The secret provider chain: environment, then encrypted files, then a vault if there is one.

Reading takes the first provider that has the name; writing goes to the first that can write.
"""

import asyncio
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from uuid import UUID

from cryptography.fernet import Fernet


class SecretProvider(Protocol):
    """One place for secrets; ``tenant_id`` is None for those of the whole installation."""

    @property
    def writable(self) -> bool:
        """True when ``set`` and ``delete`` work."""
        ...

    def get(self, tenant_id: UUID | None, name: str) -> str | None:
        """The value, or None."""
        ...

    def set(self, tenant_id: UUID | None, name: str, value: str) -> None:
        """Store a value."""
        ...

    def delete(self, tenant_id: UUID | None, name: str) -> None:
        """Forget a value; one that is not there is no error."""
        ...


class EnvironmentSecrets:
    """``PSA_SECRET_<NAME>``, and ``PSA_SECRET_<TENANT, no dashes>_<NAME>`` for one tenant."""

    writable = False

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def get(self, tenant_id: UUID | None, name: str) -> str | None:
        """Look into the environment."""
        scope = f"{tenant_id.hex.upper()}_" if tenant_id else ""
        return self._environment.get(f"PSA_SECRET_{scope}{name.upper()}")

    def set(self, tenant_id: UUID | None, name: str, value: str) -> None:
        """Refuse: a process does not change its environment for others."""
        raise PermissionError("the environment cannot be written")

    def delete(self, tenant_id: UUID | None, name: str) -> None:
        """Nothing to do: what the operator set stays."""


class FileSecrets:
    """One encrypted file per secret below a folder; the key lies beside them, mode 600."""

    writable = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._cipher = Fernet(_key(folder / "key"))

    def get(self, tenant_id: UUID | None, name: str) -> str | None:
        """Decrypt the file, if it is there."""
        try:
            token = self._path(tenant_id, name).read_bytes()
        except FileNotFoundError:
            return None
        return self._cipher.decrypt(token).decode()

    def set(self, tenant_id: UUID | None, name: str, value: str) -> None:
        """Encrypt into a new file and put it in place in one step."""
        path = self._path(tenant_id, name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _written(path.parent, self._cipher.encrypt(value.encode())).replace(path)

    def delete(self, tenant_id: UUID | None, name: str) -> None:
        """Remove the file."""
        self._path(tenant_id, name).unlink(missing_ok=True)

    def _path(self, tenant_id: UUID | None, name: str) -> Path:
        if not name.replace("_", "").isalnum():
            raise ValueError("a secret's name is letters, digits and underscores")
        return self._folder / (str(tenant_id) if tenant_id else "app") / f"{name}.secret"


def _key(path: Path) -> bytes:
    """The key, made whole by whichever process comes first."""
    if not path.exists():
        made = _written(path.parent, Fernet.generate_key())
        with suppress(FileExistsError):
            os.link(made, path)
        made.unlink()
    return path.read_bytes()


def _written(folder: Path, content: bytes) -> Path:
    """A new file of mode 600, safe on the disk, to be put in place in one step."""
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".partial", delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(file.name)


class SecretChain:
    """What plugins are given: the providers in their order."""

    def __init__(self, providers: Sequence[SecretProvider]) -> None:
        self._providers = tuple(providers)

    async def get(self, tenant_id: UUID, name: str) -> str | None:
        """The tenant's secret from the first provider that has it."""
        return await asyncio.to_thread(self._first, tenant_id, name)

    async def get_app(self, name: str) -> str | None:
        """A secret of the whole installation."""
        return await asyncio.to_thread(self._first, None, name)

    async def set(self, tenant_id: UUID, name: str, value: str) -> None:
        """Store with the first provider that can write.

        Raises:
            PermissionError: None can.
        """
        provider = self._writer()
        if provider is None:
            raise PermissionError("no secret provider can be written")
        await asyncio.to_thread(provider.set, tenant_id, name, value)

    async def delete(self, tenant_id: UUID, name: str) -> None:
        """Forget the tenant's secret everywhere it can be forgotten."""
        for provider in self._providers:
            if provider.writable:
                await asyncio.to_thread(provider.delete, tenant_id, name)

    async def writable(self, tenant_id: UUID) -> bool:
        """True when a secret of this tenant can be stored."""
        return self._writer() is not None

    def _first(self, tenant_id: UUID | None, name: str) -> str | None:
        for provider in self._providers:
            value = provider.get(tenant_id, name)
            if value is not None:
                return value
        return None

    def _writer(self) -> SecretProvider | None:
        return next((provider for provider in self._providers if provider.writable), None)
