"""The names under which secrets lie at the host, letter for letter as the guide gives them."""

CLIENT_ID = "microsoft_client_id"
CLIENT_SECRET = "microsoft_client_secret"
HOME_TENANT = "microsoft_tenant_id"

DIRECT_ACCESS_TOKEN = "entra_direct_access_token"
DIRECT_REFRESH_TOKEN = "entra_direct_refresh_token"
DIRECT_EXPIRES_AT = "entra_direct_token_expires_at"
DIRECT_PARTNER_TENANT = "entra_direct_partner_tenant_id"
DIRECT_SCOPE = "entra_direct_token_scope"

DIRECT = (
    DIRECT_ACCESS_TOKEN,
    DIRECT_REFRESH_TOKEN,
    DIRECT_EXPIRES_AT,
    DIRECT_PARTNER_TENANT,
    DIRECT_SCOPE,
)
"""What a direct connection stores, and what disconnecting deletes."""
