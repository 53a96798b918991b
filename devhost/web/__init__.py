"""The host's pages, the platform flag API, and the mounts of its plugins."""
