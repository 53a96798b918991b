"""One sync: start, read and plan, settle, apply, record."""
