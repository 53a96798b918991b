"""What the rules predict, worked out anew: one user at a time, in plain Python.

Slow and simple on purpose, and with no code of the plugin: it reads the simulator's own directory
and the host's contacts, and says who is linked, who becomes a contact, who is asked about, and who
is left out.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

User = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A contact as the host shows it."""

    client_id: str
    name: str
    email: str | None
    role: str | None
    phones: tuple[tuple[str, str], ...]
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What should become of one directory."""

    created: tuple[Person, ...]
    linked: Mapping[str, str]
    """Object id to the address of the contact that was there."""
    queued: frozenset[str]
    filtered: frozenset[str]


def predict(users: Sequence[User], client_id: str, contacts: Sequence[Person]) -> Prediction:
    """What a first sync of ``users`` into a client makes of them."""
    created: dict[str, Person] = {}
    linked: dict[str, Person] = {}
    queued: set[str] = set()
    filtered: set[str] = set()
    for user in users:
        key = str(user["id"])
        if left_out(user):
            filtered.add(key)
            continue
        fate = _fate(user, client_id, contacts)
        if fate is None:
            queued.add(key)
        elif fate in contacts:
            linked[key] = fate
        else:
            created[key] = fate
    claims = Counter(str(p.email).lower() for p in (*created.values(), *linked.values()))
    for plan in (created, linked):
        for key, person in list(plan.items()):
            if claims[str(person.email).lower()] > 1:
                queued.add(key)
                del plan[key]
    return Prediction(
        created=tuple(created.values()),
        linked={key: str(person.email) for key, person in linked.items()},
        queued=frozenset(queued),
        filtered=frozenset(filtered),
    )


def left_out(user: User) -> bool:
    """True for a user that gets no contact."""
    upn = str(user["userPrincipalName"]).lower()
    local = upn.split("@")[0]
    return (
        user.get("userType") == "Guest"
        or bool(user.get("externalUserState"))
        or "#ext#" in upn
        or user.get("accountEnabled") is not True
        or address(user) is None
        or bool(user.get("isResourceAccount"))
        or local.startswith("sync_")
        or bool({"svc", "service", "noreply", "scanner"} & set(re.split("[-_]", local)))
        or bool(re.match(r"(sa|adm)($|[-_0-9])", local))
        or local in {"no-reply", "do-not-reply", "admin-sync"}
    )


def address(user: User) -> str | None:
    """Mail, else the UPN unless it is on an initial domain."""
    if user.get("mail"):
        return normal(str(user["mail"]))
    upn = str(user["userPrincipalName"])
    return None if upn.lower().endswith(".onmicrosoft.com") else normal(upn)


def normal(text: str) -> str:
    """NFKC, trimmed, lower case, the domain in its ASCII form."""
    local, _, domain = unicodedata.normalize("NFKC", text).strip().lower().partition("@")
    return f"{local}@{domain.encode('idna').decode()}"


def _fate(user: User, client_id: str, contacts: Sequence[Person]) -> Person | None:
    """The contact it is linked to or becomes; None when a person has to be asked."""
    own = address(user)
    inside = [c for c in contacts if c.client_id == client_id and c.email]
    found = [c for c in inside if normal(str(c.email)) == own]
    if not found:
        names = {normal(name) for name in _aliases(user)}
        found = [c for c in inside if normal(str(c.email)) in names]
    found = [c for c in found if c.active] or found
    if len(found) > 1:
        return None
    if found:
        return found[0]
    if any(c.email and normal(c.email) == own for c in contacts):
        return None
    return _new(user, client_id, str(own))


def _aliases(user: User) -> Iterable[str]:
    yield str(user["userPrincipalName"])
    others = user.get("otherMails")
    yield from others if isinstance(others, list) else ()
    proxies = user.get("proxyAddresses")
    for proxy in proxies if isinstance(proxies, list) else ():
        kind, _, name = proxy.partition(":")
        if kind.lower() == "smtp":
            yield name


def _new(user: User, client_id: str, own: str) -> Person:
    given = " ".join(str(user[k]) for k in ("givenName", "surname") if user.get(k))
    work = user.get("businessPhones")
    phones = [("work", str(work[0]))] if isinstance(work, list) and work else []
    if user.get("mobilePhone"):
        phones.append(("mobile", str(user["mobilePhone"])))
    return Person(
        client_id=client_id,
        name=str(user.get("displayName") or given or own.partition("@")[0]),
        email=own,
        role=str(user["jobTitle"]) if user.get("jobTitle") else None,
        phones=tuple(sorted(phones)),
        active=True,
    )
