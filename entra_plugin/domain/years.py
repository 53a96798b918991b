"""The years of the points in time that are taken from people, programs and providers."""

YEARS = range(2000, 3000)
"""In other years a time zone can lead out of the calendar."""
