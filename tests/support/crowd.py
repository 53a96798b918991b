"""A seed of some customers with a few hundred users each, in which every case of matching occurs.

Whatever happens at one customer is independent of the others, so that the outcome of a sync does
not depend on their order: no address that is new at one customer is looked for at another.
"""

import json
import random
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID, uuid5

from support.folders import client_id, tenant_id

ELSEWHERE = "c0000000-0000-4000-8000-999999999999"
"""A client that is no customer at Microsoft, with contacts that have customers' addresses."""

_SPACE = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
_GIVEN = ("Anna", "Ben", "Chloé", "Dmitri", "Ewa", "Farid", "Grace", "Håkon", "Ines", "Jonas")
_FAMILY = ("Abbott", "Berg", "Costa", "Dubois", "Khan", "Müller", "Novak", "O'Neil", "Talbot")

User = dict[str, object]


class Customer:
    """The directory of one customer and the contacts of its client, in the making."""

    def __init__(self, number: int, rng: random.Random) -> None:
        self.domain = f"customer{number}.example"
        self.users: list[User] = []
        self.contacts: list[dict[str, object]] = []
        self._number = number
        self._rng = rng

    def user(self, local: str, **changes: object) -> User:
        """One more user; ``changes`` are Graph properties to set otherwise."""
        address = f"{local}@{self.domain}"
        name = f"{self._rng.choice(_GIVEN)} {self._rng.choice(_FAMILY)}"
        extension = self._rng.randrange(1000, 9999)
        made: User = {
            "entra_tenant_id": tenant_id(self._number),
            "id": str(uuid5(_SPACE, address)),
            "userPrincipalName": address,
            "mail": address,
            "displayName": name,
            "accountEnabled": True,
            "userType": "Member",
            "jobTitle": self._rng.choice(("Clerk", "Nurse", None)),
            "businessPhones": [f"+1 555 {extension}"] if extension % 3 else [],
            "mobilePhone": f"+1 556 {extension}" if extension % 4 == 0 else None,
            **changes,
        }
        self.users.append(made)
        return made

    def contact(self, local: str, *, client: str | None = None, **changes: object) -> None:
        """One more contact, at this client unless told."""
        self.contacts.append(
            {
                "client_id": client or client_id(self._number),
                "full_name": local.replace(".", " ").title(),
                "email": f"{local}@{self.domain}",
                **changes,
            }
        )

    def special(self) -> None:
        """One of every case beside the plain one."""
        upn, mail = "userPrincipalName", f"@{self.domain}"
        self.user("guest", userType="Guest", **{upn: f"guest_partner.example#EXT#{mail}"})
        self.user("disabled", accountEnabled=False)
        self.user("svc-backup")
        self.user("Sync_server")
        self.user("room", isResourceAccount=True)
        self.user("nobody", mail=None, **{upn: f"nobody@customer{self._number}.onmicrosoft.com"})
        self.user("nameless", displayName=None)
        self.user("loud", mail=f"Loud.Voice{mail}".upper())
        self.user("shared.first", mail=f"front.desk{mail}")
        self.user("shared.second", mail=f"front.desk{mail}")
        self.contact("known")
        self.user("known")
        self.contact("maiden")
        self.user("married", proxyAddresses=[f"SMTP:married{mail}", f"smtp:maiden{mail}"])
        self.contact("left", is_active=False)
        self.user("left")
        self.contact("claimed")
        self.user("claims.one", otherMails=[f"claimed{mail}"])
        self.user("claims.two", otherMails=[f"claimed{mail}"])
        self.contact("old.one")
        self.contact("old.two")
        self.user("many", otherMails=[f"old.one{mail}", f"old.two{mail}"])
        self.contact("poached", client=ELSEWHERE)
        self.user("poached")
        self.contact("twin", full_name="Tara Twin")
        self.user("tara", displayName="Tara Twin")

    def ordinary(self, number: int) -> None:
        """One of the many; some have a contact already, and some are left out."""
        kind = self._rng.random()
        if kind < 0.05:
            self.user(f"guest{number}", userType="Guest", externalUserState="Accepted")
        elif kind < 0.12:
            self.user(f"person{number}", accountEnabled=False)
        elif kind < 0.15:
            self.user(f"noreply-{number}")
        else:
            if kind < 0.25:
                self.contact(f"person{number}")
            self.user(f"person{number}")


def directories(seed: int, *, customers: int, users: tuple[int, int]) -> list[Customer]:
    """So many customers, each with its people in any order."""
    rng = random.Random(seed)
    made = []
    for number in range(1, customers + 1):
        customer = Customer(number, rng)
        customer.special()
        for k in range(rng.randint(*users) - len(customer.users)):
            customer.ordinary(k)
        rng.shuffle(customer.users)
        made.append(customer)
    return made


def write_crowd(
    folder: Path, seed: int, *, customers: int, users: tuple[int, int] = (150, 600)
) -> list[Customer]:
    """So many customers with a client each; the last two have none, and a name of their own."""
    made = directories(seed, customers=customers, users=users)
    numbers = range(1, customers + 1)
    _write(folder / "tenants.jsonl", (_tenant(n) for n in numbers))
    _write(folder / "clients.jsonl", [*(_client(n) for n in numbers[:-2]), _elsewhere()])
    for customer in made[-2:]:
        kept = [row for row in customer.contacts if row["client_id"] == ELSEWHERE]
        customer.contacts[:] = kept
    _write(folder / "contacts.jsonl", (row for one in made for row in one.contacts))
    _write(folder / "users.jsonl", (row for one in made for row in one.users))
    return made


def _tenant(number: int) -> dict[str, object]:
    return {
        "entra_tenant_id": tenant_id(number),
        "display_name": f"Customer {number:03}",
        "default_domain": f"customer{number}.example",
        "verified_domains": [f"customer{number}.example"],
    }


def _client(number: int) -> dict[str, object]:
    return {
        "client_id": client_id(number),
        "name": f"Customer {number:03}",
        "website": f"https://customer{number}.example",
    }


def _elsewhere() -> dict[str, object]:
    return {"client_id": ELSEWHERE, "name": "A Former Employer", "website": None}


def _write(path: Path, rows: Iterable[object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
