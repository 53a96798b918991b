"""What is written out and comes back changes nothing, whatever the customers are called."""

import csv
import io
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.application.clients import KnownClients
from entra_plugin.application.decide import Held, MappingDecision
from entra_plugin.application.decision_file import ExportRow, FileRow
from entra_plugin.domain.ids import ClientId
from entra_plugin.domain.mapping.facts import Evidence, Reason, Suggestion
from entra_plugin.domain.states import MappingState
from entra_plugin.resources import locale
from entra_plugin.web.decision_file import read_file, write_file
from support.builders import CLIENT, NOW, guid, managed_tenant, mapping
from support.strategies import storable

hostile = storable | st.text("=+-@|%\t\r\n\"';, a\uff1d", max_size=8)
moments = st.integers(15 * 10**8, 10**10).map(lambda n: datetime.fromtimestamp(n / 1.5, UTC))
"""Of this century and the next."""


@st.composite
def exported(draw: st.DrawFn, number: int) -> ExportRow:
    """A managed tenant in any situation."""
    gone = draw(st.none() | moments)
    tenant = managed_tenant(f"{draw(hostile)}{number}", "contoso.example", gone_at=gone)
    state = draw(st.none() | st.sampled_from(MappingState))
    client = CLIENT if state == MappingState.MAPPED else None
    decision = None
    if state is not None:
        paused = draw(st.none() | moments)
        version = draw(st.integers(1, 10**9))
        decision = mapping(tenant, state, client, paused_until=paused, version=version)
    reason = Reason(evidence=Evidence.NAME, detail=draw(hostile))
    best = Suggestion(client_id=ClientId(guid("best")), score=0.5, reasons=(reason,))
    return ExportRow(
        tenant=tenant,
        decision=decision,
        client_name=draw(st.none() | hostile),
        suggestion=draw(st.none() | st.just(best)),
        suggested_name=draw(hostile),
    )


exports = st.integers(0, 6).flatmap(lambda n: st.tuples(*(exported(k) for k in range(n))))


def changes(rows: tuple[ExportRow, ...], read: tuple[FileRow, ...]) -> list[FileRow]:
    """The rows that would change something."""
    by_directory = {row.tenant.entra_tenant_id: row.tenant for row in rows}
    held = Held(
        tenants={row.tenant.managed_tenant_id: row.tenant for row in rows},
        current={row.tenant.managed_tenant_id: row.decision for row in rows if row.decision},
        clients=KnownClients(),
        now=NOW,
    )
    found = []
    for row in read:
        decision = MappingDecision(
            managed_tenant_id=by_directory[row.entra_tenant_id].managed_tenant_id,
            state=row.state,
            client_id=row.client_id,
            pause=row.pause,
        )
        assert held.fault(decision) is None
        if not held.is_in_force(decision):
            found.append(row)
    return found


@given(
    exports, st.sampled_from((",", ";", "\t")), st.sampled_from(("utf-8", "utf-8-sig", "utf-16"))
)
def test_a_file_that_a_spreadsheet_opened_and_saved_changes_nothing(
    rows: tuple[ExportRow, ...], separator: str, encoding: str
) -> None:
    written = write_file(rows, locale("en")).removeprefix("\ufeff")
    saved = io.StringIO(newline="")
    records = csv.reader(io.StringIO(written, newline=""))
    csv.writer(saved, delimiter=separator).writerows(records)
    for text in (written, saved.getvalue()):
        found = read_file(text.encode(encoding))
        assert found.faults == ()
        assert len(found.rows) == sum(row.decision is not None for row in rows)
        assert found.left_alone == len(rows) - len(found.rows)
        assert changes(rows, found.rows) == []


@given(st.binary(max_size=200) | hostile.map(lambda text: text.encode("utf-8", "replace")))
def test_no_file_at_all_makes_the_reader_fail(content: bytes) -> None:
    found = read_file(content)
    assert found.rows == ()
