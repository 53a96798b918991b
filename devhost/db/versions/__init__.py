"""Revisions of the host's schema."""
