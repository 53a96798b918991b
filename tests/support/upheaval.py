"""What happens to a crowd between two syncs, at Microsoft and at the host.

At every customer people come, change, come back and go, which a sync may do by itself. At four of
them so much happens that the guard, or a person, has to look; see ``_Large``.
"""

import random
from collections.abc import Sequence
from enum import IntEnum
from itertools import islice

import psycopg

from devhost.servers.postgres import libpq
from support.crowd import Customer, User
from support.folders import tenant_id
from support.simulator import Simulator

_EDIT = """
    UPDATE psa_contacts SET role = 'By hand', version = version + 1
    WHERE tenant_id = %s AND email = ANY(%s)
"""
_READ_EVERYBODY = """
    UPDATE entra_delta_cursors c SET verified_at = verified_at - interval '8 days'
    FROM entra_managed_tenants m
    WHERE m.tenant_id = c.tenant_id AND m.managed_tenant_id = c.managed_tenant_id
        AND c.tenant_id = %s AND m.entra_tenant_id = ANY(%s)
"""


class _Large(IntEnum):
    """The numbers of the customers at which much happens."""

    DELETED = 1
    """A quarter of its people: inactivations are held."""
    GONE = 2
    """A quarter of its people without a trace: more than are asked for one by one."""
    DISABLED = 3
    """A quarter of its people: inactivations are held."""
    PROMOTED = 4
    """Half of its people: overwrites are held."""


class Upheaval:
    """The same for each who suffers it."""

    def __init__(self, seed: int, customers: Sequence[Customer]) -> None:
        self._edited: list[str] = []
        self._changes = [
            self._of(number, customer, random.Random(f"{seed} {number}"))
            for number, customer in enumerate(customers, start=1)
        ]

    def befall(self, microsoft: Simulator, url: str, msp: str) -> None:
        """Change users and contacts, and let half of the customers be due for a full reading."""
        for change in self._changes:
            microsoft.control("/users", change)
        due = [tenant_id(number) for number in range(2, len(self._changes) + 1, 2)]
        with psycopg.connect(libpq(url)) as connection:
            connection.execute(_EDIT, [msp, self._edited])
            connection.execute(_READ_EVERYBODY, [msp, due])

    def _of(self, number: int, customer: Customer, rng: random.Random) -> dict[str, object]:
        people = [user for user in customer.users if _is_plain(user)]
        rng.shuffle(people)
        rest = iter(people)

        def some(count: int, *, large: _Large | None = None, share: int = 4) -> list[User]:
            many = len(people) // share if large == number else 0
            return list(islice(rest, count + many))

        few = len(people) // 40
        edited = some(few)
        self._edited += [str(user["mail"]) for user in edited]
        promoted = [*edited, *some(few, large=_Large.PROMOTED, share=2)]
        return {
            "tenant": tenant_id(number),
            "add": [_newcomer(customer, local) for local in ("twin", "new.one", "new.two")],
            "change": [
                *_set(promoted, jobTitle="Director"),
                *_set(some(few), displayName="Newly Wed"),
                *_set(some(few), businessPhones=["+1 557 1234"], mobilePhone="+1 558 1234"),
            ],
            "enable": _ids(_named(customer, "disabled")),
            "disable": _ids(some(1, large=_Large.DISABLED)),
            "delete": _ids([*some(1, large=_Large.DELETED), *_named(customer, "many")]),
            "deletePermanently": _ids(some(1, large=_Large.GONE)),
        }


def _is_plain(user: User) -> bool:
    return (
        str(user["userPrincipalName"]).startswith("person")
        and user["accountEnabled"] is True
        and user["userType"] == "Member"
    )


def _named(customer: Customer, local: str) -> list[User]:
    address = f"{local}@{customer.domain}"
    return [user for user in customer.users if user["userPrincipalName"] == address]


def _ids(users: Sequence[User]) -> list[str]:
    return [str(user["id"]) for user in users]


def _set(users: Sequence[User], **properties: object) -> list[dict[str, object]]:
    return [{"id": id_, "set": properties} for id_ in _ids(users)]


def _newcomer(customer: Customer, local: str) -> User:
    """A user as the crowd makes them, who was not in the seed."""
    made = customer.user(local, jobTitle="Clerk", businessPhones=[], mobilePhone=None)
    customer.users.remove(made)
    return {name: value for name, value in made.items() if name != "entra_tenant_id"}
