"""Plan rows as CSV that a spreadsheet shows and never runs."""

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

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What begins a formula; the last four are the full-width forms of the first four."""


async def as_csv(pages: AsyncIterator[Sequence[ChangeRow]]) -> AsyncIterator[str]:
    """Write header and rows, page by page; a byte order mark tells Excel that it is UTF-8."""
    yield "\ufeff" + _lines([HEADER])
    async for rows in pages:
        if rows:
            yield _lines([_cells(row) for row in rows])


def guarded(value: str) -> str:
    """A cell that no spreadsheet takes for a formula; see OWASP, CSV injection."""
    return f"'{value}" if value.lstrip(" ").startswith(_FORMULA) else value


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


def _lines(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
