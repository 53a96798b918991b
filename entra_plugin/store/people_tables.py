"""Tables of identities, links, review items, decisions, pins and delta cursors."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from entra_plugin.domain.states import (
    DecisionKind,
    DepartureKind,
    FieldName,
    ItemState,
    LinkState,
    PinKind,
    Settlement,
    Verdict,
    VerdictReason,
)
from entra_plugin.store.base import document, key, metadata, moment, one_of, ref, tenant_key

identities = Table(
    "entra_identities",
    metadata,
    tenant_key(),
    key("entra_tenant_id"),
    key("object_id"),
    Column("address", Text),
    Column("display_name", Text),
    Column("search_key", Text(collation="C"), nullable=False),
    Column("enabled", Boolean, nullable=False),
    document("attributes", nullable=False),
    Column("seen_fingerprint", LargeBinary, nullable=False),
    Column("acted_fingerprint", LargeBinary),
    Column("read_as", LargeBinary),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    moment("first_seen_at", nullable=False),
    moment("changed_at", nullable=False),
    Column("departure", Text),
    moment("departed_at"),
    Column("departure_settled", Boolean, nullable=False, server_default=text("false")),
    Column("unlisted", Boolean, nullable=False, server_default=text("false")),
    one_of("verdict", Verdict),
    one_of("reason", VerdictReason),
    one_of("departure", DepartureKind, optional=True),
    Index("ix_entra_identities_verdict", "tenant_id", "verdict", "reason", "entra_tenant_id"),
    Index(
        "ix_entra_identities_unsettled",
        "tenant_id",
        "entra_tenant_id",
        "object_id",
        postgresql_where=text(
            "acted_fingerprint IS NULL OR verdict = 'queued'"
            " OR (departure IS NOT NULL AND NOT departure_settled)"
        ),
    ),
)
"""What we last saw of each Entra user (``seen``) and what we last settled on (``acted``).

``read_as`` is the digest of the text that it was read from, if that is known, and behind it the
fingerprint that came of it: it says nothing of another fingerprint.

No index but the key begins with tenant and directory: without statistics, as after a first sync,
another was taken for a look-up by the key, and read the whole directory each time.

``departure`` is the evidence that the person left, ``departed_at`` when we first had it, and
``departure_settled`` whether it was acted on: a departure counts once.

``unlisted``: the directory did not show it when it was looked for last, and has not said why.
Nothing is written for such an identity from memory.
"""

contact_links = Table(
    "entra_contact_links",
    metadata,
    tenant_key(),
    key("link_id"),
    ref("entra_tenant_id"),
    ref("object_id"),
    ref("contact_id"),
    ref("client_id"),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    ref("opened_by_run", nullable=True),
    ref("opened_by_user", nullable=True),
    moment("opened_at", nullable=False),
    ref("closed_by_run", nullable=True),
    ref("closed_by_user", nullable=True),
    Column("closed_reason", Text),
    moment("closed_at"),
    document("base"),
    Column("host_version", BigInteger),
    Column("inactive_version", BigInteger),
    one_of("state", LinkState),
    one_of("reason", VerdictReason),
    Index(
        "uq_entra_contact_links_identity",
        "tenant_id",
        "entra_tenant_id",
        "object_id",
        unique=True,
        postgresql_where=text("state = 'active'"),
    ),
    Index(
        "uq_entra_contact_links_contact",
        "tenant_id",
        "contact_id",
        unique=True,
        postgresql_where=text("state = 'active'"),
    ),
    Index(
        "ix_entra_contact_links_closed",
        "tenant_id",
        "entra_tenant_id",
        "object_id",
        postgresql_where=text("state = 'closed'"),
    ),
    Index(
        "ix_entra_contact_links_left",
        "tenant_id",
        "contact_id",
        postgresql_where=text("state = 'closed'"),
    ),
)
"""Identity to contact; closed, never deleted.

``base`` holds the directory values last written or compared per field, ``host_version`` the
contact's version at our last write. ``inactive_version`` is its version when we made it inactive,
and empty while that is not our doing.
"""

reconciliation_items = Table(
    "entra_reconciliation_items",
    metadata,
    tenant_key(),
    key("item_id"),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    ref("managed_tenant_id"),
    ref("entra_tenant_id"),
    ref("object_id"),
    ref("client_id"),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("candidates", ARRAY(Uuid()), nullable=False, server_default="{}"),
    document("details"),
    ref("run_id", nullable=True),
    Column("version", Integer, nullable=False, server_default="1"),
    moment("created_at", nullable=False),
    moment("settled_at"),
    ref("settled_by", nullable=True),
    Column("settled_as", Text),
    Column("settled_by_name", Text),
    one_of("state", ItemState),
    one_of("reason", VerdictReason),
    one_of("settled_as", Settlement, optional=True),
    Index(
        "uq_entra_reconciliation_items_open",
        "tenant_id",
        "entra_tenant_id",
        "object_id",
        unique=True,
        postgresql_where=text("state = 'open'"),
    ),
    Index("ix_entra_reconciliation_items_position", "tenant_id", "state", "position"),
)
"""A question to a person: one open item per identity."""

decisions = Table(
    "entra_decisions",
    metadata,
    tenant_key(),
    key("entra_tenant_id"),
    key("object_id"),
    Column("kind", Text, nullable=False),
    ref("contact_id", nullable=True),
    Column("reason", Text),
    Column("fingerprint", LargeBinary),
    Column("question", Text),
    Column("fields", ARRAY(Text)),
    ref("client_id", nullable=True),
    ref("run_id", nullable=True),
    ref("decided_by", nullable=True),
    Column("decided_by_name", Text),
    moment("decided_at", nullable=False),
    one_of("kind", DecisionKind),
    one_of("question", VerdictReason, optional=True),
)
"""What a person decided about an identity.

A dismissal is of one ``question``: of a conflict about these ``fields``, or of a move to the client
``client_id``. It holds while the identity's seen fingerprint is ``fingerprint``. ``run_id`` is the
run that was undone.
"""

pins = Table(
    "entra_pins",
    metadata,
    tenant_key(),
    key("pin_id"),
    Column("kind", Text, nullable=False),
    ref("contact_id", nullable=True),
    ref("entra_tenant_id", nullable=True),
    ref("object_id", nullable=True),
    Column("field", Text),
    Column("reason", Text),
    ref("created_by", nullable=True),
    Column("created_by_name", Text),
    moment("created_at", nullable=False),
    one_of("kind", PinKind),
    one_of("field", FieldName, optional=True),
    Index(
        "uq_entra_pins_subject",
        "tenant_id",
        "kind",
        "contact_id",
        "entra_tenant_id",
        "object_id",
        "field",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
)
"""Standing orders of people."""

delta_cursors = Table(
    "entra_delta_cursors",
    metadata,
    tenant_key(),
    key("managed_tenant_id"),
    Column("link", Text, nullable=False),
    Column("select_fingerprint", LargeBinary, nullable=False),
    moment("obtained_at", nullable=False),
    moment("verified_at"),
)
"""Where the next delta round of a managed tenant starts.

``verified_at`` is when a full reading last looked for those who are gone.
"""
