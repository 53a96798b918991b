"""The encrypted secrets in the data folder of a running devhost."""

from pathlib import Path
from uuid import UUID

from devhost.ports.secrets import FileSecrets


class SecretFolder:
    """The secrets of one MSP, as the operator of the host can see and set them."""

    def __init__(self, data_folder: Path, tenant_id: str) -> None:
        self._files = FileSecrets(data_folder / "secrets")
        self._folder = data_folder / "secrets" / tenant_id
        self._tenant_id = UUID(tenant_id)

    def names(self) -> set[str]:
        """The names of all."""
        return {file.stem for file in self._folder.glob("*.secret")}

    def get(self, name: str) -> str | None:
        """One in the clear."""
        return self._files.get(self._tenant_id, name)

    def put(self, **values: str) -> None:
        """Store some."""
        for name, value in values.items():
            self._files.set(self._tenant_id, name, value)

    def damage(self, name: str) -> None:
        """Leave something in place of one that cannot be read."""
        (self._folder / f"{name}.secret").write_text("damaged")

    def clear(self) -> None:
        """Forget all."""
        for name in self.names():
            self._files.delete(self._tenant_id, name)
