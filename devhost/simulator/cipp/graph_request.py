"""ListGraphRequest: Graph through CIPP, live or from its cache."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode
from uuid import uuid4

import msgspec
from starlette.responses import Response

from devhost.simulator.answers import cost
from devhost.simulator.cipp import reading
from devhost.simulator.cipp.call import Call
from devhost.simulator.cipp.queues import Queue
from devhost.simulator.cipp.reading import CannotRead, Found
from devhost.simulator.cipp.replies import Refused, envelope, text
from devhost.simulator.cipp.tenants import ALL
from devhost.simulator.world import Directory, Partner

PARAMETERS = frozenset(
    {
        *("Endpoint", "tenantFilter", "Version", "$select", "$filter", "graphFilter", "$expand"),
        *("$top", "$count", "$orderby", "$search", "NoPagination", "manualPagination", "nextLink"),
        *("CountOnly", "SkipCache", "QueueId", "AsApp", "IgnoreErrors", "Sort", "ListProperties"),
        *("ReverseTenantLookup", "ReverseTenantLookupProperty"),
    }
)
_THRESHOLD = 8000
"""Objects of one tenant above which a counted request goes to a queue."""
_PASSED_ON = ("$count", "$expand", "$filter", "$orderby", "$search", "$select", "$top")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A request as CIPP understands it."""

    endpoint: str
    version: str
    tenant_filter: str
    parameters: Mapping[str, str]
    """What goes on to Graph."""
    manual: bool
    one_page: bool
    next_link: str | None
    count_only: bool
    skip_cache: bool
    as_app: bool
    queue_id: str | None

    @property
    def query(self) -> str:
        """The query of the first page."""
        return urlencode(self.parameters, quote_via=quote, safe="$,")

    @property
    def url(self) -> str:
        """The address of the first page."""
        return reading.graph_url(self.version, self.endpoint, self.query)

    @property
    def reference(self) -> str:
        """What queues and cache know the request by."""
        return f"{self.tenant_filter}-{self.version}/{self.endpoint}?{self.query}"


def list_graph_request(call: Call) -> Response:
    """The endpoint."""
    endpoint = call.text("Endpoint") or ""
    try:
        return _answer(call, _options(call, endpoint))
    except CannotRead as error:
        refused = reading.graph_error(error, endpoint)
        return text(200 if call.text("IgnoreErrors") else refused.status, refused.text)


def _answer(call: Call, options: Options) -> Response:
    metadata = _echo(options)
    if call.cold_start:
        metadata["ColdStart"] = True
    if call.switches.queued:
        return _queued(metadata, str(uuid4()), "Data still processing, please wait")
    if options.queue_id is not None:
        rows = call.queues.results_of(call.app.tenant_id, options.queue_id)
        if rows:
            return _shown(call, metadata, rows)
    if options.tenant_filter == ALL:
        return _all_tenants(call, options, metadata)
    tenant = call.tenants.find(options.tenant_filter)
    if tenant is None:
        raise CannotRead(reading.NOT_ALLOWED)
    if tenant.tenant_id in call.switches.error_rows:
        return envelope([error_row(options.tenant_filter, _UNREACHABLE)], metadata)
    return _one_tenant(call, options, tenant, metadata)


def _one_tenant(
    call: Call, options: Options, tenant: Directory | Partner, metadata: dict[str, object]
) -> Response:
    count = _count(call, options, tenant)
    if options.count_only:
        return envelope([msgspec.json.encode(count)], metadata)
    if (count or 0) > _THRESHOLD and not options.skip_cache:
        cached = _cached(call, options)
        if cached:
            return _shown(call, metadata, cached)
        if not options.one_page:
            return _to_queue(call, options, [options.tenant_filter], metadata)
    found = _live(call, options, tenant)
    metadata["GraphHeaders"] = _headers(options)
    if options.manual or options.one_page:
        metadata["nextLink"] = found.next_link
    if not metadata.get("nextLink"):
        metadata.pop("nextLink", None)
    return _shown(call, metadata, _good(found.rows, options.tenant_filter))


