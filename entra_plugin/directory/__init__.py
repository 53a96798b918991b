"""The outside: one protocol, its adapters, transport and throttling."""
