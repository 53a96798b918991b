"""Bring the database up to date: the host's schema, every plugin's schema, the seed, the flags.

Safe to run twice, and by two hosts at once: each environment takes a lock of its own.
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, cast
from uuid import UUID, uuid5

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from devhost import settings as settings_file
from devhost.db.tables import api_keys, clients, contact_phones, contacts, tenants, users
from devhost.plugins.manager import Plugins
from devhost.ports.flags import FlagTable
from devhost.seeds import load_seed
from devhost.seeds.model import Seed, SeedClient, SeedContact
from devhost.settings import Settings

log = logging.getLogger(__name__)

MASTER_TENANT = UUID("00000000-0000-4000-8000-000000000000")
_CHUNK = 2000


class MigrationRecord(Protocol):
    """A plugin's Alembic environment, read by attribute."""

    script_location: str
    version_table: str


class FlagRecord(Protocol):
    """A flag definition, read by attribute."""

    key: str
    title: str
    description: str


class ActionRecord(Protocol):
    """A platform action, read by attribute."""

    name: str
    flags: tuple[FlagRecord, ...]


async def migrate(settings: Settings, plugins: Plugins) -> None:
    """Do all of it, as the owning role."""
    engine = create_async_engine(settings.owner_url, hide_parameters=True)
    try:
        async with engine.begin() as connection:
            host = str(Path(__file__).parent / "db")
            await connection.run_sync(upgrade, host, settings.app_role)
        for record in plugins.records("psa_migrations"):
            location = cast("MigrationRecord", record).script_location
            async with engine.begin() as connection:
                await connection.run_sync(upgrade, location, settings.app_role)
        async with engine.begin() as connection:
            await seed(connection, settings)
            await ensure_flags(connection, plugins)
    finally:
        await engine.dispose()


def upgrade(connection: Connection, script_location: str, app_role: str) -> None:
    """Bring one Alembic environment to its newest revision."""
    config = Config()
    config.set_main_option("script_location", script_location)
    config.attributes["connection"] = connection
    config.attributes["app_role"] = app_role
    command.upgrade(config, "head")


async def seed(connection: AsyncConnection, settings: Settings) -> None:
    """Put the seeded tenants, people, clients and contacts in, once."""
    if await connection.scalar(select(tenants.c.id).limit(1)) is not None:
        return
    data = load_seed(settings.seed)
    await connection.execute(
        insert(tenants),
        [
            {"id": MASTER_TENANT, "name": "Platform", "is_master": True},
            *({"id": m.tenant_id, "name": m.name, "is_master": False} for m in data.msps),
        ],
    )
    await connection.execute(
        insert(users),
        [
            {
                "id": uuid5(msp.tenant_id, user.login),
                "tenant_id": msp.tenant_id,
                "login": user.login,
                "display_name": user.display_name,
                "user_type": user.type,
                "permissions": list(user.permissions),
            }
            for msp in data.msps
            for user in msp.users
        ],
    )
    await connection.execute(
        insert(api_keys).values(
            key_hash=key_hash(settings.master_api_key), tenant_id=MASTER_TENANT, label="master"
        )
    )
    await _seed_clients(connection, data)
    await _seed_contacts(connection, data)


async def _seed_clients(connection: AsyncConnection, data: Seed) -> None:
    rows = [_client(data.msps[client.msp].tenant_id, client) for client in data.clients]
    for chunk in _chunks(rows):
        await connection.execute(insert(clients), chunk)


async def _seed_contacts(connection: AsyncConnection, data: Seed) -> None:
    by_client = {client.client_id: data.msps[client.msp].tenant_id for client in data.clients}
    rows = []
    phones = []
    for number, contact in enumerate(data.contacts):
        tenant_id = (
            by_client[contact.client_id]
            if contact.msp is None
            else data.msps[contact.msp].tenant_id
        )
        contact_id = uuid5(contact.client_id, f"contact {number}")
        rows.append(_contact(tenant_id, contact_id, contact))
        phones += [
            {"tenant_id": tenant_id, "contact_id": contact_id, "type": t, "number": n}
            for t, n in contact.phones
        ]
    for chunk in _chunks(rows):
        await connection.execute(insert(contacts).on_conflict_do_nothing(), chunk)
    if phones:
        await connection.execute(insert(contact_phones), phones)


async def ensure_flags(connection: AsyncConnection, plugins: Plugins) -> None:
    """Make sure of every plugin's flags, and target new ones at every seeded tenant."""
    table = FlagTable(connection)
    tenant_ids = list(await connection.scalars(select(tenants.c.id).where(~tenants.c.is_master)))
    for record in plugins.records("psa_platform_actions"):
        for flag in cast("ActionRecord", record).flags:
            created = await table.create(
                flag.key, title=flag.title, description=flag.description, active=True
            )
            if created is not None:
                for tenant_id in tenant_ids:
                    await table.target(created, tenant_id)


def key_hash(key: str) -> str:
    """The form in which an API key is stored."""
    return hashlib.sha256(key.encode()).hexdigest()


def _client(tenant_id: UUID, client: SeedClient) -> dict[str, object]:
    return {
        "tenant_id": tenant_id,
        "id": client.client_id,
        "name": client.name,
        "website": client.website,
        "domain": client.domain,
        "billing_email": client.billing_email,
        "inbound_domains": list(client.inbound_email_domains),
        "directory_tenant_id": client.directory_tenant_id,
        "active": client.is_active,
    }


def _contact(tenant_id: UUID, contact_id: UUID, contact: SeedContact) -> dict[str, object]:
    key = contact.email.strip().lower() if contact.email else None
    return {
        "tenant_id": tenant_id,
        "id": contact_id,
        "client_id": contact.client_id,
        "full_name": contact.full_name,
        "name_key": contact.full_name.strip().lower(),
        "email": contact.email,
        "email_key": key,
        "email_domain": key.rpartition("@")[2] if key else None,
        "role": contact.role,
        "active": contact.is_active,
    }


def _chunks(rows: list[dict[str, object]]) -> Iterable[list[dict[str, object]]]:
    return (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))


def main() -> None:
    """Run from the command line."""
    logging.basicConfig(level=logging.WARNING)
    plugins = Plugins()
    plugins.load()
    asyncio.run(migrate(settings_file.load(), plugins))


if __name__ == "__main__":
    main()
