"""A small PSA platform to run and show plugins in.

It knows its plugins by the hook contract alone.
"""
