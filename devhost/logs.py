"""Logging of the host's processes: one line each, with the structured facts behind the message."""

import logging

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


_CHATTY = ("httpx", "httpcore", "msal", "temporalio", "sqlalchemy", "alembic", "uvicorn.access")
"""Libraries whose INFO lines tell an operator nothing, or too much."""


class _Facts(logging.Formatter):
    """The message, then what ``extra`` carried."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        facts = {k: v for k, v in record.__dict__.items() if k not in _STANDARD}
        return f"{line} {facts}" if facts else line


def configure() -> None:
    """Log to standard error, from INFO; some libraries from WARNING."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Facts("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