def _live(call: Call, options: Options, tenant: Directory | Partner) -> Found:
    if options.next_link is not None:
        link = reading.checked_link(options.next_link)
        return call.reader.page(tenant, link, as_app=options.as_app)
    if options.manual or options.one_page:
        return call.reader.page(tenant, options.url, as_app=options.as_app)
    return call.reader.everything(tenant, options.url, as_app=options.as_app)


def _count(call: Call, options: Options, tenant: Directory | Partner) -> int | None:
    """The number of objects, if it is asked for; Graph counts only with ``$count=true``."""
    counted = "$count" in options.parameters and not options.manual
    if not (counted or options.count_only):
        return None
    return call.reader.page(tenant, options.url, as_app=options.as_app).count


def _all_tenants(call: Call, options: Options, metadata: dict[str, object]) -> Response:
    listed = [d.default_domain for d in call.tenants.included() if call.tenants.allows(d)]
    if options.skip_cache:
        rows = [row for name in listed for row in _of_tenant(call, options, name)[0]]
        return _shown(call, metadata, rows)
    cached = _cached(call, options)
    if cached:
        return _shown(call, metadata, cached)
    return _to_queue(call, options, listed, metadata)


def _to_queue(
    call: Call, options: Options, tenants: Sequence[str], metadata: dict[str, object]
) -> Response:
    """Say that it is under way, and start it unless it is."""
    partner = call.app.tenant_id
    running = call.queues.running(partner, options.reference)
    cached = _cached(call, options)
    if running is None and cached:  # the look at it was its last step
        return _shown(call, metadata, cached)
    if running is not None:
        return _queued(metadata, running.id, "Data still processing, please wait")
    name = options.endpoint.partition("/")[0].title()
    everywhere = options.tenant_filter == ALL
    queue = call.queues.start(
        Queue(
            partner=partner,
            name=f"{name} (All Tenants)" if everywhere else name,
            reference=options.reference,
            tenants=tuple(tenants),
            steps=call.switches.queue_steps,
            work=lambda tenant: _of_tenant(call, options, tenant),
        )
    )
    said = "all tenants" if everywhere else options.tenant_filter
    message = f"Loading data for {said}. Please check back after the job completes"
    return _queued(metadata, queue.id, message)


def _cached(call: Call, options: Options) -> list[bytes]:
    """Rows of the cache: only those of tenants that are called by their default domain."""
    domains = {d.default_domain for d in call.tenants.included() if call.tenants.allows(d)}
    held = call.queues.rows(call.app.tenant_id, options.reference)
    return [row for name, rows in held.items() if name in domains for row in rows]


def _of_tenant(call: Call, options: Options, name: str) -> tuple[Sequence[bytes], bool]:
    """All rows of one tenant, or the row that stands for its failure."""
    tenant = call.tenants.find(name)
    if tenant is None:
        return [error_row(name, reading.NOT_ALLOWED)], False
    if tenant.tenant_id in call.switches.error_rows:
        return [error_row(name, _UNREACHABLE)], False
    try:
        found = call.reader.everything(tenant, options.url, as_app=options.as_app)
    except CannotRead as error:
        return [error_row(name, str(error))], False
    return _good(found.rows, name), True


_UNREACHABLE = "The remote server returned an error."


def error_row(tenant: str, message: str) -> bytes:
    """What stands in a list for a tenant that could not be read: a row without an id."""
    status = f"Could not connect to tenant. {message}"
    return msgspec.json.encode({"Tenant": tenant, "CippStatus": status})


def _good(rows: Sequence[bytes], tenant: str) -> list[bytes]:
    """Rows with what CIPP adds to each; numbers stay as they are."""
    added = b"," + msgspec.json.encode({"Tenant": tenant, "CippStatus": "Good"})[1:]
    return [row[:-1] + added if row.endswith(b"}") else row for row in rows]


