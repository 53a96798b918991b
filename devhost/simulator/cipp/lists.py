"""The other lists of CIPP: tenants, domains, users, queues, the nightly cache, and ``me``."""

from datetime import UTC, datetime

import msgspec
from starlette.responses import Response

from devhost.simulator.cipp import reading
from devhost.simulator.cipp.call import Call
from devhost.simulator.cipp.reading import CannotRead
from devhost.simulator.cipp.replies import Refused, json
from devhost.simulator.cipp.tenants import ALL, failure_row, selector_row, with_portals
from devhost.simulator.graph.people import project
from devhost.simulator.world import Directory

_USER_CACHE = (
    *("id", "displayName", "givenName", "surname", "userPrincipalName", "mail", "otherMails"),
    *("proxyAddresses", "businessPhones", "mobilePhone", "jobTitle", "department", "companyName"),
    *("officeLocation", "streetAddress", "city", "state", "country", "postalCode"),
    *("accountEnabled", "userType", "isResourceAccount", "assignedLicenses"),
    "onPremisesSyncEnabled",
)


def list_tenants(call: Call) -> Response:
    """A bare array, also when it could not be made."""
    if call.switches.list_fails:
        return json([failure_row()])
    rows = list(call.tenants.rows())
    wanted = call.text("tenantFilter")
    if wanted is not None and wanted != "null":
        return json([r for r in rows if str(r["defaultDomainName"]).lower() == wanted.lower()])
    unrestricted = call.switches.restricted_to is None
    if unrestricted and (call.text("AllTenantSelector") or "").lower() == "true":
        rows.insert(0, selector_row())
    if call.text("Mode") == "TenantList":
        rows = [with_portals(row) for row in rows]
    return json(rows)


def list_domains(call: Call) -> Response:
    """The domains of one tenant; the names of the properties are in lower case."""
    tenant = call.tenants.find(call.text("tenantFilter") or "")
    if tenant is None:  # the refusal of an excluded tenant does not stop the endpoint
        return json([])
    try:
        found = call.reader.everything(tenant, reading.graph_url("beta", "domains", ""))
    except CannotRead as error:
        return json([str(error)], 500)
    rows = [msgspec.json.decode(row) for row in found.rows]
    shown = [
        {"id": r["id"], "isdefault": r["isDefault"], "isinitial": r["isInitial"]} for r in rows
    ]
    return json(sorted(shown, key=lambda row: not row["isdefault"]))


def list_users(call: Call) -> Response:
    """All users of one tenant at once; for a tenant that is not there an empty list."""
    name = call.text("tenantFilter") or call.app.tenant_id
    if name == ALL:
        message = "This function has been deprecated for all users, please use ListGraphRequest"
        return json([{"Message": f"{message} instead"}])
    tenant = call.tenants.find(name)
    if tenant is None:
        return json([])
    user_id, chosen = call.text("UserID"), call.text("graphFilter")
    query = "" if user_id else "$top=999" + (f"&$filter={chosen}" if chosen else "")
    url = reading.graph_url("beta", f"users/{user_id}" if user_id else "users", query)
    try:
        found = call.reader.everything(tenant, url)
    except CannotRead as error:
        raise Refused(500, str(error)) from error
    return json([_decorated(msgspec.json.decode(row)) for row in found.rows])


def list_cipp_queue(call: Call) -> Response:
    """The queues, or one of them."""
    found = call.queues.listed(
        call.app.tenant_id, queue_id=call.text("QueueId"), reference=call.text("Reference")
    )
    return json([queue.row() for queue in found])


def list_db_cache(call: Call) -> Response:
    """The nightly cache, of which the simulator has the users only, always fresh."""
    name = call.text("tenantFilter")
    if name is None:
        return json({"Results": "Error: tenantFilter query parameter is required"}, 400)
    everywhere = name.lower() == ALL.lower()
    listed = [d for d in call.tenants.included() if not call.tenants.has_failed_too_often(d)]
    found = [d for d in listed if everywhere or d is call.tenants.find(name)]
    if not everywhere and not found:
        return json({"Results": f"Tenant '{name}' not found"}, 400)
    found = [d for d in found if call.tenants.allows(d)]
    if (call.text("countsOnly") or "").lower() == "true":
        return json({"Results": [_cache_count(d) for d in found]})
    if call.text("type") in {None, "_availableTypes"}:
        return json({"Results": ["Users"]})
    if call.text("type") != "Users":
        return json({"Results": []})
    return json({"Results": [row for d in found for row in _cached_users(call, d)]})


def me(call: Call) -> Response:
    """Who the client is; a role of CIPP's own does not show here."""
    principal = {"appId": call.app.client_id, "appRole": []}
    return json({"clientPrincipal": principal, "permissions": []})


def _decorated(user: dict[str, object]) -> dict[str, object]:
    """A user with what ListUsers adds."""
    local, _, domain = str(user["userPrincipalName"]).rpartition("@")
    aliases, licences = user.get("proxyAddresses"), user.get("assignedLicenses")
    return {
        **user,
        "manager": None,
        "onPremisesSyncEnabled": bool(user.get("onPremisesSyncEnabled")),
        "username": local,
        "Aliases": ", ".join(aliases) if isinstance(aliases, list) else "",
        "LicJoined": "Microsoft 365 E3" if licences else "",
        "primDomain": {"value": domain, "label": domain},
    }


def _cache_count(directory: Directory) -> dict[str, object]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "Tenant": directory.default_domain,
        "Type": "Users",
        "Count": len(directory.users),
        "LastRefresh": now,
    }


def _cached_users(call: Call, directory: Directory) -> list[dict[str, object]]:
    metadata = call.reader.graph.metadata
    return [
        {**project(metadata, user, _USER_CACHE), "Tenant": directory.default_domain}
        for user in directory.users.values()
    ]
