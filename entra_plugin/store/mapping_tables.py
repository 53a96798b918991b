"""Tables of discovered managed tenants, their domains, and the decisions about them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from entra_plugin.domain.states import MappingState
from entra_plugin.store.base import document, key, metadata, moment, one_of, ref, tenant_key

managed_tenants = Table(
    "entra_managed_tenants",
    metadata,
    tenant_key(),
    key("managed_tenant_id"),
    ref("entra_tenant_id"),
    Column("display_name", Text, nullable=False),
    Column("search_key", Text(collation="C"), nullable=False),
    Column("default_domain", Text),
    Column("listed_domain", Text),
    Column("privilege_status", Text),
    Column("provider_errors", Integer),
    Column("user_count", Integer),
    moment("relationship_end"),
    Column("auto_extend", Boolean),
    Column("roles", ARRAY(Text), nullable=False, server_default="{}"),
    Column("health_code", Text),
    document("health_details"),
    moment("health_at"),
    moment("first_seen_at", nullable=False),
    moment("last_seen_at", nullable=False),
    moment("gone_at"),
    moment("last_success_at"),
    Column("policy_fingerprint", LargeBinary),
    moment("relationship_warned_for"),
    UniqueConstraint("tenant_id", "entra_tenant_id"),
    Index("ix_entra_managed_tenants_search", "tenant_id", "search_key"),
)
"""One customer directory of one MSP.

``default_domain`` is what the directory says of itself, ``listed_domain`` what the partner's lists
say, which can be out of date. ``health_code`` is an error code of the last reading or check, empty
when all is well.
``policy_fingerprint`` is that of the last successful sync. ``relationship_warned_for`` is when the
last warning that was given of its end was due.
"""

managed_tenant_domains = Table(
    "entra_managed_tenant_domains",
    metadata,
    tenant_key(),
    key("managed_tenant_id"),
    Column("domain", Text(collation="C"), primary_key=True),
    Column("is_default", Boolean, nullable=False),
    Column("is_initial", Boolean, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "managed_tenant_id"],
        ["entra_managed_tenants.tenant_id", "entra_managed_tenants.managed_tenant_id"],
        ondelete="CASCADE",
    ),
    Index("ix_entra_managed_tenant_domains_domain", "tenant_id", "domain"),
)
"""Verified domains, IDNA ASCII form, lower case."""

client_tenant_mappings = Table(
    "entra_client_tenant_mappings",
    metadata,
    tenant_key(),
    key("mapping_id"),
    ref("managed_tenant_id"),
    ref("client_id", nullable=True),
    Column("state", Text, nullable=False),
    document("evidence"),
    document("filter_overrides"),
    moment("paused_until"),
    Column("version", BigInteger, nullable=False),
    ref("decided_by", nullable=True),
    Column("decided_by_name", Text),
    moment("decided_at", nullable=False),
    moment("ended_at"),
    one_of("state", MappingState),
    CheckConstraint("(state = 'mapped') = (client_id IS NOT NULL)", name="client"),
    ForeignKeyConstraint(
        ["tenant_id", "managed_tenant_id"],
        ["entra_managed_tenants.tenant_id", "entra_managed_tenants.managed_tenant_id"],
    ),
    Index(
        "uq_entra_client_tenant_mappings_current",
        "tenant_id",
        "managed_tenant_id",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("ix_entra_client_tenant_mappings_client", "tenant_id", "client_id"),
    Index("ix_entra_client_tenant_mappings_history", "tenant_id", "managed_tenant_id", "version"),
)
"""Every decision ever made; ``ended_at`` is empty on the current one.

``version`` is the MSP's mapping counter at the moment of the decision, so it orders the history of
a managed tenant. ``state`` mapped needs a client. ``evidence`` is what the matcher said then (see
``domain.decisions``); ``decided_by_name`` is the person's name as it was then.
"""
