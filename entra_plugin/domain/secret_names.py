"""The names under which secrets lie at the host, letter for letter as the guide gives them."""

CLIENT_ID = "microsoft_client_id"
CLIENT_SECRET = "microsoft_client_secret"
HOME_TENANT = "microsoft_tenant_id"

DIRECT_ACCESS_TOKEN = "entra_direct_access_token"
DIRECT_REFRESH_TOKEN = "entra_direct_refresh_token"
DIRECT_EXPIRES_AT = "entra_direct_token_expires_at"
DIRECT_PARTNER_TENANT = "entra_direct_partner_tenant_id"
DIRECT_SCOPE = "entra_direct_token_scope"

CIPP_BASE_URL = "entra_cipp_base_url"
CIPP_API_TOKEN = "entra_cipp_api_token"
CIPP_TENANT_ID = "entra_cipp_tenant_id"
CIPP_CLIENT_ID = "entra_cipp_client_id"
CIPP_CLIENT_SECRET = "entra_cipp_client_secret"

DIRECT_TOKENS = (
    DIRECT_ACCESS_TOKEN,
    DIRECT_REFRESH_TOKEN,
    DIRECT_EXPIRES_AT,
    DIRECT_SCOPE,
)
"""What a partner's sign-in left."""

DIRECT = (*DIRECT_TOKENS, DIRECT_PARTNER_TENANT)
CIPP = (CIPP_BASE_URL, CIPP_API_TOKEN, CIPP_TENANT_ID, CIPP_CLIENT_ID, CIPP_CLIENT_SECRET)

OF_CONNECTIONS = (*DIRECT, *CIPP)
"""Every secret that belongs to a connection: disconnecting deletes them, switching all but the new
connection's own."""

MICROSOFT = (CLIENT_ID, CLIENT_SECRET, HOME_TENANT)
"""The tenant's Microsoft app credentials, which other integrations of the host may share."""

STAGED = "entra_staged_"
"""Put before a name while its new value waits for the rows that need it."""
