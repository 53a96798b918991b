"""Tables of settings, runs and what a run read and planned."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from entra_plugin.domain.states import (
    ChangeKind,
    ChangeState,
    ReadingKind,
    RunState,
    RunType,
    Trigger,
    VerdictReason,
)
from entra_plugin.store.base import document, key, metadata, moment, one_of, ref, tenant_key

sync_settings = Table(
    "entra_sync_settings",
    metadata,
    tenant_key(),
    document("field_sync_config", nullable=False),
    document("user_filter_config", nullable=False),
    document("guard_config", nullable=False),
    document("notification_config", nullable=False),
    Column("sync_enabled", Boolean, nullable=False, server_default=text("false")),
    Column("sync_interval_minutes", Integer, nullable=False, server_default="1440"),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("mapping_version", BigInteger, nullable=False, server_default="0"),
    moment("last_discovery_at"),
    moment("client_secret_expires_at"),
    moment("secret_warned_for"),
    moment("updated_at", nullable=False),
    ref("updated_by", nullable=True),
)
"""One row per tenant. ``version`` guards edits, ``mapping_version`` counts decisions.

``client_secret_expires_at`` is what a person entered with the tenant's own Microsoft credentials;
``secret_warned_for`` is when the last warning of it that was given was due.
"""

sync_runs = Table(
    "entra_sync_runs",
    metadata,
    tenant_key(),
    key("run_id"),
    Column("type", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_reason", Text),
    ref("actor_id", nullable=True),
    Column("actor_name", Text),
    ref("client_id", nullable=True),
    Column("workflow_id", Text, nullable=False),
    document("progress"),
    moment("created_at", nullable=False),
    moment("started_at"),
    moment("finished_at"),
    moment("applied_at"),
    moment("waiting_until"),
    Column("error_code", Text),
    Column("error_vendor_code", Text),
    document("error_details"),
    ref("subject_tenant_id", nullable=True),
    ref("subject_object_id", nullable=True),
    ref("undoes_run_id", nullable=True),
    document("what_if"),
    moment("notified_at"),
    one_of("type", RunType),
    one_of("trigger", Trigger),
    one_of("state", RunState),
    Index("ix_entra_sync_runs_created", "tenant_id", "created_at"),
    Index(
        "uq_entra_sync_runs_one_at_a_time",
        "tenant_id",
        text("coalesce(nullif(type, 'initial'), 'all')"),
        unique=True,
        postgresql_where=text(
            "type IN ('all', 'initial', 'discovery', 'validation')"
            " AND state IN ('queued', 'running')"
        ),
    ),
)
"""One execution. ``progress`` holds what a discovery or validation found so far.

A person's run names its identity in ``subject_...``, an undo the run that it undoes; ``what_if``
holds unsaved settings that a preview was made with. ``notified_at`` is the end of which people were
told: a run that is applied later ends twice.
"""

COUNTERS = (
    "created",
    "linked",
    "updated",
    "inactivated",
    "reactivated",
    "moved",
    "queued",
    "filtered",
    "unchanged",
    "held",
    "stale",
    "failed",
)
"""The counts of a run and of each managed tenant in it, in the order people read them."""

sync_run_tenants = Table(
    "entra_sync_run_tenants",
    metadata,
    tenant_key(),
    key("run_id"),
    key("managed_tenant_id"),
    ref("client_id", nullable=True),
    Column("client_name", Text),
    Column("state", Text, nullable=False),
    Column("state_reason", Text),
    Column("writes", Boolean, nullable=False),
    ref("joined_run_id", nullable=True),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("reading", Integer, nullable=False, server_default="1"),
    *(Column(name, Integer, nullable=False, server_default="0") for name in COUNTERS),
    Column("pages_read", Integer, nullable=False, server_default="0"),
    Column("users_read", Integer, nullable=False, server_default="0"),
    moment("started_at"),
    moment("finished_at"),
    moment("waiting_until"),
    Column("waited_seconds", Integer, nullable=False, server_default="0"),
    Column("error_code", Text),
    Column("error_vendor_code", Text),
    document("error_details"),
    Column("reading_kind", Text),
    Column("cursor_link", Text),
    Column("absences", Boolean, nullable=False, server_default=text("false")),
    Column("settled", Boolean, nullable=False, server_default=text("false")),
    Column("policy_fingerprint", LargeBinary),
    Column("select_fingerprint", LargeBinary),
    one_of("state", RunState),
    one_of("reading_kind", ReadingKind, optional=True),
    ForeignKeyConstraint(
        ["tenant_id", "run_id"],
        ["entra_sync_runs.tenant_id", "entra_sync_runs.run_id"],
        ondelete="CASCADE",
    ),
    Index(
        "uq_entra_sync_run_tenants_one_writer",
        "tenant_id",
        "managed_tenant_id",
        unique=True,
        postgresql_where=text("writes AND state IN ('queued', 'running')"),
    ),
    Index(
        "ix_entra_sync_run_tenants_held",
        "tenant_id",
        "managed_tenant_id",
        postgresql_where=text("state = 'held'"),
    ),
    Index("ix_entra_sync_run_tenants_client", "tenant_id", "client_id", "run_id"),
)
"""One managed tenant in a run.

