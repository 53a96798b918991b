"""CSV that a spreadsheet shows and never runs, and plan rows in it."""

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence

from entra_plugin.store.changes import ChangeRow

HEADER = (
    "changeId",
    "managedTenantId",
    "clientId",
    "kind",
    "state",
    "reason",
    "address",
    "contactId",
    "before",
    "after",
)

BYTE_ORDER_MARK = "\ufeff"
"""At the beginning of a file it tells Excel that the text is UTF-8."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What begins a formula; the last four are the full-width forms of the first four."""


async def as_csv(pages: AsyncIterator[Sequence[ChangeRow]]) -> AsyncIterator[str]:
    """Write header and rows, page by page."""
    yield BYTE_ORDER_MARK + lines([HEADER])
    async for rows in pages:
        if rows:
            yield lines([_cells(row) for row in rows])


def guarded(value: str) -> str:
    """A cell that no spreadsheet takes for a formula; see OWASP, CSV injection."""
    return f"'{value}" if value.lstrip(" ").startswith(_FORMULA) else value


def unguarded(value: str) -> str:
    """The text of a cell without the mark that ``guarded`` put before it."""
    return value[1:] if value.startswith("'") and guarded(value[1:]) == value else value


def lines(rows: Sequence[Sequence[str]]) -> str:
    """Rows as CSV, each ended as spreadsheets do."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def _cells(row: ChangeRow) -> tuple[str, ...]:
    return tuple(
        guarded(cell)
        for cell in (
            str(row.change_id),
            str(row.managed_tenant_id),
            str(row.client_id),
            row.kind.value,
            row.state.value,
            row.reason,
            row.label,
            str(row.contact_id or ""),
            json.dumps(row.before, ensure_ascii=False) if row.before else "",
            json.dumps(row.after, ensure_ascii=False) if row.after else "",
        )
    )
