"""How things stand at an MSP of a history: rows of the host and of the plugin, in one look."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import psycopg

Row = Mapping[str, object]

_STATE = """
    SELECT json_build_object(
        'contacts', (SELECT coalesce(json_agg(json_build_object('id', c.id, 'client', c.client_id,
            'displayName', c.full_name, 'email', c.email, 'role', c.role,
            'department', c.department, 'active', c.active, 'version', c.version,
            'phone', (SELECT number FROM psa_contact_phones p WHERE p.tenant_id = c.tenant_id
                AND p.contact_id = c.id AND p.type = 'work'),
            'mobile', (SELECT number FROM psa_contact_phones p WHERE p.tenant_id = c.tenant_id
                AND p.contact_id = c.id AND p.type = 'mobile'))
            ORDER BY c.created_at, c.email, c.full_name, c.id), '[]')
            FROM psa_contacts c WHERE c.tenant_id = %(t)s),
        'links', (SELECT coalesce(json_agg(l ORDER BY l.closed_at, l.link_id DESC), '[]')
            FROM entra_contact_links l WHERE l.tenant_id = %(t)s),
        'identities', (SELECT coalesce(json_agg(json_build_object('directory', i.entra_tenant_id,
            'object', i.object_id, 'verdict', i.verdict, 'reason', i.reason,
            'departure', i.departure, 'settled', i.departure_settled,
            'unlisted', i.unlisted, 'acted', i.acted_fingerprint IS NOT NULL)), '[]')
            FROM entra_identities i WHERE i.tenant_id = %(t)s),
        'items', (SELECT coalesce(json_agg(json_build_object('id', q.item_id,
            'directory', q.entra_tenant_id, 'object', q.object_id, 'reason', q.reason,
            'candidates', q.candidates, 'details', q.details, 'state', q.state)
            ORDER BY q.created_at, q.object_id, q.item_id), '[]')
            FROM entra_reconciliation_items q WHERE q.tenant_id = %(t)s),
        'decisions', (SELECT coalesce(json_agg(json_build_object('directory', d.entra_tenant_id,
            'object', d.object_id, 'kind', d.kind, 'contact', d.contact_id, 'run', d.run_id,
            'question', d.question, 'fields', d.fields, 'client', d.client_id)), '[]')
            FROM entra_decisions d WHERE d.tenant_id = %(t)s),
        'changes', (SELECT coalesce(json_agg(json_build_object('id', x.change_id, 'run', x.run_id,
            'customer', x.managed_tenant_id, 'directory', x.entra_tenant_id,
            'object', x.object_id, 'contact', x.contact_id, 'kind', x.kind, 'state', x.state,
            'reason', x.reason, 'before', x.before, 'after', x.after, 'note', x.note,
            'client', x.client_id, 'source', x.source_change_id,
            'at', extract(epoch FROM x.applied_at)) ORDER BY x.position), '[]')
            FROM entra_sync_changes x WHERE x.tenant_id = %(t)s),
        'runs', (SELECT coalesce(json_agg(json_build_object('id', r.run_id, 'type', r.type,
            'state', r.state, 'finished', r.finished_at IS NOT NULL,
            'applied', r.applied_at IS NOT NULL, 'undoes', r.undoes_run_id)), '[]')
            FROM entra_sync_runs r WHERE r.tenant_id = %(t)s),
        'parts', (SELECT coalesce(json_agg(p), '[]')
            FROM entra_sync_run_tenants p WHERE p.tenant_id = %(t)s))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How things stand: rows of the host and of the plugin, as JSON has them."""

    contacts: Mapping[str, Row]
    links: Mapping[tuple[str, str], Row]
    """The active ones, by directory and object."""
    closed: Mapping[tuple[str, str], Row]
    """The youngest closed one of each identity that has no other."""
    holders: Mapping[str, tuple[str, str]]
    """Who has an active link to a contact."""
    identities: Mapping[tuple[str, str], Row]
    items: Mapping[tuple[str, str], Row]
    """The open questions."""
    dismissed: tuple[Row, ...]
    decisions: Mapping[tuple[str, str], Row]
    changes: tuple[Row, ...]
    runs: Mapping[str, Row]
    parts: tuple[Row, ...]

    def of_run(self, run_id: object) -> list[Row]:
        """The change rows of a run."""
        return [row for row in self.changes if row["run"] == str(run_id)]


def _key(row: Row, directory: str = "directory", object_: str = "object") -> tuple[str, str]:
    return str(row[directory]), str(row[object_])


def look(connection: psycopg.Connection[tuple[object, ...]], tenant_id: UUID) -> State:
    """Everything there is of an MSP."""
    ((found,),) = connection.execute(_STATE, {"t": tenant_id}).fetchall()
    assert isinstance(found, dict)
    links = [row for row in found["links"] if row["state"] == "active"]
    by_identity = {_key(r, "entra_tenant_id", "object_id"): r for r in links}
    closed = {
        _key(r, "entra_tenant_id", "object_id"): r
        for r in sorted(found["links"], key=lambda r: r["closed_at"] or "")
        if r["state"] == "closed"
    }
    assert len(by_identity) == len(links), "two links of one identity"
    assert len({r["contact_id"] for r in links}) == len(links), "two links of one contact"
    opened = [row for row in found["items"] if row["state"] == "open"]
    items = {_key(row): row for row in opened}
    assert len(items) == len(opened), "two questions about one identity"
    return State(
        contacts={row["id"]: row for row in found["contacts"]},
        links=by_identity,
        closed={key: row for key, row in closed.items() if key not in by_identity},
        holders={r["contact_id"]: key for key, r in by_identity.items()},
        identities={_key(row): row for row in found["identities"]},
        items=items,
        dismissed=tuple(row for row in found["items"] if row["state"] == "dismissed"),
        decisions={_key(row): row for row in found["decisions"]},
        changes=tuple(found["changes"]),
        runs={row["id"]: row for row in found["runs"]},
        parts=tuple(found["parts"]),
    )
