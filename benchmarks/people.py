"""The directories that are synced: realistic users, the same each time."""

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from devhost.seeds.model import GraphUser
from devhost.seeds.people import FAMILY, GIVEN, person


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A managed tenant and the client that it is mapped to."""

    entra_tenant_id: UUID
    client_id: UUID
    name: str
    domain: str


MEASURED = Customer(
    entra_tenant_id=UUID("b0000000-0000-4000-8000-000000000001"),
    client_id=UUID("bc000000-0000-4000-8000-000000000001"),
    name="Measured Works",
    domain="measured.example",
)
WARM_UP = Customer(
    entra_tenant_id=UUID("b0000000-0000-4000-8000-000000000002"),
    client_id=UUID("bc000000-0000-4000-8000-000000000002"),
    name="Earlier Works",
    domain="earlier.example",
)
"""Synced before the clock starts: a live worker has synced others before."""

_WARM_UP_USERS = 20
_NON_LATIN = (("花子", "山田"), ("Борис", "Петров"), ("Ελένη", "Παππά"), ("Åse", "Ødegård"))


def many(count: int) -> list[Customer]:
    """So many customers, for those who measure more than one at a time."""
    return [
        Customer(
            entra_tenant_id=UUID(f"b1000000-0000-4000-8000-{number:012d}"),
            client_id=UUID(f"bd000000-0000-4000-8000-{number:012d}"),
            name=f"Customer {number}",
            domain=f"customer{number}.example",
        )
        for number in range(count)
    ]


def write_seed(folder: Path, users: int) -> None:
    """Write the folder that a simulator and a host are started with."""
    write_customers(folder, ((MEASURED, users), (WARM_UP, _WARM_UP_USERS)))


def write_customers(folder: Path, customers: Sequence[tuple[Customer, int]]) -> None:
    """Write a folder with these customers and as many users for each."""
    folder.mkdir(parents=True)
    _write(folder / "tenants.jsonl", (_tenant(customer) for customer, _ in customers))
    _write(folder / "clients.jsonl", (_client(customer) for customer, _ in customers))
    _write(
        folder / "users.jsonl",
        (
            {"entra_tenant_id": str(customer.entra_tenant_id), **user}
            for customer, count in customers
            for user in _users(customer, count)
        ),
    )


def _write(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _tenant(customer: Customer) -> Mapping[str, object]:
    return {
        "entra_tenant_id": str(customer.entra_tenant_id),
        "display_name": customer.name,
        "default_domain": customer.domain,
        "verified_domains": [customer.domain],
    }


def _client(customer: Customer) -> Mapping[str, object]:
    return {"client_id": str(customer.client_id), "name": customer.name}


def _users(customer: Customer, count: int) -> Iterator[GraphUser]:
    rng = random.Random(count)
    for number in range(count):
        names = (rng.choice(GIVEN), rng.choice(FAMILY))
        yield _user(customer, number, rng.random(), names, rng)


def _user(
    customer: Customer, number: int, kind: float, names: tuple[str, str], rng: random.Random
) -> GraphUser:
    """Mostly employees; and guests, disabled, service accounts, shared addresses, other scripts."""
    given, family = names
    domain = customer.domain
    upn = f"{given}.{family}{number}@{domain}".lower()
    alias = f"{given[0]}{family}{number}@{domain}".lower()
    changes: dict[str, object] = {
        "userPrincipalName": upn,
        "companyName": customer.name,
        "proxyAddresses": [f"SMTP:{upn}", f"smtp:{alias}"],
    }
    if kind < 0.04:
        changes |= {"userType": "Guest", "externalUserState": "Accepted"}
    elif kind < 0.10:
        changes |= {"accountEnabled": False, "assignedLicenses": []}
    elif kind < 0.12:
        changes |= {"userPrincipalName": f"svc-{number}@{domain}"}
    elif kind < 0.13:
        changes |= {"mail": f"team{number // 100}@{domain}", "proxyAddresses": []}
    elif kind < 0.17:
        given, family = _NON_LATIN[number % len(_NON_LATIN)]
    return person(customer.entra_tenant_id, given, family, domain, rng, **changes)


def few(users: int, *, title: str, disabled: bool) -> Mapping[str, object]:
    """For the simulator: another job title for one user in a hundred, and another one disabled.

    ``disabled``: the others are disabled; if not, those are enabled again.
    """
    ids = [str(user["id"]) for user in _users(MEASURED, users) if _counts(user)]
    part = max(1, users // 100)
    return {
        "tenant": str(MEASURED.entra_tenant_id),
        "change": [{"id": id_, "set": {"jobTitle": title}} for id_ in ids[:part]],
        "disable" if disabled else "enable": ids[-part:],
    }


def _counts(user: GraphUser) -> bool:
    return user["userType"] == "Member" and user["accountEnabled"] is True
