"""Rows by their keys, one look-up in the index for each, whatever the statistics say.

A plain join of a thousand ids with a table that has not been analysed yet is planned as a scan of
all the tenant's rows, for every batch of a first sync anew. LIMIT 1 says nothing new, the keys are
unique; it leaves the planner no other way.
"""

CHANGES = """
    (SELECT s.* FROM unnest(:change_ids) AS w (change_id)
    CROSS JOIN LATERAL (
        SELECT * FROM entra_sync_changes
        WHERE tenant_id = :tenant_id AND change_id = w.change_id LIMIT 1) s)
"""
"""The change rows of ``:change_ids``."""

IDENTITIES = """
    (SELECT s.* FROM unnest(:object_ids) AS w (object_id)
    CROSS JOIN LATERAL (
        SELECT * FROM entra_identities
        WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id
            AND object_id BETWEEN w.object_id AND w.object_id
        ORDER BY object_id LIMIT 1) s)
"""
"""What is held of the identities ``:object_ids`` of one directory.

While the table is small, another index costs the planner as much as the key, and it keeps to that
one when there are thousands. Only the key gives a range, though of one id, in its order.
"""

ACTIVE_LINKS = """
    (SELECT s.* FROM unnest(:object_ids) AS w (object_id)
    CROSS JOIN LATERAL (
        SELECT * FROM entra_contact_links
        WHERE tenant_id = :tenant_id AND entra_tenant_id = :entra_tenant_id
            AND object_id = w.object_id AND state = 'active' LIMIT 1) s)
"""
"""The links that the identities ``:object_ids`` of one directory have now."""

LAST_LINK = """
        NOT EXISTS (
            SELECT FROM entra_contact_links o
            WHERE o.tenant_id = l.tenant_id AND o.entra_tenant_id = l.entra_tenant_id
                AND o.object_id = l.object_id AND o.state = 'active')
        AND NOT EXISTS (
            SELECT FROM entra_contact_links o
            WHERE o.tenant_id = l.tenant_id AND o.entra_tenant_id = l.entra_tenant_id
                AND o.object_id = l.object_id AND o.state = 'closed'
                AND (o.closed_at > l.closed_at
                    OR (o.closed_at = l.closed_at AND o.link_id < l.link_id)))
"""
"""True for a closed link ``l`` whose identity has neither an open one nor one closed later."""
