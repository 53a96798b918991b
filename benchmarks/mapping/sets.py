"""Reads a data set: the files of a seed, and the truth beside them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import NAMESPACE_OID, UUID, uuid5

from entra_plugin.domain.addresses import domain_of, normalise
from entra_plugin.domain.ids import ClientId, EntraTenantId, ManagedTenantId
from entra_plugin.domain.mapping.facts import ClientFacts, TenantFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a managed tenant is in truth, and what kind of case it is."""

    client_id: ClientId | None
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Customers and active clients; ``truth`` is empty for a set without it.

    ``written`` is how the file spells each id: any text will do, if it is the same everywhere.
    """

    tenants: tuple[TenantFacts, ...]
    clients: tuple[ClientFacts, ...]
    truth: Mapping[EntraTenantId, Truth]
    written: Mapping[UUID, str]


def read_set(folder: Path) -> DataSet:
    """Read a folder of JSON lines."""
    tenants = tuple(_rows(folder / "tenants.jsonl"))
    clients = tuple(_rows(folder / "clients.jsonl"))
    ids = [*(row["entra_tenant_id"] for row in tenants), *(row["client_id"] for row in clients)]
    return DataSet(
        tenants=tuple(map(_tenant, tenants)),
        clients=tuple(_client(row) for row in clients if row.get("is_active", True)),
        truth={
            EntraTenantId(_id(row["entra_tenant_id"])): Truth(
                client_id=ClientId(_id(row["client_id"])) if row["client_id"] else None,
                kind=str(row["kind"]),
            )
            for row in _rows(folder / "truth.jsonl")
        },
        written={_id(written): str(written) for written in ids},
    )


def _id(written: object) -> UUID:
    """The GUID, or one that stands for another kind of id."""
    try:
        return UUID(str(written))
    except ValueError:
        return uuid5(NAMESPACE_OID, str(written))


def _rows(path: Path) -> Iterator[Mapping[str, object]]:
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.strip())


def _tenant(row: Mapping[str, object]) -> TenantFacts:
    guid = _id(row["entra_tenant_id"])
    return TenantFacts(
        managed_tenant_id=ManagedTenantId(guid),
        entra_tenant_id=EntraTenantId(guid),
        display_name=str(row.get("display_name") or ""),
        domains=tuple(cast("list[str]", row.get("verified_domains") or [])),
        default_domain=cast("str | None", row.get("default_domain")),
    )


def _client(row: Mapping[str, object]) -> ClientFacts:
    addresses = map(normalise, cast("list[str]", row.get("contact_emails") or []))
    properties = cast("Mapping[str, str | None]", row.get("properties") or {})
    return ClientFacts(
        client_id=ClientId(_id(row["client_id"])),
        name=str(row.get("name") or ""),
        website=cast("str | None", row.get("website")),
        domain=properties.get("domain"),
        billing_email=cast("str | None", row.get("billing_email")),
        inbound_domains=tuple(cast("list[str]", row.get("inbound_email_domains") or [])),
        directory_tenant_id=None,
        census=Counter(domain_of(address) for address in addresses if address),
    )
