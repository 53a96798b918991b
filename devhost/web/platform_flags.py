"""The platform feature flag API: definitions, tenant targeting, and the actions of plugins."""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Protocol
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devhost.db.tables import api_keys, tenants
from devhost.db.texts import storable
from devhost.migrate import key_hash
from devhost.ports.flags import FlagRow, FlagTable

PATH = "/api/v1/platform-feature-flags"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_CHANGEABLE = {"title": str, "description": str, "active": bool}
_CREATABLE = {"key": str, "name": str, **_CHANGEABLE}
_ACTION = {"__action": str}
_TARGET = {**_ACTION, "tenantId": str}
_LONGEST_KEY = 200
"""PostgreSQL cannot index texts of any length."""

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
        """With and without a trailing slash; a method that there is not is refused as all else."""
        table: Sequence[tuple[str, Mapping[str, Work]]] = (
            ("", {"GET": self._list, "POST": self._post}),
            ("/{flag_id}", {"GET": self._read, "PATCH": self._change, "DELETE": self._remove}),
            ("/{flag_id}/tenants", {"POST": self._target}),
        )
        return [
            Route(f"{PATH}{suffix}{slash}", partial(self._answer, works), methods=_METHODS)
            for suffix, works in table
            for slash in ("", "/")
        ]

    async def _answer(self, works: Mapping[str, Work], request: Request) -> Response:
        try:
            async with self._engine.begin() as connection:
                await _authorise(connection, request)
                status, data = await _work(works, request)(connection, request)
        except Refusal as refusal:
            document = {"success": False, "error": refusal.error, "code": refusal.code}
            headers = {"allow": ", ".join(works)} if refusal.status == 405 else None
            return JSONResponse(document, refusal.status, headers)
        return JSONResponse({"success": True, "data": data}, status)

    async def _list(self, connection: AsyncConnection, _request: Request) -> Answer:
        return 200, [_document(flag) for flag in await FlagTable(connection).all()]

    async def _post(self, connection: AsyncConnection, request: Request) -> Answer:
        body = await _body(request)
        if "__action" in body:
            return await self._act(connection, str(_checked(body, _ACTION)["__action"]))
        if body.get("key") in (None, ""):
            raise Refusal(400, "missing_field", "The field 'key' is missing.")
        key = str(_checked(body, _CREATABLE)["key"]).strip()
        if not 0 < len(key) <= _LONGEST_KEY:
            raise _unsettable("key")
        table = FlagTable(connection)
        created = await table.create(
            key,
            title=str(body.get("title") or body.get("name") or key),
            description=str(body.get("description", "")),
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

    async def _read(self, connection: AsyncConnection, request: Request) -> Answer:
        return 200, _document(await _flag(FlagTable(connection), _flag_id(request)))

    async def _change(self, connection: AsyncConnection, request: Request) -> Answer:
        table = FlagTable(connection)
        flag = await _flag(table, _flag_id(request))
        await table.change(flag.id, _checked(await _body(request), _CHANGEABLE))
        return 200, _document(await _flag(table, flag.id))

    async def _remove(self, connection: AsyncConnection, request: Request) -> Answer:
        table = FlagTable(connection)
        flag = await _flag(table, _flag_id(request))
        await table.remove(flag.id)
        return 200, {"id": str(flag.id)}

    async def _target(self, connection: AsyncConnection, request: Request) -> Answer:
        table = FlagTable(connection)
        flag = await _flag(table, _flag_id(request))
        body = _checked(await _body(request), _TARGET)
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


def _work(works: Mapping[str, Work], request: Request) -> Work:
    method = "GET" if request.method == "HEAD" else request.method
    if method not in works:
        raise Refusal(405, "method_not_allowed", f"There is no {method} here.")
    return works[method]


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
    except (ValueError, RecursionError):
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


def _checked(body: Mapping[str, object], fields: Mapping[str, type]) -> dict[str, object]:
    """The body, if it has none but these fields, and each is of its type."""
    for name, value in body.items():
        kind = fields.get(name)
        if kind is None or not isinstance(value, kind) or (kind is str and not storable(value)):
            raise _unsettable(name)
    return dict(body)


def _unsettable(name: str) -> Refusal:
    return Refusal(400, "malformed_request", f"The field {name[:100]!a} cannot be set so.")


def _document(flag: FlagRow) -> dict[str, object]:
    return {
        "id": str(flag.id),
        "key": flag.key,
        "title": flag.title,
        "description": flag.description,
        "active": flag.active,
        "tenants": [str(tenant) for tenant in flag.tenants],
    }
