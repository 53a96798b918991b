"""Connect, validate, rotate, disconnect.

Nothing is stored that did not work, and nothing is half-stored.
"""
