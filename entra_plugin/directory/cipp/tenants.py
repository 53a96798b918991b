"""The rows of ``ListTenants``: which of them are managed tenants, and how CIPP calls each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import msgspec

from entra_plugin.directory.microsoft import wire
from entra_plugin.directory.moments import told_moment
from entra_plugin.directory.protocol import ListedTenant
from entra_plugin.domain.addresses import to_ascii
from entra_plugin.domain.errors import ConfigurationInvalid
from entra_plugin.domain.folding import shown_name
from entra_plugin.domain.ids import EntraTenantId

_OWN_NAME = "*Partner Tenant"
_PSEUDO = frozenset({"PartnerTenant", "AllTenants"})
"""The ``domains`` of the row of the MSP itself, and of the one that selects everybody."""

_GUID_LENGTH = 36
_DIGITS = re.compile(r"[0-9]{1,10}")
_MOST = 2**31 - 1


class TenantRow(msgspec.Struct, rename="camel"):
    """A row; some values come out of a table that stores text, so none has a type to rely on."""

    customer_id: object = None
    display_name: object = None
    default_domain_name: object = None
    initial_domain_name: object = None
    domains: object = None
    delegated_privilege_status: object = None
    relationship_end: object = None
    has_auto_extend: object = None
    excluded: object = msgspec.field(default=None, name="Excluded")
    graph_error_count: object = msgspec.field(default=None, name="GraphErrorCount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A managed tenant, and what ``tenantFilter`` it is asked for with."""

    tenant: ListedTenant
    tenant_filter: str


def customers(body: bytes) -> tuple[Customer, ...]:
    """The managed tenants of an answer, each once; pseudo rows and excluded ones are left out.

    CIPP tells a failure by a row without a GUID, with status 200.

    Raises:
        ConfigurationInvalid: ``cipp_list_failed``: there are rows, and each was rejected;
            ``unusable_answer``: and none of them is even a row of this list.
        TransientFailure: ``unusable_answer``: it is not an array of rows.
    """
    found: dict[EntraTenantId, Customer] = {}
    rejected: list[TenantRow] = []
    for row in _real(wire.decode(body, list[TenantRow | None])):
        customer = _customer(row)
        if customer is None:
            rejected.append(row)
        else:
            found.setdefault(customer.tenant.entra_tenant_id, customer)
    if rejected and not found:
        known = any(isinstance(row.customer_id, str) for row in rejected)
        code = "cipp_list_failed" if known else "unusable_answer"
        raise ConfigurationInvalid(code, details={"rejectedRows": len(rejected)})
    return tuple(found.values())


def _real(rows: list[TenantRow | None]) -> Iterator[TenantRow]:
    """The rows that are about one customer, whether they can be read or not."""
    for row in rows:
        if row is None or row.customer_id == "AllTenants" or _flag(row.excluded):
            continue
        if _text(row.domains) not in _PSEUDO and row.display_name != _OWN_NAME:
            yield row


def _customer(row: TenantRow) -> Customer | None:
    """A row as a managed tenant; None when its id is no GUID."""
    guid = _guid(row.customer_id)
    if guid is None:
        return None
    default = _text(row.default_domain_name)
    name = shown_name(row.display_name)
    return Customer(
        tenant=ListedTenant(
            entra_tenant_id=guid,
            display_name=name or default or str(guid),
            default_domain=to_ascii(default) if default else None,
            relationship_end=told_moment(row.relationship_end),
            auto_extend=_flag(row.has_auto_extend),
            privilege_status=_text(row.delegated_privilege_status),
            provider_errors=_count(row.graph_error_count),
        ),
        # The default domain is what CIPP's caches know a tenant by; where the domains could not be
        # read, the others are understood too.
        tenant_filter=default or _text(row.initial_domain_name) or str(guid),
    )


def _guid(value: object) -> EntraTenantId | None:
    if not isinstance(value, str) or len(value) != _GUID_LENGTH:
        return None
    try:
        return EntraTenantId(UUID(value))
    except ValueError:
        return None


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return "".join(filter(str.isprintable, value)).strip() or None


def _flag(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _count(value: object) -> int | None:
    """A count within what a column holds; None for anything else."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _MOST else None
