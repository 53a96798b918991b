"""Microsoft Graph v1.0, as much as a partner needs to read its customers; the rest is refused."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from devhost.simulator.answers import (
    collection,
    cost,
    entity,
    ids,
    not_found,
    pack,
    refusal,
    sequence,
    unpack,
)
from devhost.simulator.odata import GraphError, Query, parse
from devhost.simulator.tokens import Claims, Mint
from devhost.simulator.world import Directory, Partner, User, World

_DEFAULT_USER = [
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
]
_NOT_IN_LISTS = frozenset({"aboutMe", "birthday", "hireDate", "interests", "mailboxSettings",
                           "mySite", "pastProjects", "preferredName", "responsibilities",
                           "schools", "skills"})  # fmt: skip
_EXTRA_PERMISSION = {
    "mailboxSettings": "MailboxSettings.Read",
    "signInActivity": "AuditLog.Read.All",
}
_CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
)
_LIST = frozenset({"$select", "$top", "$filter", "$count", "$skiptoken"})
_PAGE = 100
_ROLE_DIRECTORY_READER = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"


@dataclass(slots=True, kw_only=True)
class Caller:
    """Whose token it is, and which directory answers."""

    claims: Claims
    tenant: str
    partner: Partner | None
    directory: Directory | None

    def require(self, *any_of: str) -> None:
        """Refuse unless one of these permissions was granted."""
        granted = {*str(self.claims.get("scp", "")).split(), *_roles(self.claims)}
        if granted.isdisjoint(any_of):
            raise GraphError(
                403,
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.",
            )


@dataclass(slots=True, kw_only=True)
class GraphService:
    """The state behind the endpoints. ``links`` and ``deltas`` before their epoch have expired."""

    world: World
    mint: Mint
    base: str = ""
    link_epoch: int = 0
    delta_epoch: int = 0
    encoded: dict[tuple[object, ...], list[bytes]] = field(default_factory=dict)

    def answer(self, request: Request) -> Response:
        """Answer one request, errors included."""
        try:
            body = self._route(request)
        except GraphError as error:
            return refusal(request, error)
        headers = {"x-ms-resource-unit": str(cost(request)), **ids(request)}
        if isinstance(body, int):
            return Response(str(body), 200, headers, "text/plain")
        kind = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8"
        return Response(body, 200, {**headers, "odata-version": "4.0"}, kind)

    def _route(self, request: Request) -> bytes | int:
        path = str(request.scope["path"])  # decoded, unlike that of the URL
        version, _, rest = path.strip("/").partition("/")
        if version != "v1.0":
            raise GraphError(400, "BadRequest", f"Invalid version: {version}")
        caller = self._caller(request)
        if request.method != "GET":
            raise GraphError(
                405,
                "Request_BadRequest",
                "Specified HTTP method is not allowed for the request target.",
            )
        parts = tuple(rest.split("/"))
        handler = _ROUTES.get(parts)
        if handler is not None:
            return handler(self, caller, request)
        if len(parts) == 2 and parts[0] == "users":
            return self._one_user(caller, request, parts[1])
        unknown = self.world.metadata.first_unknown(parts)
        if unknown is not None:
            raise GraphError(400, "BadRequest", f"Resource not found for the segment '{unknown}'.")
        raise GraphError(501, "NotImplemented", "This operation target is not yet supported.")

    def _caller(self, request: Request) -> Caller:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        claims = self.mint.read_access(token) if kind.lower() == "bearer" else None
        if claims is None or claims.get("aud") != "https://graph.microsoft.com":
            says = "has expired or is not yet valid" if token else "is empty"
            raise GraphError(
                401,
                "InvalidAuthenticationToken",
                f"Access token {says}.",
                {"www-authenticate": _CHALLENGE},
            )
        tenant = str(claims["tid"])
        directory = self.world.directories.get(tenant)
        home = self.world.partners.get(str(claims.get("home")))
        if directory is not None and home is not None and home.position not in directory.partners:
            raise GraphError(
                403,
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.",
            )
        return Caller(
            claims=claims,
            tenant=tenant,
            partner=self.world.partners.get(tenant),
            directory=directory,
        )

    # The partner's own directory

    def me(self, caller: Caller, request: Request) -> bytes:
        """The signed-in account."""
        if "scp" not in caller.claims:
            raise GraphError(
                400,
                "BadRequest",
                "/me request is only valid with delegated authentication flow.",
            )
        caller.require("User.Read")
        query = self._query(request, "user", frozenset({"$select"}))
        if caller.partner is None:
            raise not_found(str(caller.claims["oid"]))
        account: User = {
            "id": caller.partner.account_id,
            "userPrincipalName": caller.partner.account,
            "displayName": f"{caller.partner.name} administrator",
            "accountEnabled": True,
            "userType": "Member",
        }
        return entity(_project(self, account, query.select or _DEFAULT_USER))

    def customers(self, caller: Caller, request: Request) -> bytes:
        """The customers of the partner: those with an active relationship."""
        rows = [
            {"id": d.tenant_id, "tenantId": d.tenant_id, "displayName": d.display_name}
            for d in self.world.customers_of(_partner(caller))
        ]
        query = self._query(request, "delegatedAdminCustomer", _LIST, max_top=300)
        return self._list(caller, request, query, rows)

    def relationships(self, caller: Caller, request: Request) -> bytes:
        """The GDAP relationships of the partner."""
        rows = [_relationship(d) for d in self.world.customers_of(_partner(caller))]
        query = self._query(request, "delegatedAdminRelationship", _LIST, max_top=300)
        return self._list(caller, request, query, rows)

    def contracts(self, caller: Caller, request: Request) -> bytes:
        """Copies of customer names and domains, as they were when the contract was made."""
        caller.require("Directory.Read.All")
        partner = _partner(caller, "Directory.Read.All")
        rows = [
            {
                "id": d.tenant_id,
                "customerId": d.tenant_id,
                "defaultDomainName": d.default_domain,
                "displayName": d.display_name,
                "contractType": "SyndicationPartner",
            }
            for d in self.world.customers_of(partner)
        ]
        return self._list(caller, request, self._query(request, "contract", _LIST), rows)

    # A customer's directory

    def organization(self, caller: Caller, request: Request) -> bytes:
        """The directory's own record."""
        caller.require("User.Read", "Directory.Read.All")
        query = self._query(request, "organization", frozenset({"$select"}))
        directory = caller.directory
        row: User = {
            "id": caller.tenant,
            "displayName": directory.display_name if directory else _name(caller),
            "verifiedDomains": [
                {
                    "name": d,
                    "isDefault": directory is not None and d == directory.default_domain,
                    "isInitial": d.endswith(".onmicrosoft.com"),
                    "type": "Managed",
                    "capabilities": "Email, OfficeCommunicationsOnline",
                }
                for d in (directory.domains if directory else ())
            ],
        }
        return self._list(caller, request, query, [row])

    def domains(self, caller: Caller, request: Request) -> bytes:
        """The directory's domains."""
        caller.require("Directory.Read.All", "Domain.Read.All")
        directory = _customer(caller)
        rows = [
            {
                "id": d,
                "isDefault": d == directory.default_domain,
                "isInitial": d.endswith(".onmicrosoft.com"),
                "isVerified": True,
                "isRoot": True,
                "authenticationType": "Managed",
                "supportedServices": ["Email"],
            }
            for d in directory.domains
        ]
        return self._list(caller, request, self._query(request, "domain", _LIST), rows)

    def users(self, caller: Caller, request: Request) -> bytes:
        """The users, page by page."""
        directory = self._user_reader(caller)
        query = self._query(request, "user", _LIST)
        if query.count and request.headers.get("consistencylevel", "").lower() != "eventual":
            raise GraphError(
                400,
                "Request_UnsupportedQuery",
                "$count needs the header ConsistencyLevel: eventual.",
            )
        _require_listable(caller, query.select)
        if query.filter is not None:
            return self._list_users(caller, request, query, directory.users.values())
        if query.skip_token is not None:
            return self._page(request, directory, self._resume(caller, query.skip_token, "users"))
        state = {
            "t": caller.tenant,
            "k": "users",
            "o": 0,
            "n": query.top or _PAGE,
            "s": list(query.select or _DEFAULT_USER),
            "e": self.link_epoch,
        }
        total = len(directory.users) if query.count else None
        return self._page(request, directory, state, total)

    def _list_users(
        self,
        caller: Caller,
        request: Request,
        query: Query,
        users: Iterable[User],
        properties: Sequence[str] = _DEFAULT_USER,
    ) -> bytes:
        """Users that a filter finds, or few: without the store of encoded ones."""
        rows = [
            _project(self, user, query.select or properties)
            for user in users
            if query.filter is None or query.filter(_with_lists(self, user))
        ]
        return self._list(caller, request, replace(query, select=None, filter=None), rows)

    def _page(
        self,
        request: Request,
        directory: Directory,
        state: Mapping[str, object],
        count: int | None = None,
    ) -> bytes:
        select = tuple(str(name) for name in sequence(state["s"]))
        start, size = int(str(state["o"])), int(str(state["n"]))
        rows = self._encoded(directory, select)
        chunk = rows[start : start + size]
        link = None
        if start + size < len(rows):
            token = pack({**state, "o": start + size})
            options = f"$select={','.join(select)}&$top={size}&$skiptoken={token}"
            link = f"{self.base}{request.url.path}?{options}"
        return collection("users", chunk, link, count)

    def _encoded(self, directory: Directory, select: Sequence[str]) -> list[bytes]:
        """Every user of a directory as JSON, kept until something changes."""
        key = (self.world.generation, directory.tenant_id, directory.revision, tuple(select))
        held = self.encoded.get(key)
        if held is None:
            for stale in [k for k in self.encoded if k[1] == directory.tenant_id]:
                del self.encoded[stale]
            held = [
                msgspec.json.encode(_project(self, user, select))
                for user in directory.users.values()
            ]
            self.encoded[key] = held
        return held

    def user_count(self, caller: Caller, request: Request) -> int:
        """The number of users, as text."""
        directory = self._user_reader(caller)
        if request.headers.get("consistencylevel", "").lower() != "eventual":
            raise GraphError(400, "Request_BadRequest", "$count is not currently supported.")
        query = self._query(request, "user", frozenset({"$filter"}))
        if query.filter is None:
            return len(directory.users)
        return sum(query.filter(_with_lists(self, u)) for u in directory.users.values())

    def delta(self, caller: Caller, request: Request) -> bytes:
        """Changes since a delta link, or everything when there is none yet."""
        directory = self._user_reader(caller)
        allowed = frozenset({"$select", "$deltatoken", "$skiptoken"})
        query = self._query(request, "user", allowed)
        select = list(query.select or _DEFAULT_USER)
        _require_listable(caller, query.select)
        if query.delta_token == "latest":
            return collection("users", [], None, None, self._delta_link(caller, select))
        if query.delta_token:  # an empty one begins anew
            return self._changes(caller, directory, self._since(caller, query.delta_token))
        if query.skip_token is not None:
            state = dict(self._resume(caller, query.skip_token, "delta"))
        else:
            state = {"t": caller.tenant, "k": "delta", "o": 0, "n": _PAGE, "s": select,
                     "e": self.link_epoch, "r": directory.revision}  # fmt: skip
        return self._delta_page(caller, request, directory, state)

    def _delta_page(
        self, caller: Caller, request: Request, directory: Directory, state: Mapping[str, object]
    ) -> bytes:
        select = [str(name) for name in sequence(state["s"])]
        start, size = int(str(state["o"])), int(str(state["n"]))
        rows = self._encoded(directory, select)
        if start + size < len(rows):
            token = pack({**state, "o": start + size})
            link = f"{self.base}{request.url.path}?$skiptoken={token}"
            return collection("users", rows[start : start + size], link, None)
        delta = self._delta_link(caller, select, int(str(state["r"])))
        return collection("users", rows[start : start + size], None, None, delta)

    def _since(self, caller: Caller, token: str) -> Mapping[str, object]:
        """What a delta link stands for, unless it is of another directory or time."""
        since = unpack(token)
        if since is None or since.get("t") != caller.tenant or since.get("k") != "changes":
            raise GraphError(400, "Request_BadRequest", "Badly formed token.")
        if (since["e"], since["w"]) != (self.delta_epoch, self.world.generation):
            select = ",".join(str(name) for name in sequence(since["s"]))
            raise GraphError(
                410,
                "syncStateNotFound",
                "The sync state is no longer available.",
                {"location": f"{self.base}/v1.0/users/delta?$select={select}&$deltatoken="},
            )
        return since

    def _changes(self, caller: Caller, directory: Directory, state: Mapping[str, object]) -> bytes:
        select = [str(name) for name in sequence(state["s"])]
        latest: dict[str, str] = dict(directory.log[int(str(state["r"])) :])
        rows: list[Mapping[str, object]] = []
        for object_id in latest:
            user = directory.users.get(object_id)
            if user is not None:
                rows.append(_project(self, user, select))
            else:
                reason = "changed" if object_id in directory.deleted else "deleted"
                rows.append({"id": object_id, "@removed": {"reason": reason}})
        return collection("users", rows, None, None, self._delta_link(caller, select))

    def _delta_link(
        self, caller: Caller, select: Sequence[str], revision: int | None = None
    ) -> str:
        directory = _customer(caller)
        token = pack(
            {
                "t": caller.tenant,
                "k": "changes",
                "w": self.world.generation,
                "s": list(select),
                "r": directory.revision if revision is None else revision,
                "e": self.delta_epoch,
            }
        )
        return f"{self.base}/v1.0/users/delta?$deltatoken={token}"

    def deleted(self, caller: Caller, request: Request) -> bytes:
        """Users that were deleted in the last 30 days."""
        directory = self._user_reader(caller)
        query = self._query(request, "user", _LIST)
        _require_listable(caller, query.select)
        properties = [*_DEFAULT_USER, "deletedDateTime"]
        return self._list_users(caller, request, query, directory.deleted.values(), properties)

    def _one_user(self, caller: Caller, request: Request, object_id: str) -> bytes:
        directory = self._user_reader(caller)
        query = self._query(request, "user", frozenset({"$select"}))
        _require_extra(caller, query.select)
        key = object_id.lower()
        user = directory.users.get(key) or next(
            (u for u in directory.users.values() if str(u["userPrincipalName"]).lower() == key),
            None,
        )
        if user is None:
            raise not_found(object_id)
        return entity(_project(self, user, query.select or _DEFAULT_USER))

    def _user_reader(self, caller: Caller) -> Directory:
        caller.require("User.Read.All", "Directory.Read.All")
        return _customer(caller)

    # Helpers of lists

    def _query(
        self, request: Request, type_: str, allowed: frozenset[str], *, max_top: int = 999
    ) -> Query:
        return parse(
            request.url.query,
            type_=type_,
            metadata=self.world.metadata,
            allowed=allowed,
            max_top=max_top,
        )

    def _list(
        self,
        caller: Caller,
        request: Request,
        query: Query,
        rows: Sequence[Mapping[str, object]],
    ) -> bytes:
        """A short list with paging, select and filter."""
        start = 0
        size = query.top or _PAGE
        select = query.select
        if query.skip_token is not None:
            state = self._resume(caller, query.skip_token, request.url.path)
            start, size = int(str(state["o"])), int(str(state["n"]))
        found = [row for row in rows if query.filter is None or query.filter(row)]
        chunk = found[start : start + size]
        if select is not None:
            chunk = [{name: row.get(name) for name in select} for row in chunk]
        link = None
        if start + size < len(found):
            token = pack(
                {
                    "t": caller.tenant,
                    "k": request.url.path,
                    "o": start + size,
                    "n": size,
                    "e": self.link_epoch,
                }
            )
            kept = [p for p in request.url.query.split("&") if p and "skiptoken" not in p]
            link = f"{self.base}{request.url.path}?{'&'.join([*kept, f'$skiptoken={token}'])}"
        name = request.url.path.rpartition("/")[2]
        return collection(name, chunk, link, len(found) if query.count else None)

    def _resume(self, caller: Caller, token: str, kind: str) -> Mapping[str, object]:
        """Where a next link goes on, unless it is of another directory, listing or time."""
        state = unpack(token)
        if state is None or state.get("t") != caller.tenant or state.get("k") != kind:
            raise GraphError(400, "Request_BadRequest", "The skip token is not valid.")
        if state["e"] != self.link_epoch:
            raise GraphError(
                400, "Directory_ExpiredPageToken", "The specified page token value has expired."
            )
        return state


