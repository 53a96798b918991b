"""Files for spreadsheets show what is in them and run nothing."""

import csv
import io
from collections.abc import AsyncIterator, Sequence

import pytest

from entra_plugin.domain.ids import (
    ChangeId,
    ClientId,
    EntraTenantId,
    ManagedTenantId,
    ObjectId,
)
from entra_plugin.domain.states import ChangeKind, ChangeState
from entra_plugin.store.changes import ChangeRow
from entra_plugin.web.spreadsheet import HEADER, as_csv, guarded
from support.builders import guid


def row(label: str, after: dict[str, object] | None = None) -> ChangeRow:
    """A plan row."""
    return ChangeRow(
        change_id=ChangeId(guid("change")),
        managed_tenant_id=ManagedTenantId(guid("managed")),
        entra_tenant_id=EntraTenantId(guid("directory")),
        object_id=ObjectId(guid("object")),
        client_id=ClientId(guid("client")),
        contact_id=None,
        kind=ChangeKind.CREATE,
        state=ChangeState.APPLIED,
        reason="created",
        label=label,
        before=None,
        after=after,
        note=None,
        candidates=(),
    )


async def pages(*contents: Sequence[ChangeRow]) -> AsyncIterator[Sequence[ChangeRow]]:
    """Pages of rows."""
    for content in contents:
        yield content


async def written(*contents: Sequence[ChangeRow]) -> str:
    """The whole file."""
    return "".join([part async for part in as_csv(pages(*contents))])


@pytest.mark.parametrize(
    "value",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "|x",
        "%x",
        "  =1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff201",
    ],
)
def test_a_cell_that_could_be_a_formula_is_marked_as_text(value: str) -> None:
    assert guarded(value) == f"'{value}"


@pytest.mark.parametrize("value", ["", " ", "ada@contoso.example", "a=1", "1-2", "{'=': 1}"])
def test_a_cell_that_is_no_formula_stays_as_it_is(value: str) -> None:
    assert guarded(value) == value


async def test_the_file_begins_with_a_byte_order_mark_and_the_header() -> None:
    assert await written() == "\ufeff" + ",".join(HEADER) + "\r\n"


async def test_every_row_of_every_page_is_written() -> None:
    text = await written([row("a"), row("b")], [], [row("c")])
    records = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert [record["address"] for record in records] == ["a", "b", "c"]


async def test_a_hostile_name_is_guarded_quoted_and_kept_whole() -> None:
    name = '=HYPERLINK("http://evil.example","x")\r\n,y'
    text = await written([row(name, {"fullName": name})])
    (record,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert record["address"] == f"'{name}"
    assert record["after"].startswith('{"fullName": ')


async def test_a_cell_without_a_value_is_empty() -> None:
    text = await written([row("a")])
    (record,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert (record["contactId"], record["before"], record["after"]) == ("", "", "")
