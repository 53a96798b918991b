"""Decisions as CSV: written to be worked through in a spreadsheet, read as spreadsheets save it.

Reading finds all that is wrong with a file, line by line; it never guesses what was meant.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from entra_plugin.application.decide import Put
from entra_plugin.application.decision_file import ExportRow, FileFault, FileRow
from entra_plugin.domain.errors import Conflict, EntraError, NotAcceptable
from entra_plugin.domain.ids import ClientId, EntraTenantId
from entra_plugin.domain.states import MappingState
from entra_plugin.resources import Locale
from entra_plugin.web.decisions import reasons_in_words
from entra_plugin.web.moments import moment_text, parse_moment
from entra_plugin.web.spreadsheet import BYTE_ORDER_MARK, guarded, lines, unguarded

Value = TypeVar("Value")

COLUMNS = (
    "entraTenantId",
    "displayName",
    "defaultDomain",
    "domains",
    "state",
    "clientId",
    "clientName",
    "pausedUntil",
    "goneAt",
    "rowVersion",
    "suggestedClientId",
    "suggestedClientName",
    "score",
    "reason",
)
NEEDED = ("entraTenantId", "state", "clientId", "rowVersion")
"""What a decision is made of; ``pausedUntil`` is taken in where its column is there."""

MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 5000
MAX_FAULTS = 100
"""So many faults are told; a file with more has one cause."""

FAULTS = (
    "client_required",
    "duplicate_column",
    "duplicate_tenant",
    "invalid_value",
    "missing_column",
    "not_mapped",
    "pause_in_past",
    "stale_version",
    "tenant_gone",
    "too_many_cells",
    "unknown_client",
    "unknown_column",
    "unknown_tenant",
    "unreadable",
)
"""What may be wrong with a line; ``file.fault.*`` has the words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """The decisions of a file, what is wrong with it, and how many lines decide nothing."""

    rows: tuple[FileRow, ...] = ()
    faults: tuple[FileFault, ...] = ()
    left_alone: int = 0


def write_file(rows: Sequence[ExportRow], locale: Locale) -> str:
    """The whole file."""
    cells = [[guarded(cell) for cell in _cells(row, locale)] for row in rows]
    return BYTE_ORDER_MARK + lines([COLUMNS, *cells])


def read_file(content: bytes) -> ReadFile:
    """Read comma, semicolon or tab separated text in UTF-8, or in UTF-16 with its mark.

    Raises:
        NotAcceptable: ``file_too_large``.
    """
    if len(content) > MAX_BYTES:
        raise too_large()
    try:
        text = _decoded(content)
    except UnicodeError:
        return ReadFile(faults=(FileFault(line=1, code="unreadable"),))
    records = _Records(text)
    line, header = next(iter(records), (1, []))
    names = [unguarded(cell).strip() for cell in header]
    faults = [*_header_faults(line, names), *records.faults]
    if faults:
        return ReadFile(faults=tuple(faults))
    return _read_rows(names, records)


def too_large() -> NotAcceptable:
    """The refusal of a file that is larger than any that we write."""
    return NotAcceptable("file_too_large", details={"bytes": MAX_BYTES, "rows": MAX_ROWS})


def refusal(faults: Sequence[FileFault], locale: Locale) -> EntraError:
    """All that is wrong, as one refusal; a conflict if nothing is but decisions of others."""
    found = [
        {
            "line": fault.line,
            "column": fault.column,
            "code": fault.code,
            "sentence": locale.text(f"file.fault.{fault.code}"),
        }
        for fault in faults[:MAX_FAULTS]
    ]
    details = {"lines": found, "total": len(faults)}
    if {fault.code for fault in faults} == {"stale_version"}:
        return Conflict("stale_version", details=details)
    return NotAcceptable("invalid_file", details=details)


