"""The adapter that reads Microsoft Graph with tokens that MSAL got."""