def _shown(call: Call, metadata: Mapping[str, object], rows: Sequence[bytes]) -> Response:
    """The rows, sorted or cut down to the names of their properties if that is asked for."""
    if call.text("ListProperties"):
        first = msgspec.json.decode(rows[0]) if rows else {}
        names = [name for name in first if name not in {"Tenant", "CippStatus"}]
        return envelope([msgspec.json.encode(name) for name in names], metadata)
    by = call.text("Sort")
    if by:
        rows = sorted(rows, key=lambda row: str(msgspec.json.decode(row).get(by) or "").lower())
    return envelope(rows, metadata)


def _queued(metadata: dict[str, object], queue_id: str, message: str) -> Response:
    """Nothing yet, which is not the same as nothing."""
    metadata.pop("nextLink", None)
    return envelope([], {**metadata, "Queued": True, "QueueMessage": message, "QueueId": queue_id})


def _headers(options: Options) -> dict[str, object]:
    units = cost(f"/{options.version}/{options.endpoint}", options.query)
    return {"x-ms-resource-unit": [str(units)], "request-id": [str(uuid4())]}


def _echo(options: Options) -> dict[str, object]:
    """The parameters, as the metadata repeats them."""
    echo: dict[str, object] = {
        "Endpoint": options.endpoint,
        "Parameters": dict(options.parameters),
        "CippLink": None,
        "TenantFilter": options.tenant_filter,
        "Version": options.version,
    }
    if options.manual:
        echo["ManualPagination"] = True
    if options.one_page:
        echo["NoPagination"] = True
    if options.next_link is not None:
        echo["nextLink"] = options.next_link
    return echo


def _options(call: Call, endpoint: str) -> Options:
    """Read the parameters.

    Raises:
        CannotRead: One of them makes no sense.
        Refused: One is no truth value, or is not simulated.
    """
    if not endpoint or "?" in endpoint:
        raise CannotRead("Cannot bind argument to parameter 'Endpoint'.")
    version = call.text("Version") or "beta"
    if version not in {"v1.0", "beta"}:
        raise CannotRead(f"Cannot validate argument on parameter 'Version': {version}")
    if call.flag("ReverseTenantLookup"):
        raise Refused(400, "The simulator does not look tenants up in reverse.")
    manual = call.flag("manualPagination")
    link = call.text("nextLink")
    if link is not None and not manual:
        raise Refused(400, "CIPP ignores nextLink without manualPagination, and begins anew.")
    told = call.text("NoPagination") is not None or call.text("manualPagination") is not None
    single = call.text("$top") == "1" and not told
    return Options(
        endpoint=endpoint.removeprefix("/"),
        version=version,
        tenant_filter=call.text("tenantFilter") or call.app.tenant_id,
        parameters=_passed_on(call),
        manual=manual,
        one_page=call.flag("NoPagination") or single or bool(call.text("ListProperties")),
        next_link=link,
        count_only=call.flag("CountOnly"),
        skip_cache=call.flag("SkipCache"),
        as_app=call.flag("AsApp"),
        queue_id=call.text("QueueId"),
    )


def _passed_on(call: Call) -> dict[str, str]:
    """What Graph is asked for; selected properties go there sorted, and each once."""
    found = {name: value for name in _PASSED_ON if (value := call.text(name)) is not None}
    graph_filter = call.text("graphFilter")
    if graph_filter is not None:
        found.setdefault("$filter", graph_filter)
    if "$select" in found:
        names = {name.partition(".")[0] for name in found["$select"].split(",")}
        found["$select"] = ",".join(sorted(names, key=str.lower))
    if "$count" in found:
        found["$count"] = "true" if call.flag("$count") else "false"
    return dict(sorted(found.items()))
