"""Queries on sign-in attempts: bound to tenant, user and purpose, and used once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.domain.ids import TenantId, UserId
from entra_plugin.domain.states import CredentialSource
from entra_plugin.store.connection_tables import oauth_attempts as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A started sign-in; ``flow`` is MSAL's, with the PKCE verifier."""

    state: str
    user_id: UserId
    purpose: str
    credential_source: CredentialSource
    flow: Mapping[str, object]


class OauthAttempts:
    """The sign-in attempts of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant_id: TenantId) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, attempt: Attempt, *, now: datetime, expires_at: datetime) -> None:
        """Keep a new attempt, and drop those that ran out before."""
        await self._connection.execute(
            delete(table).where(table.c.tenant_id == self._tenant_id, table.c.expires_at < now)
        )
        await self._connection.execute(
            insert(table).values(
                tenant_id=self._tenant_id,
                state=attempt.state,
                user_id=attempt.user_id,
                purpose=attempt.purpose,
                credential_source=attempt.credential_source.value,
                flow=dict(attempt.flow),
                created_at=now,
                expires_at=expires_at,
            )
        )

    async def take(self, state: str, user_id: UserId, now: datetime) -> Attempt | None:
        """Use an attempt up; None if it is unknown, another person's, too old or used before."""
        statement = (
            select(table)
            .where(
                table.c.tenant_id == self._tenant_id,
                table.c.state == state,
                table.c.user_id == user_id,
                table.c.used_at.is_(None),
                table.c.expires_at > now,
            )
            .with_for_update()
        )
        row = (await self._connection.execute(statement)).first()
        if row is None:
            return None
        await self._connection.execute(
            update(table)
            .where(table.c.tenant_id == self._tenant_id, table.c.state == state)
            .values(used_at=now, flow=None)
        )
        return Attempt(
            state=row.state,
            user_id=row.user_id,
            purpose=row.purpose,
            credential_source=CredentialSource(row.credential_source),
            flow=row.flow,
        )
