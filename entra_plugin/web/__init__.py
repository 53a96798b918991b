"""HTTP: the gate, the JSON API and the pages. Parse, call a use case, present."""
