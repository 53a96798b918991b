"""The JSON API: one module per subject. Parse, call a use case, present."""
