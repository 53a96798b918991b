"""Tables of the partner connection and its sign-in attempts."""

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from entra_plugin.domain.states import (
    ConnectionMode,
    ConnectionStatus,
    ConnectionType,
    CredentialSource,
)
from entra_plugin.store.base import document, key, metadata, moment, one_of, ref, tenant_key

partner_connections = Table(
    "entra_partner_connections",
    metadata,
    tenant_key(),
    key("connection_id"),
    Column("type", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("credential_source", Text),
    ref("partner_tenant_id", nullable=True),
    Column("scope", Text),
    ref("created_by", nullable=True),
    moment("created_at", nullable=False),
    moment("validated_at"),
    moment("ended_at"),
    Column("ended_reason", Text),
    Column("error_code", Text),
    Column("error_vendor_code", Text),
    document("error_details"),
    moment("error_at"),
    moment("renewed_at"),
    one_of("type", ConnectionType),
    one_of("mode", ConnectionMode),
    one_of("status", ConnectionStatus),
    one_of("credential_source", CredentialSource, optional=True),
    Index(
        "uq_entra_partner_connections_one_active",
        "tenant_id",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
)
"""One row per connection ever made; ``ended_at`` is empty on the active one.

``renewed_at`` is when the partner's refresh token was last renewed at its home.
"""

oauth_attempts = Table(
    "entra_oauth_attempts",
    metadata,
    tenant_key(),
    Column("state", Text, primary_key=True),
    ref("user_id"),
    Column("purpose", Text, nullable=False),
    Column("credential_source", Text, nullable=False),
    document("flow"),
    moment("created_at", nullable=False),
    moment("expires_at", nullable=False),
    moment("used_at"),
    one_of("credential_source", CredentialSource),
)
"""A sign-in that was started: bound to tenant, user and purpose, used once. ``flow`` holds the PKCE
verifier and is emptied when the attempt is used."""

secret_changes = Table(
    "entra_secret_changes",
    metadata,
    tenant_key(),
    key("change_id"),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("sets", ARRAY(Text), nullable=False),
    Column("deletes", ARRAY(Text), nullable=False),
    Column("committed", Boolean, nullable=False, server_default=text("false")),
    moment("created_at", nullable=False),
)
"""A change of secrets that is under way: names only, never values.

The host's secret store joins no transaction of ours. New values wait in it under staged names until
the rows that need them are committed; then they are put in place. A row that is left over tells the
next one what a process that died was doing: finish it if ``committed``, undo it otherwise.
"""
