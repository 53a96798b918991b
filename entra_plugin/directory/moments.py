"""Points in time as providers tell them."""

from datetime import UTC, datetime

from entra_plugin.domain.years import YEARS


def told_moment(value: object) -> datetime | None:
    """The point in time that a value names, in UTC where no zone is told.

    None for anything else, and for a year that stands for no date, as 9999 does for *never*.
    """
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or moment.year not in YEARS:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
