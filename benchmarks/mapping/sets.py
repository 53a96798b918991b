"""Reads a data set: the files of a seed, and the truth beside them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import UUID

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
    """Customers and active clients; ``truth`` is empty for a set without it."""

    tenants: tuple[TenantFacts, ...]
    clients: tuple[ClientFacts, ...]
    truth: Mapping[EntraTenantId, Truth]


def read_set(folder: Path) -> DataSet:
    """Read a folder of JSON lines."""
    return DataSet(
        tenants=tuple(map(_tenant, _rows(folder / "tenants.jsonl"))),
        clients=tuple(
            _client(row) for row in _rows(folder / "clients.jsonl") if row.get("is_active", True)
        ),
        truth={
            EntraTenantId(UUID(str(row["entra_tenant_id"]))): Truth(
                client_id=ClientId(UUID(str(row["client_id"]))) if row["client_id"] else None,
                kind=str(row["kind"]),
            )
            for row in _rows(folder / "truth.jsonl")
        },
    )


def _rows(path: Path) -> Iterator[Mapping[str, object]]:
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.strip())


def _tenant(row: Mapping[str, object]) -> TenantFacts:
    guid = UUID(str(row["entra_tenant_id"]))
    return TenantFacts(
        managed_tenant_id=ManagedTenantId(guid),
        entra_tenant_id=EntraTenantId(guid),
        display_name=str(row["display_name"]),
        domains=tuple(cast("list[str]", row["verified_domains"])),
        default_domain=cast("str | None", row["default_domain"]),
    )


def _client(row: Mapping[str, object]) -> ClientFacts:
    addresses = map(normalise, cast("list[str]", row.get("contact_emails") or []))
    properties = cast("Mapping[str, str | None]", row.get("properties") or {})
    return ClientFacts(
        client_id=ClientId(UUID(str(row["client_id"]))),
        name=str(row["name"]),
        website=cast("str | None", row.get("website")),
        domain=properties.get("domain"),
        billing_email=cast("str | None", row.get("billing_email")),
        inbound_domains=tuple(cast("list[str]", row.get("inbound_email_domains") or [])),
        directory_tenant_id=None,
        census=Counter(domain_of(address) for address in addresses if address),
    )
