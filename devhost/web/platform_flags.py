"""The platform feature flag API: definitions, tenant targeting, and the actions of plugins."""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devhost.db.tables import api_keys, tenants
from devhost.migrate import key_hash
from devhost.ports.flags import FlagRow, FlagTable

PATH = "/api/v1/platform-feature-flags"
_CHANGEABLE = {"title": str, "description": str, "active": bool}


Answer = tuple[int, object]
"""Status and data."""

Work = Callable[[AsyncConnection, Request], Awaitable[Answer]]


class FlagDefinition(Protocol):
    """A definition by a plugin, read by attribute."""

    key: str
    title: str
    description: str


class PlatformAction(Protocol):
    """An action by a plugin, read by attribute."""

    name: str
    flags: Sequence[FlagDefinition]


class Refusal(Exception):
    """An answer other than success."""

    def __init__(self, status: int, code: str, error: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.error = error


class PlatformFlags:
    """The endpoints."""

    def __init__(self, engine: AsyncEngine, actions: Sequence[PlatformAction]) -> None:
        self._engine = engine
        self._actions = {action.name: action for action in actions}

    def routes(self) -> list[Route]:
        """With and without a trailing slash."""
        table = (
            ("", ["GET", "POST"], self._collection),
            ("/{flag_id}", ["GET", "PATCH", "DELETE"], self._item),
            ("/{flag_id}/tenants", ["POST"], self._tenants),
        )
        return [
            Route(f"{PATH}{suffix}{slash}", endpoint, methods=methods)
            for suffix, methods, endpoint in table
            for slash in ("", "/")
        ]

    async def _collection(self, request: Request) -> Response:
        return await self._answer(request, self._list if request.method == "GET" else self._post)

    async def _item(self, request: Request) -> Response:
        return await self._answer(request, self._one)

    async def _tenants(self, request: Request) -> Response:
        return await self._answer(request, self._target)

    async def _answer(self, request: Request, work: Work) -> Response:
        try:
            async with self._engine.begin() as connection:
                await _authorise(connection, request)
                status, data = await work(connection, request)
        except Refusal as refusal:
            return JSONResponse(
                {"success": False, "error": refusal.error, "code": refusal.code}, refusal.status
            )
        return JSONResponse({"success": True, "data": data}, status)

    async def _list(self, connection: AsyncConnection, _request: Request) -> Answer:
        return 200, [_document(flag) for flag in await FlagTable(connection).all()]

    async def _post(self, connection: AsyncConnection, request: Request) -> Answer:
        body = await _body(request)
        if "__action" in body:
            return await self._act(connection, str(body["__action"]))
        key = body.get("key")
        if not isinstance(key, str) or not key.strip():
            raise Refusal(400, "missing_field", "The field 'key' is missing.")
        table = FlagTable(connection)
        created = await table.create(
            key.strip(),
            title=str(body.get("title") or body.get("name") or key),
            description=str(body.get("description") or ""),
            active=bool(body.get("active", True)),
        )
        if created is None:
            raise Refusal(409, "flag_exists", f"A flag with the key '{key}' exists.")
        return 201, _document(await _flag(table, created))

    async def _act(self, connection: AsyncConnection, name: str) -> Answer:
        """Make sure of a plugin's definitions; two at once make no duplicate."""
        action = self._actions.get(name)
        if action is None:
            raise Refusal(400, "unknown_action", f"There is no action '{name}'.")
        table = FlagTable(connection)
        created: list[str] = []
        existing: list[str] = []
        for flag in action.flags:
            made = await table.create(
                flag.key, title=flag.title, description=flag.description, active=True
            )
            (existing if made is None else created).append(flag.key)
        return 200, {"createdKeys": created, "existingKeys": existing}

    async def _one(self, connection: AsyncConnection, request: Request) -> Answer:
        table = FlagTable(connection)
        flag = await _flag(table, _flag_id(request))
        if request.method == "DELETE":
            await table.remove(flag.id)
            return 200, {"id": str(flag.id)}
        if request.method == "PATCH":
            await table.change(flag.id, _changes(await _body(request)))
            flag = await _flag(table, flag.id)
        return 200, _document(flag)

    async def _target(self, connection: AsyncConnection, request: Request) -> Answer:
        table = FlagTable(connection)
        flag = await _flag(table, _flag_id(request))
        body = await _body(request)
        try:
            tenant_id = UUID(str(body.get("tenantId")))
        except ValueError:
            raise Refusal(400, "invalid_tenant_id", "tenantId is not a UUID.") from None
        match body.get("__action"):
            case "add":
                known = select(tenants.c.id).where(tenants.c.id == tenant_id)
                if await connection.scalar(known) is None:
                    raise Refusal(400, "unknown_tenant", "There is no tenant with this id.")
                await table.target(flag.id, tenant_id)
            case "remove":
                await table.untarget(flag.id, tenant_id)
            case _:
                raise Refusal(400, "unknown_action", "__action must be 'add' or 'remove'.")
        return 200, _document(await _flag(table, flag.id))


async def _authorise(connection: AsyncConnection, request: Request) -> None:
    """The key of the master tenant, compared by its hash in constant time."""
    given = key_hash(request.headers.get("x-api-key", ""))
    statement = select(api_keys.c.key_hash, tenants.c.is_master).join(
        tenants, tenants.c.id == api_keys.c.tenant_id
    )
    matches = [
        is_master
        for held, is_master in await connection.execute(statement)
        if hmac.compare_digest(held, given)
    ]
    if not matches:
        raise Refusal(401, "invalid_api_key", "A valid x-api-key is required.")
    if not matches[0]:
        raise Refusal(403, "not_master_tenant", "This key is not the master tenant's.")


async def _body(request: Request) -> Mapping[str, object]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        raise Refusal(400, "malformed_request", "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Refusal(400, "malformed_request", "The body is not a JSON object.")
    return body


def _flag_id(request: Request) -> UUID:
    try:
        return UUID(request.path_params["flag_id"])
    except ValueError:
        raise Refusal(404, "not_found", "There is no flag with this id.") from None


async def _flag(table: FlagTable, flag_id: UUID) -> FlagRow:
    flag = await table.get(flag_id)
    if flag is None:
        raise Refusal(404, "not_found", "There is no flag with this id.")
    return flag


def _changes(body: Mapping[str, object]) -> dict[str, object]:
    for name, value in body.items():
        if name not in _CHANGEABLE or not isinstance(value, _CHANGEABLE[name]):
            raise Refusal(400, "malformed_request", f"The field '{name}' cannot be set so.")
    return dict(body)


def _document(flag: FlagRow) -> dict[str, object]:
    return {
        "id": str(flag.id),
        "key": flag.key,
        "title": flag.title,
        "description": flag.description,
        "active": flag.active,
        "tenants": [str(tenant) for tenant in flag.tenants],
    }
