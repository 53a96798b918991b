"""How well and how fast managed tenants are mapped to clients: ``python -m benchmarks.mapping``."""
