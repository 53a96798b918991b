"""Tables of the partner connection and its sign-in attempts."""

from sqlalchemy import Column, Index, Table, Text, text

from entra_plugin.domain.states import ConnectionStatus, ConnectionType, CredentialSource
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
    moment("client_secret_expires_at"),
    one_of("type", ConnectionType),
    one_of("status", ConnectionStatus),
    one_of("credential_source", CredentialSource, optional=True),
    Index(
        "uq_entra_partner_connections_one_active",
        "tenant_id",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
)
"""One row per connection ever made; ``ended_at`` is empty on the active one."""

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
