"""The host's own tables and their history."""
