"""The host as plugins see it: one object per process, handed to ``psa_startup``."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from openfeature import api
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from temporalio.client import Client

from devhost.accounts import Account, Accounts
from devhost.db.tables import notices, tenants
from devhost.plugins.specs import CONTRACT_VERSION
from devhost.ports.clients import ClientPort
from devhost.ports.contacts import ContactPort
from devhost.ports.flags import DatabaseFlags
from devhost.ports.secrets import EnvironmentSecrets, FileSecrets, SecretChain, SecretProvider
from devhost.settings import Settings
from devhost.web.pages import Pages


class Notice(Protocol):
    """Something for a tenant's people, read by attribute."""

    key: str
    level: str
    params: Mapping[str, object]
    link: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDatabase:
    """The engine of the application role."""

    engine: AsyncEngine
    app_role: str


class DevHost:
    """A small PSA platform."""

    contract_version = CONTRACT_VERSION

    def __init__(self, settings: Settings, *, vault: SecretProvider | None = None) -> None:
        self.settings = settings
        engine = create_async_engine(
            settings.app_url,
            pool_size=20,
            max_overflow=20,
            hide_parameters=True,
            # A statement prepared while a table was small keeps its plan when the table is large.
            connect_args={"prepare_threshold": None},
        )
        self.database = HostDatabase(engine=engine, app_role=settings.app_role)
        providers: list[SecretProvider] = [
            EnvironmentSecrets(os.environ),
            FileSecrets(Path(settings.data_dir) / "secrets"),
        ]
        self.secrets = SecretChain([*providers, vault] if vault else providers)
        self.clients = ClientPort()
        self.contacts = ContactPort()
        self.accounts = Accounts(engine)
        self.pages = Pages()
        self.task_queue = settings.task_queue
        self.public_base_url = settings.base_url
        self.edition = settings.edition
        self._temporal: Client | None = None

    def open(self) -> None:
        """Bind the flag provider for this process."""
        api.set_provider_and_wait(DatabaseFlags(self.database.engine), domain="psa")

    async def close(self) -> None:
        """Give the pooled connections back."""
        await self.database.engine.dispose()

    async def temporal(self) -> Client:
        """The Temporal client, made on first use; it connects, and reconnects, by itself."""
        if self._temporal is None:
            self._temporal = await Client.connect(self.settings.temporal_address, lazy=True)
        return self._temporal

    async def tenants(self) -> Sequence[UUID]:
        """Every MSP; the platform's own tenant is none."""
        async with self.database.engine.connect() as connection:
            found = await connection.scalars(
                select(tenants.c.id).where(~tenants.c.is_master).order_by(tenants.c.id)
            )
            return list(found)

    async def principal(self, scope: Mapping[str, object]) -> Account | None:
        """The person behind a request."""
        return await self.accounts.of_request(scope)

    async def authorize(self, principal: Account, permission: str) -> bool:
        """True when the person has the permission."""
        return permission in principal.permissions

    async def notify(self, tenant_id: UUID, notice: Notice) -> None:
        """Put a notice on the tenant's list."""
        async with self.database.engine.begin() as connection:
            await connection.execute(
                insert(notices).values(
                    tenant_id=tenant_id,
                    key=notice.key,
                    level=notice.level,
                    params=dict(notice.params),
                    link=notice.link,
                )
            )

    async def layout(
        self,
        scope: Mapping[str, object],
        *,
        title: str,
        body: str,
        styles: Sequence[str],
        scripts: Sequence[str],
    ) -> str:
        """A whole page of the platform around a plugin's ``body``."""
        account = await self.accounts.of_request(scope)
        return self.pages.layout(
            account,
            title=title,
            body=body,
            styles=styles,
            scripts=scripts,
            path=str(scope.get("path", "")),
        )

    def contact_url(self, contact_id: UUID) -> str:
        """The page of a contact."""
        return f"/contacts/{contact_id}"

    def client_url(self, client_id: UUID) -> str:
        """The page of a client."""
        return f"/clients/{client_id}"
