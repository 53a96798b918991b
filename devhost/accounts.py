"""People and their sessions: a random cookie, of which the database knows the hash only."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import cast
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from devhost.db.tables import sessions, tenants, users

COOKIE = "psa_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A signed-in person."""

    user_id: UUID
    tenant_id: UUID
    tenant_name: str
    login: str
    display_name: str
    user_type: str
    permissions: frozenset[str]
    locale: str
    time_zone: str
    csrf_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeededLogin:
    """An account to choose on the sign-in page."""

    login: str
    display_name: str
    user_type: str
    tenant_name: str
    can_change: bool


class Accounts:
    """Sign-in, sign-out, and who a request is from."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def sign_in(self, login: str) -> str | None:
        """Start a session; answers the cookie, or None for an unknown login."""
        token = secrets.token_urlsafe(32)
        async with self._engine.begin() as connection:
            user_id = await connection.scalar(select(users.c.id).where(users.c.login == login))
            if user_id is None:
                return None
            await connection.execute(
                insert(sessions).values(
                    token_hash=_hash(token), user_id=user_id, csrf_token=secrets.token_urlsafe(32)
                )
            )
        return token

    async def sign_out(self, scope: Mapping[str, object]) -> None:
        """End the session of a request."""
        token = _cookie(scope)
        if token is not None:
            async with self._engine.begin() as connection:
                await connection.execute(
                    delete(sessions).where(sessions.c.token_hash == _hash(token))
                )

    async def of_request(self, scope: Mapping[str, object]) -> Account | None:
        """The person behind a request; one query."""
        token = _cookie(scope)
        if token is None:
            return None
        async with self._engine.connect() as connection:
            return await _account(connection, token)

    async def seeded(self) -> list[SeededLogin]:
        """The accounts of the sign-in page."""
        statement = (
            select(users, tenants.c.name.label("tenant_name"))
            .join(tenants, tenants.c.id == users.c.tenant_id)
            .order_by(tenants.c.name, users.c.user_type.desc(), users.c.display_name)
        )
        async with self._engine.connect() as connection:
            rows = await connection.execute(statement)
        return [
            SeededLogin(
                login=row.login,
                display_name=row.display_name,
                user_type=row.user_type,
                tenant_name=row.tenant_name,
                can_change="system_settings.update" in row.permissions,
            )
            for row in rows
        ]


async def _account(connection: AsyncConnection, token: str) -> Account | None:
    statement = (
        select(users, sessions.c.csrf_token, tenants.c.name.label("tenant_name"))
        .join(sessions, sessions.c.user_id == users.c.id)
        .join(tenants, tenants.c.id == users.c.tenant_id)
        .where(sessions.c.token_hash == _hash(token))
    )
    row = (await connection.execute(statement)).first()
    if row is None:
        return None
    return Account(
        user_id=row.id,
        tenant_id=row.tenant_id,
        tenant_name=row.tenant_name,
        login=row.login,
        display_name=row.display_name,
        user_type=row.user_type,
        permissions=frozenset(row.permissions),
        locale=row.locale,
        time_zone=row.time_zone,
        csrf_token=row.csrf_token,
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _cookie(scope: Mapping[str, object]) -> str | None:
    headers = cast("list[tuple[bytes, bytes]]", scope.get("headers", []))
    for name, value in headers:
        if name == b"cookie":
            try:
                morsel = SimpleCookie(value.decode("latin-1")).get(COOKIE)
            except CookieError:
                return None
            return morsel.value if morsel else None
    return None
