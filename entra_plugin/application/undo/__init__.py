"""Undo a run: start it, plan it, apply it, and resume what it left alone."""
