"""Microsoft Graph, as much as a partner needs to read its customers; the rest is refused."""