_ROUTES: Mapping[tuple[str, ...], Callable[[GraphService, Caller, Request], bytes | int]] = {
    ("me",): GraphService.me,
    ("tenantRelationships", "delegatedAdminCustomers"): GraphService.customers,
    ("tenantRelationships", "delegatedAdminRelationships"): GraphService.relationships,
    ("contracts",): GraphService.contracts,
    ("organization",): GraphService.organization,
    ("domains",): GraphService.domains,
    ("users",): GraphService.users,
    ("users", "$count"): GraphService.user_count,
    ("users", "delta"): GraphService.delta,
    ("users", "microsoft.graph.delta()"): GraphService.delta,
    ("users", "delta()"): GraphService.delta,
    ("directory", "deletedItems", "microsoft.graph.user"): GraphService.deleted,
    ("directory", "deletedItems", "graph.user"): GraphService.deleted,
}


def _partner(caller: Caller, permission: str = "DelegatedAdminRelationship.Read.All") -> Partner:
    caller.require(permission)
    if caller.partner is None:
        raise GraphError(403, "Authorization_RequestDenied", "The tenant is not a partner.")
    return caller.partner


def _customer(caller: Caller) -> Directory:
    if caller.directory is not None:
        return caller.directory
    if caller.partner is not None:
        return Directory(
            tenant_id=caller.tenant,
            display_name=caller.partner.name,
            default_domain="",
            domains=(),
            partners=(),
            consented=True,
        )
    raise not_found(caller.tenant)


