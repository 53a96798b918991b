"""Feature flags: a provider that asks the database each time, and the platform's edits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID, uuid4

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError, TypeMismatchError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
from openfeature.provider import AbstractProvider, Metadata
from sqlalchemy import Row, Select, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from devhost.db.tables import feature_flags, flag_targets

_EVALUATE = text("""
    SELECT f.active AND EXISTS (
        SELECT FROM psa_flag_targets t WHERE t.flag_id = f.id AND t.tenant_id = :tenant_id)
    FROM psa_feature_flags f WHERE f.key = :key
""")


class DatabaseFlags(AbstractProvider):
    """A flag is on for a tenant when it is active and targets the tenant. Nothing is cached."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__()
        self._engine = engine

    def get_metadata(self) -> Metadata:
        """Name the provider."""
        return Metadata(name="psa-database")

    async def resolve_boolean_details_async(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - OpenFeature's signature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Evaluate by one indexed query."""
        tenant = evaluation_context.targeting_key if evaluation_context else None
        if tenant is None:
            return FlagResolutionDetails(value=default_value)
        async with self._engine.connect() as connection:
            found = (
                await connection.execute(_EVALUATE, {"key": flag_key, "tenant_id": UUID(tenant)})
            ).first()
        if found is None:
            raise FlagNotFoundError(flag_key)
        return FlagResolutionDetails(value=bool(found[0]))

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Refuse: the answer lies in the database, and waiting for it would block the loop."""
        _only_async(flag_key)

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        """Refuse: flags are on or off."""
        raise TypeMismatchError(flag_key)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        """Refuse: flags are on or off."""
        raise TypeMismatchError(flag_key)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        """Refuse: flags are on or off."""
        raise TypeMismatchError(flag_key)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """Refuse: flags are on or off."""
        raise TypeMismatchError(flag_key)


def _only_async(flag_key: str) -> NoReturn:
    raise TypeMismatchError(f"{flag_key}: evaluate with the asynchronous client")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRow:
    """A flag as the platform API shows it."""

    id: UUID
    key: str
    title: str
    description: str
    active: bool
    tenants: tuple[UUID, ...]


class FlagTable:
    """The platform's view of the flags."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> list[FlagRow]:
        """Every flag, by key."""
        rows = await self._connection.execute(_flags().order_by(feature_flags.c.key))
        return [_flag(row) for row in rows]

    async def get(self, flag_id: UUID) -> FlagRow | None:
        """One flag."""
        rows = await self._connection.execute(_flags().where(feature_flags.c.id == flag_id))
        return next((_flag(row) for row in rows), None)

    async def create(self, key: str, *, title: str, description: str, active: bool) -> UUID | None:
        """Create a flag that targets nobody; None if the key is taken."""
        statement = (
            insert(feature_flags)
            .values(id=uuid4(), key=key, title=title, description=description, active=active)
            .on_conflict_do_nothing(index_elements=["key"])
            .returning(feature_flags.c.id)
        )
        created: UUID | None = (await self._connection.execute(statement)).scalar_one_or_none()
        return created

    async def change(self, flag_id: UUID, values: Mapping[str, object]) -> None:
        """Set title, description or active."""
        if values:
            await self._connection.execute(
                update(feature_flags).where(feature_flags.c.id == flag_id).values(**values)
            )

    async def remove(self, flag_id: UUID) -> None:
        """Delete a flag and its targets."""
        await self._connection.execute(delete(feature_flags).where(feature_flags.c.id == flag_id))

    async def target(self, flag_id: UUID, tenant_id: UUID) -> None:
        """Switch a flag on for a tenant; again is harmless."""
        await self._connection.execute(
            insert(flag_targets)
            .values(flag_id=flag_id, tenant_id=tenant_id)
            .on_conflict_do_nothing()
        )

    async def untarget(self, flag_id: UUID, tenant_id: UUID) -> None:
        """Switch a flag off for a tenant; again is harmless."""
        await self._connection.execute(
            delete(flag_targets).where(
                flag_targets.c.flag_id == flag_id, flag_targets.c.tenant_id == tenant_id
            )
        )


def _flags() -> Select[*tuple[object, ...]]:
    targets = (
        select(func.array_agg(flag_targets.c.tenant_id))
        .where(flag_targets.c.flag_id == feature_flags.c.id)
        .scalar_subquery()
    )
    return select(feature_flags, targets.label("tenants"))


def _flag(row: Row[*tuple[object, ...]]) -> FlagRow:
    return FlagRow(
        id=row.id,
        key=row.key,
        title=row.title,
        description=row.description,
        active=row.active,
        tenants=tuple(sorted(row.tenants or ())),
    )
