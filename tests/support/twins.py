"""Two MSPs whose data are alike on purpose, so that a query without its tenant would mix them up.

They manage the same directories, and so read the same people; their clients have the same ids and
names; their contacts have the same addresses. What differs is what each makes of it: the second has
its clients' websites the other way round, so that every directory belongs to another client, other
contacts are there before, and it takes guests.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from support.crowd import ELSEWHERE, User, directories
from support.folders import client_id, tenant_id

MSPS = (0, 1)


def write_twins(folder: Path, seed: int, *, customers: int, msps: Sequence[int] = MSPS) -> None:
    """The directories, and the clients and contacts of those of the two that are there."""
    numbers = range(1, customers + 1)
    made = directories(seed, customers=customers, users=(60, 120))
    _write(folder / "tenants.jsonl", (_tenant(n, msps) for n in numbers))
    _write(
        folder / "clients.jsonl",
        (_client(n, customers, msp) for msp in msps for n in (*numbers, None)),
    )
    _write(
        folder / "contacts.jsonl",
        (
            {**row, "client_id": _whose(row, customers, msp), "msp": msp}
            for msp in msps
            for one in made
            for row in one.contacts[msp::2]
        ),
    )
    users: Iterable[User] = (user for one in made for user in one.users)
    _write(folder / "users.jsonl", users)


def mapped_to(number: int, customers: int, msp: int) -> int:
    """The client that a directory belongs to at one of the two."""
    return number if msp == 0 else customers + 1 - number


def _whose(row: dict[str, object], customers: int, msp: int) -> object:
    if row["client_id"] == ELSEWHERE:
        return ELSEWHERE
    number = int(str(row["client_id"])[-12:])
    return client_id(mapped_to(number, customers, msp))


def _tenant(number: int, msps: Sequence[int]) -> dict[str, object]:
    return {
        "entra_tenant_id": tenant_id(number),
        "display_name": f"Customer {number:03}",
        "default_domain": f"customer{number}.example",
        "verified_domains": [f"customer{number}.example"],
        "partners": list(msps),
    }


def _client(number: int | None, customers: int, msp: int) -> dict[str, object]:
    if number is None:
        return {"client_id": ELSEWHERE, "name": "A Former Employer", "msp": msp}
    return {
        "client_id": client_id(mapped_to(number, customers, msp)),
        "name": f"Customer {number:03}",
        "website": f"https://customer{number}.example",
        "msp": msp,
    }


def _write(path: Path, rows: Iterable[object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
