"""The adapter that reads directories through CIPP's API; the only place that knows its answers."""