``fence`` rises with each attempt; a write of an older attempt is refused. ``reading`` rises when a
listing had to start again from its first page. ``waited_seconds`` is all the waiting that the
provider asked for. ``cursor_link`` is where the next delta round will start, once this reading is
recorded; ``absences`` says that the reading looks for those who are gone, ``settled`` that the plan
is whole, so that no later attempt makes it again; ``policy_fingerprint`` is
that of the rules by which the reading was planned, ``select_fingerprint`` that of the properties
that the cursor keeps.
"""

sync_pages = Table(
    "entra_sync_pages",
    metadata,
    tenant_key(),
    key("run_id"),
    key("managed_tenant_id"),
    Column("page", Integer, primary_key=True),
    Column("reading", Integer, nullable=False),
    Column("next_link", Text),
    Column("object_ids", ARRAY(Uuid()), nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("filtered", Integer, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "run_id", "managed_tenant_id"],
        [
            "entra_sync_run_tenants.tenant_id",
            "entra_sync_run_tenants.run_id",
            "entra_sync_run_tenants.managed_tenant_id",
        ],
        ondelete="CASCADE",
    ),
)
"""One row per page read: the only place where a reading resumes, and the source of the seen set."""

sync_changes = Table(
    "entra_sync_changes",
    metadata,
    tenant_key(),
    key("change_id"),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    ref("run_id"),
    ref("managed_tenant_id"),
    ref("entra_tenant_id"),
    ref("object_id"),
    ref("client_id"),
    ref("contact_id", nullable=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("search_key", Text(collation="C"), nullable=False),
    document("before"),
    document("after"),
    document("snapshot"),
    Column("candidates", ARRAY(Uuid()), nullable=False, server_default="{}"),
    document("note"),
    moment("created_at", nullable=False),
    moment("applied_at"),
    ref("source_change_id", nullable=True),
    ref("decided_by", nullable=True),
    Column("decided_by_name", Text),
    one_of("kind", ChangeKind),
    one_of("state", ChangeState),
    one_of("reason", VerdictReason),
    UniqueConstraint(
        "tenant_id",
        "run_id",
        "managed_tenant_id",
        "object_id",
        "kind",
        name="uq_entra_sync_changes_subject",
    ),
    ForeignKeyConstraint(
        ["tenant_id", "run_id"],
        ["entra_sync_runs.tenant_id", "entra_sync_runs.run_id"],
        ondelete="CASCADE",
    ),
    postgresql_with={"fillfactor": 70},
)
"""The plan, which becomes the history: one row per change.

Every row is written and settled once: no index has the state, and pages keep room, so that settling
rewrites no index.

``label`` is the identity's address for people, ``snapshot`` the identity as read, from which apply
stores it (emptied then), ``note`` what was found when a row went stale or was rejected.
``source_change_id`` is the row that an undo reverts; ``decided_by`` who approved or discarded it.
"""
