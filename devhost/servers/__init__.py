"""The servers that come as wheels: PostgreSQL and Temporal."""
