"""Seeds: those with names, and folders of JSON lines as other people write them."""

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select

from devhost.db.tables import clients, contacts
from devhost.seeds import load_seed
from devhost.servers.postgres import Urls
from support.devhost import NORTHWIND, running_host
from support.folders import client_id, write_seed


def test_the_demonstration_has_eight_customers_and_some_250_users() -> None:
    seed = load_seed("demo")
    assert len(seed.tenants) == 8
    assert 230 <= len(list(seed.users)) <= 260


def test_the_large_one_has_300_customers_and_150_000_users() -> None:
    seed = load_seed("msp")
    assert len(seed.tenants) == 300
    assert sum(1 for _ in seed.users) == 150_000


def test_a_seed_is_the_same_each_time() -> None:
    assert list(load_seed("demo").users) == list(load_seed("demo").users)


def test_a_folder_without_users_is_a_seed(tmp_path: Path) -> None:
    write_seed(tmp_path, tenants=2, users=3)
    assert len(list(load_seed(str(tmp_path)).users)) == 6
    (tmp_path / "users.jsonl").unlink()
    assert list(load_seed(str(tmp_path)).users) == []


@pytest.mark.parametrize("line", ["{", "[]", "5"])
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str) -> None:
    write_seed(tmp_path, tenants=1, users=1)
    with (tmp_path / "tenants.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=r"tenants\.jsonl, line 2"):
        load_seed(str(tmp_path))


def test_what_no_server_sends_and_no_database_holds_is_mended(tmp_path: Path) -> None:
    write_seed(tmp_path, tenants=1, users=0)
    odd = {"name": "Con\ud800to\x00so", "website": "a\x00.example", "contact_emails": ["\x00a@b.c"]}
    (tmp_path / "clients.jsonl").write_text(json.dumps({"client_id": client_id(1), **odd}) + "\n")
    seed = load_seed(str(tmp_path))
    found = next(client for client in seed.clients if str(client.client_id) == client_id(1))
    assert (found.name, found.website) == ("Con\ufffdtoso", "a.example")
    assert [c.email for c in seed.contacts if c.client_id == found.client_id] == ["a@b.c"]


async def test_an_address_on_several_clients_is_one_contact(database: Urls, tmp_path: Path) -> None:
    write_seed(tmp_path, tenants=2, users=1)
    shared = {"name": "Shared", "contact_emails": ["accountant@office.example"], "website": None}
    with (tmp_path / "clients.jsonl").open("a") as file:
        for number in (8, 9):
            file.write(json.dumps({"client_id": client_id(number), **shared}) + "\n")
    async with (
        running_host(database, {}, seed=str(tmp_path)) as host,
        host.host.database.engine.connect() as connection,
    ):
        of_ours = contacts.c.tenant_id == NORTHWIND
        wanted = contacts.c.email_key == "accountant@office.example"
        count = select(func.count()).select_from(contacts).where(of_ours, wanted)
        assert await connection.scalar(count) == 1
        count = select(func.count()).where(clients.c.tenant_id == NORTHWIND)
        assert await connection.scalar(count) == 4