def _name(caller: Caller) -> str:
    return caller.partner.name if caller.partner else ""


def _roles(claims: Claims) -> list[str]:
    roles = claims.get("roles")
    return [str(role) for role in roles] if isinstance(roles, list) else []


def _relationship(directory: Directory) -> dict[str, object]:
    return {
        "id": f"{directory.tenant_id}-gdap",
        "displayName": f"Managed services for {directory.display_name}"[:50],
        "duration": "P730D",
        "status": "active",
        "customer": {"tenantId": directory.tenant_id, "displayName": directory.display_name},
        "endDateTime": directory.relationship_end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "autoExtendDuration": "P180D" if directory.auto_extend else "PT0S",
        "accessDetails": {"unifiedRoles": [{"roleDefinitionId": _ROLE_DIRECTORY_READER}]},
    }


def _require_listable(caller: Caller, select: Sequence[str] | None) -> None:
    """Refuse properties that are kept outside the directory, and so cannot be listed."""
    if not _NOT_IN_LISTS.isdisjoint(select or ()):
        raise GraphError(501, "NotImplemented", "This operation target is not yet supported.")
    _require_extra(caller, select)


def _require_extra(caller: Caller, select: Sequence[str] | None) -> None:
    """Refuse properties that a permission to read users does not cover."""
    for name in select or ():
        if name in _EXTRA_PERMISSION:
            caller.require(_EXTRA_PERMISSION[name])


def _with_lists(service: GraphService, user: User) -> User:
    lists: dict[str, object] = {name: [] for name in service.world.metadata.collections("user")}
    return {**lists, **user}


def _project(service: GraphService, user: User, select: Sequence[str]) -> User:
    """The selected properties; one that is not set is null, or empty if it is a list."""
    lists = service.world.metadata.collections("user")
    return {
        name: user.get(name) if user.get(name) is not None else ([] if name in lists else None)
        for name in select
    }
