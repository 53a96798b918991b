"""Points in time as programs and files give them: ISO 8601 with zone, kept in UTC."""

from datetime import UTC, datetime

from entra_plugin.domain.years import YEARS


def parse_moment(text: str) -> datetime:
    """The point in time that a text names.

    Raises:
        ValueError: It is no ISO 8601 time, has no zone, or is none of our years.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no zone")
    if found.year not in YEARS:
        raise ValueError("not a date of our time")
    return found.astimezone(UTC)


def moment_text(moment: datetime) -> str:
    """The text of a point in time, such that a spreadsheet leaves it as it is."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
