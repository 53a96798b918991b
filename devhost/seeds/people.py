"""Names to make people from, in several scripts, and the Graph users made of them."""

import random
import unicodedata
from uuid import UUID, uuid5

from devhost.seeds.model import GraphUser

GIVEN = [
    "Anna",
    "Ben",
    "Clara",
    "David",
    "Elena",
    "Felix",
    "Grace",
    "Henry",
    "Ines",
    "Jonas",
    "Karin",
    "Liam",
    "Maria",
    "Noah",
    "Olivia",
    "Paul",
    "Quinn",
    "Rosa",
    "Samir",
    "Tessa",
    "Umar",
    "Vera",
    "Walter",
    "Xenia",
    "Yusuf",
    "Zoe",
    "Amara",
    "Boris",
    "Chloe",
    "Diego",
]
FAMILY = [
    "Abbott",
    "Berger",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Hansen",
    "Ivanov",
    "Jensen",
    "Keller",
    "Lopez",
    "Meyer",
    "Novak",
    "Okafor",
    "Petrov",
    "Quist",
    "Rossi",
    "Schmidt",
    "Talbot",
    "Urban",
    "Vogel",
    "Weber",
    "Xu",
    "Young",
    "Zimmermann",
    "Khan",
    "Lindqvist",
    "Moreau",
    "Nakamura",
]
TITLES = ("Accountant", "Dentist", "Engineer", "Nurse", "Office Manager", "Partner", "Receptionist")
DEPARTMENTS = ("Finance", "Operations", "Sales", "Clinic", "IT")
LICENCE = "6fd2c87f-b296-42f0-b197-1e91e994b900"


def object_id(tenant: UUID, name: str) -> str:
    """A stable object id for a user of a directory."""
    return str(uuid5(tenant, name))


def person(
    tenant: UUID, given: str, family: str, domain: str, rng: random.Random, **changes: object
) -> GraphUser:
    """An ordinary employee; ``changes`` are Graph properties to set otherwise."""
    local = f"{_ascii(given)}.{_ascii(family)}".lower().replace(" ", "").replace("'", "")
    upn = str(changes.get("userPrincipalName") or f"{local}@{domain}")
    extension = rng.randrange(100, 999)
    user: dict[str, object] = {
        "id": object_id(tenant, upn),
        "userPrincipalName": upn,
        "mail": upn,
        "otherMails": [],
        "proxyAddresses": [f"SMTP:{upn}"],
        "displayName": f"{given} {family}",
        "givenName": given,
        "surname": family,
        "accountEnabled": True,
        "userType": "Member",
        "assignedLicenses": [{"skuId": LICENCE, "disabledPlans": []}],
        "jobTitle": rng.choice(TITLES),
        "department": rng.choice(DEPARTMENTS),
        "officeLocation": f"Room {extension % 40}",
        "businessPhones": [f"+1 555 0{extension}"],
        "mobilePhone": f"+1 555 1{extension}" if extension % 2 else None,
    }
    user.update(changes)
    return user


def _ascii(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return folded or f"u{sum(map(ord, name))}"
