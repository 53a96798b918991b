"""Revisions, one file each: ``rev_<id>_<slug>.py``."""
