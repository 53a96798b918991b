"""Our tables and every query on them, tenant-scoped by construction."""
