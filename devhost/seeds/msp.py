"""``msp``: 300 customers with 150,000 users and messy names, made directory by directory."""

import random
from collections.abc import Iterator
from uuid import UUID

from devhost.seeds.model import GraphUser, Seed, SeedClient, SeedTenant
from devhost.seeds.msps import MSPS, SECOND_MSP_CLIENTS
from devhost.seeds.people import FAMILY, GIVEN, person

CUSTOMERS = 300
USERS = 150_000

_FIRST = [
    "Summit",
    "River",
    "Lake",
    "Stone",
    "Maple",
    "Iron",
    "Silver",
    "Golden",
    "North",
    "South",
    "East",
    "West",
    "Blue",
    "Green",
]
_SECOND = [
    "Dental",
    "Legal",
    "Accounting",
    "Builders",
    "Foods",
    "Motors",
    "Clinic",
    "School",
    "Church",
    "Partners",
    "Design",
]
_FORMS = ("", " Ltd", " LLC", ", Inc.", " GmbH", " & Co", " Group", " (UK)", "  ")


def seed() -> Seed:
    """The whole of it, the same each time."""
    rng = random.Random(300)
    sizes = _sizes(rng)
    tenants = []
    clients = []
    for number in range(CUSTOMERS):
        first, second = _FIRST[number % 14], _SECOND[(number // 14) % 11]
        name = f"{first} {second} {number}"
        domain = f"{first}{second}{number}.example".lower()
        tenants.append(
            SeedTenant(
                entra_tenant_id=UUID(f"f0000000-0000-4000-8000-{number:012d}"),
                display_name=name.upper() if number % 9 == 0 else name,
                default_domain=domain,
                verified_domains=(domain, f"{first}{second}{number}.onmicrosoft.com".lower()),
            )
        )
        clients.append(
            SeedClient(
                client_id=UUID(f"c3000000-0000-4000-8000-{number:012d}"),
                name=f"{name}{rng.choice(_FORMS)}",
                website=f"https://www.{domain}" if number % 10 else None,
            )
        )
    return Seed(
        msps=MSPS,
        tenants=tuple(tenants),
        clients=(*clients, *SECOND_MSP_CLIENTS),
        contacts=(),
        users=_Users(tuple(tenants), sizes),
    )


class _Users:
    """All users, made while they are read."""

    def __init__(self, tenants: tuple[SeedTenant, ...], sizes: list[int]) -> None:
        self._tenants = tenants
        self._sizes = sizes

    def __iter__(self) -> Iterator[tuple[UUID, GraphUser]]:
        for tenant, size in zip(self._tenants, self._sizes, strict=True):
            rng = random.Random(tenant.default_domain)
            for number in range(size):
                yield tenant.entra_tenant_id, _user(tenant, number, rng)


def _user(tenant: SeedTenant, number: int, rng: random.Random) -> GraphUser:
    given, family = rng.choice(GIVEN), rng.choice(FAMILY)
    upn = f"{given}.{family}{number}@{tenant.default_domain}".lower()
    changes: dict[str, object] = {"userPrincipalName": upn}
    kind = rng.random()
    if kind < 0.06:
        changes |= {"userType": "Guest", "externalUserState": "Accepted"}
    elif kind < 0.16:
        changes |= {"accountEnabled": False}
    elif kind < 0.19:
        changes |= {"userPrincipalName": f"svc-{number}@{tenant.default_domain}"}
    return person(tenant.entra_tenant_id, given, family, tenant.default_domain, rng, **changes)


def _sizes(rng: random.Random) -> list[int]:
    weights = [rng.lognormvariate(0, 1.1) for _ in range(CUSTOMERS)]
    total = sum(weights)
    sizes = [max(3, int(weight / total * USERS)) for weight in weights]
    sizes[0] += USERS - sum(sizes)
    return sizes
