"""A real Temporal dev server for a test session."""

from devhost.servers.running import running_temporal, wait_for_port

__all__ = ["running_temporal", "wait_for_port"]
