"""The directory that is synced: one managed tenant of realistic users, the same each time."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from devhost.seeds.model import GraphUser
from devhost.seeds.people import FAMILY, GIVEN, person

ENTRA_TENANT = UUID("b0000000-0000-4000-8000-000000000001")
CLIENT = UUID("bc000000-0000-4000-8000-000000000001")
DOMAIN = "benchmark.example"

_NON_LATIN = (("花子", "山田"), ("Борис", "Петров"), ("Ελένη", "Παππά"), ("Åse", "Ødegård"))


def write_seed(folder: Path, users: int) -> None:
    """Write the folder that a simulator and a host are started with."""
    tenant = {
        "entra_tenant_id": str(ENTRA_TENANT),
        "display_name": "Benchmark Works",
        "default_domain": DOMAIN,
        "verified_domains": [DOMAIN],
    }
    client = {"client_id": str(CLIENT), "name": "Benchmark Works", "website": f"https://{DOMAIN}"}
    folder.mkdir(parents=True)
    (folder / "tenants.jsonl").write_text(json.dumps(tenant) + "\n")
    (folder / "clients.jsonl").write_text(json.dumps(client) + "\n")
    with (folder / "users.jsonl").open("w", encoding="utf-8") as file:
        for user in _users(users):
            row = {"entra_tenant_id": str(ENTRA_TENANT), **user}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _users(count: int) -> Iterator[GraphUser]:
    rng = random.Random(count)
    for number in range(count):
        names = (rng.choice(GIVEN), rng.choice(FAMILY))
        yield _user(number, rng.random(), names, rng)


def _user(number: int, kind: float, names: tuple[str, str], rng: random.Random) -> GraphUser:
    """Mostly employees; and guests, disabled and service accounts, shared addresses, other scripts."""
    given, family = names
    upn = f"{given}.{family}{number}@{DOMAIN}".lower()
    changes: dict[str, object] = {
        "userPrincipalName": upn,
        "companyName": "Benchmark Works",
        "proxyAddresses": [f"SMTP:{upn}", f"smtp:{given[0].lower()}{family.lower()}{number}@{DOMAIN}"],
    }
    if kind < 0.04:
        changes |= {"userType": "Guest", "externalUserState": "Accepted"}
    elif kind < 0.10:
        changes |= {"accountEnabled": False, "assignedLicenses": []}
    elif kind < 0.12:
        changes |= {"userPrincipalName": f"svc-{number}@{DOMAIN}"}
    elif kind < 0.13:
        changes |= {"mail": f"team{number // 100}@{DOMAIN}", "proxyAddresses": []}
    elif kind < 0.17:
        given, family = _NON_LATIN[number % len(_NON_LATIN)]
    return person(ENTRA_TENANT, given, family, DOMAIN, rng, **changes)