class _Records:
    """The records of a text with the line that each begins on, up to the first unreadable one."""

    def __init__(self, text: str) -> None:
        first = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]
        self._reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True
        )
        self._next = 1
        self.faults: list[FileFault] = []

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        while True:
            line = self._next
            try:
                record = next(self._reader, None)
            except csv.Error:
                self.faults.append(FileFault(line=line, code="unreadable"))
                return
            if record is None:
                return
            self._next = self._reader.line_num + 1
            if any(cell.strip() for cell in record):
                yield line, record


def _decoded(content: bytes) -> str:
    """The text without its mark; Excel's *Unicode Text* is UTF-16."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if wide else "utf-8-sig")


def _header_faults(line: int, names: Sequence[str]) -> Iterator[FileFault]:
    for name in NEEDED:
        if name not in names:
            yield FileFault(line=line, code="missing_column", column=name)
    for position, name in enumerate(names):
        if name and name in names[:position]:
            yield FileFault(line=line, code="duplicate_column", column=name)
        elif name and name not in COLUMNS:
            yield FileFault(line=line, code="unknown_column", column=name[:100])


def _read_rows(names: Sequence[str], records: _Records) -> ReadFile:
    rows: list[FileRow] = []
    faults: list[FileFault] = []
    left_alone = 0
    for count, (line, record) in enumerate(records, 1):
        if count > MAX_ROWS:
            raise too_large()
        cells = [unguarded(cell).strip() for cell in record]
        if any(cells[len(names) :]):
            faults.append(FileFault(line=line, code="too_many_cells"))
            continue
        found = _Line(line, dict(zip(names, cells, strict=False)))
        if not found.cells.get("state"):
            left_alone += 1
        elif (row := found.row()) is not None:
            rows.append(row)
        faults += found.faults
    faults += records.faults
    return ReadFile(rows=tuple(rows), faults=tuple(faults), left_alone=left_alone)


class _Line:
    """One line with a decision, parsed cell by cell."""

    def __init__(self, line: int, cells: Mapping[str, str]) -> None:
        self.line = line
        self.cells = cells
        self.faults: list[FileFault] = []

    def row(self) -> FileRow | None:
        """The decision, or None with the faults noted."""
        tenant = self._parse("entraTenantId", _id)
        state = self._parse("state", _state)
        client = self._parse("clientId", _id) if self.cells.get("clientId") else None
        version = self._parse("rowVersion", _version)
        until = self._parse("pausedUntil", parse_moment) if self.cells.get("pausedUntil") else None
        if self.faults or tenant is None or state is None or version is None:
            return None
        return FileRow(
            line=self.line,
            entra_tenant_id=EntraTenantId(tenant),
            state=state,
            client_id=ClientId(client) if client else None,
            row_version=version,
            pause=Put(value=until) if "pausedUntil" in self.cells else None,
        )

    def _parse(self, column: str, parse: Callable[[str], Value]) -> Value | None:
        try:
            return parse(self.cells.get(column, ""))
        except ValueError:
            self.faults.append(FileFault(line=self.line, code="invalid_value", column=column))
            return None


def _id(text: str) -> UUID:
    return UUID(text)


def _state(text: str) -> MappingState:
    return MappingState(text.lower())


def _version(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValueError("no version")
    return int(text)


def _cells(row: ExportRow, locale: Locale) -> tuple[str, ...]:
    tenant, decision, best = row.tenant, row.decision, row.suggestion
    paused = decision.paused_until if decision else None
    return (
        str(tenant.entra_tenant_id),
        tenant.display_name,
        tenant.default_domain or "",
        " ".join(tenant.domains),
        decision.state.value if decision else "",
        str(decision.client_id) if decision and decision.client_id else "",
        row.client_name or "",
        moment_text(paused) if paused else "",
        moment_text(tenant.gone_at) if tenant.gone_at else "",
        str(decision.version if decision else 0),
        str(best.client_id) if best else "",
        row.suggested_name or "",
        str(best.score) if best else "",
        "; ".join(reasons_in_words(best, locale)) if best else "",
    )
