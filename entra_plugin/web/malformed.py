"""Requests that cannot be read: where they are wrong, and never what they said."""

from collections.abc import Sequence

from pydantic.alias_generators import to_camel


class MalformedRequest(Exception):
    """The request is malformed at ``path``."""

    def __init__(self, path: str) -> None:
        super().__init__("malformed_request")
        self.path = path


def path_of(location: Sequence[object]) -> str:
    """The place of a validation error in the caller's own words: ``decisions.3.clientId``.

    Pydantic puts ``body``, ``query`` or ``path`` first; only the way below it is the caller's. A
    part of an address has its name from us.
    """
    if location and location[0] == "path":
        return ".".join(to_camel(str(part)) for part in location[1:])
    below = [str(part) for part in location[1:]] or [str(location[0])] if location else ["body"]
    return ".".join(below).encode("utf-8", "replace").decode()[:200]
