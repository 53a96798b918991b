"""Turn the name of a seed, or a folder of JSON lines, into a seed."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from devhost.seeds import demo, msp
from devhost.seeds.model import (
    DIRECTORY_READERS,
    GraphUser,
    Seed,
    SeedClient,
    SeedContact,
    SeedGroup,
    SeedTenant,
)
from devhost.seeds.msps import MSPS, SECOND_MSP_CLIENTS


def load_seed(name: str) -> Seed:
    """A seed by name (``demo``, ``msp``, ``none``) or from a folder.

    Raises:
        ValueError: There is no such seed, or a file has a line that is no row; it says which.
    """
    if name == "demo":
        return demo.seed()
    if name == "msp":
        return msp.seed()
    if name == "none":
        return Seed(msps=MSPS, tenants=(), clients=SECOND_MSP_CLIENTS, contacts=(), users=())
    folder = Path(name)
    if not (folder / "tenants.jsonl").exists():
        raise ValueError(f"no seed called {name!r}: not demo, msp, none, nor a folder with files")
    return _from_folder(folder)


def _from_folder(folder: Path) -> Seed:
    client_rows = list(_rows(folder / "clients.jsonl"))
    clients = tuple(_client(row) for row in client_rows)
    contacts = [_contact(row) for row in _rows(folder / "contacts.jsonl")]
    detailed = {(c.client_id, c.msp or 0, (c.email or "").lower()) for c in contacts}
    for client, row in zip(clients, client_rows, strict=True):
        for email in _list(row, "contact_emails"):
            if (client.client_id, client.msp, email.lower()) not in detailed:
                contacts.append(_plain_contact(client, email))
    return Seed(
        msps=MSPS,
        tenants=tuple(_tenant(row) for row in _rows(folder / "tenants.jsonl")),
        clients=(*clients, *SECOND_MSP_CLIENTS),
        contacts=tuple(contacts),
        users=_Users(folder / "users.jsonl"),
        groups=tuple(_group(row) for row in _rows(folder / "groups.jsonl")),
    )


class _Users:
    """The users of a file, read anew each time they are wanted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[tuple[UUID, GraphUser]]:
        for row in _rows(self._path):
            tenant = UUID(str(row.pop("entra_tenant_id")))
            yield tenant, row


def _rows(path: Path) -> Iterable[dict[str, object]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = _mended(json.loads(line))
            except ValueError as error:
                raise ValueError(f"{path.name}, line {number}: not JSON") from error
            if not isinstance(row, dict):
                message = f"{path.name}, line {number}: not an object"
                raise ValueError(message)  # noqa: TRY004 - the file is at fault, not the caller
            yield row


def _tenant(row: dict[str, object]) -> SeedTenant:
    partners, application = row.get("partners"), row.get("application_consented")
    return SeedTenant(
        entra_tenant_id=UUID(str(row["entra_tenant_id"])),
        display_name=str(row.get("display_name") or ""),
        default_domain=str(row.get("default_domain") or ""),
        verified_domains=tuple(_list(row, "verified_domains")),
        partners=tuple(int(p) for p in partners) if isinstance(partners, list) else (0,),
        consented=bool(row.get("consented", True)),
        relationship_days=int(str(row.get("relationship_days", 400))),
        auto_extend=bool(row.get("auto_extend", True)),
        relationship_status=str(row.get("relationship_status", "active")),
        relationship_roles=tuple(_list(row, "relationship_roles"))
        if "relationship_roles" in row
        else (DIRECTORY_READERS,),
        application_consented=None if application is None else bool(application),
        conditional_access=bool(row.get("conditional_access", False)),
    )


def _group(row: dict[str, object]) -> SeedGroup:
    return SeedGroup(
        entra_tenant_id=UUID(str(row["entra_tenant_id"])),
        group_id=UUID(str(row["group_id"])),
        display_name=str(row.get("display_name") or ""),
        mail=_text(row, "mail"),
        members=tuple(UUID(member) for member in _list(row, "members")),
    )


def _client(row: dict[str, object]) -> SeedClient:
    properties = row.get("properties")
    guid = row.get("directory_tenant_id")
    return SeedClient(
        client_id=UUID(str(row["client_id"])),
        name=_storable(str(row.get("name") or "")),
        website=_text(row, "website"),
        domain=_text(properties, "domain") if isinstance(properties, dict) else None,
        billing_email=_text(row, "billing_email"),
        inbound_email_domains=tuple(map(_storable, _list(row, "inbound_email_domains"))),
        directory_tenant_id=UUID(str(guid)) if guid else None,
        is_active=bool(row.get("is_active", True)),
        msp=int(str(row.get("msp", 0))),
    )


def _contact(row: dict[str, object]) -> SeedContact:
    phones = row.get("phones")
    return SeedContact(
        client_id=UUID(str(row["client_id"])),
        full_name=_storable(str(row["full_name"])),
        email=_text(row, "email"),
        role=_text(row, "role"),
        phones=tuple((str(p["type"]), str(p["number"])) for p in phones)
        if isinstance(phones, list)
        else (),
        is_active=bool(row.get("is_active", True)),
        msp=int(str(row["msp"])) if "msp" in row else None,
    )


def _plain_contact(client: SeedClient, email: str) -> SeedContact:
    email = _storable(email)
    name = email.partition("@")[0].replace(".", " ").title()
    return SeedContact(client_id=client.client_id, full_name=name, email=email, msp=client.msp)


def _text(row: dict[str, object], name: str) -> str | None:
    value = row.get(name)
    return _storable(str(value)) if value else None


def _list(row: dict[str, object], name: str) -> list[str]:
    value = row.get(name)
    return [str(item) for item in value if item] if isinstance(value, list) else []


def _storable(text: str) -> str:
    """What the host's database can hold: PostgreSQL has no NUL."""
    return text.replace("\x00", "")


def _mended(value: object) -> object:
    """Without lone surrogates, which no server can send: U+FFFD stands for them."""
    match value:
        case str():
            return (
                value
                if value.isascii()
                else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            )
        case list():
            return [_mended(item) for item in value]
        case dict():
            return {key: _mended(item) for key, item in value.items()}
        case _:
            return value
