"""Seeds of our own size: folders of JSON lines, as ``--seed DIR`` takes them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from uuid import UUID, uuid5

_SPACE = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def tenant_id(number: int) -> str:
    """The directory with this number."""
    return f"d0000000-0000-4000-8000-{number:012d}"


def client_id(number: int) -> str:
    """The client that is the customer with this number."""
    return f"c0000000-0000-4000-8000-{number:012d}"


def write_seed(
    folder: Path,
    *,
    tenants: int,
    users: int,
    unlike: Mapping[int, Mapping[str, object]] | None = None,
) -> None:
    """So many customers with a client each, and so many plain users in each.

    ``unlike`` has what is otherwise in the directory with that number.
    """
    numbers = range(1, tenants + 1)
    _write(
        folder / "tenants.jsonl",
        (
            {
                "entra_tenant_id": tenant_id(n),
                "display_name": f"Customer {n:03}",
                "default_domain": f"customer{n}.example",
                "verified_domains": [f"customer{n}.example"],
                **(unlike or {}).get(n, {}),
            }
            for n in numbers
        ),
    )
    _write(
        folder / "clients.jsonl",
        (
            {
                "client_id": client_id(n),
                "name": f"Customer {n:03}",
                "website": f"https://customer{n}.example",
                "is_active": True,
                "contact_emails": [f"person1@customer{n}.example"],
            }
            for n in numbers
        ),
    )
    _write(folder / "users.jsonl", (_user(n, k) for n in numbers for k in range(users)))


def _user(tenant: int, number: int) -> dict[str, object]:
    address = f"person{number}@customer{tenant}.example"
    return {
        "entra_tenant_id": tenant_id(tenant),
        "id": str(uuid5(_SPACE, address)),
        "userPrincipalName": address,
        "mail": address,
        "displayName": f"Person {number}",
        "accountEnabled": True,
        "userType": "Member",
        "jobTitle": "Clerk",
        "businessPhones": [f"+1 555 {number:04}"],
    }


def _write(path: Path, rows: Iterable[object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
