"""The base of every body we read and every answer we give, and how errors are documented."""

from collections.abc import Mapping
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Data = TypeVar("Data")

MAX_TEXT = 4096


def _without_nul(value: str) -> str:
    """Refuse what PostgreSQL cannot store."""
    if "\x00" in value:
        raise ValueError("NUL")
    return value


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_without_nul)]
"""Text of bounded length; lone surrogates are refused by pydantic, NUL by us."""

Id = Annotated[UUID, Field(strict=False)]
"""An id in a JSON body."""

LARGEST = 2**53 - 1
"""The largest number that every reader of JSON can hold; the database can, too."""

Version = Annotated[int, Field(ge=0, le=LARGEST)]
"""A version that was read."""

Limit = Annotated[int | None, Query(ge=1, le=200, description="Items to answer; 50 unless told.")]
Cursor = Annotated[str | None, Query(max_length=1000, description="`nextCursor` of the last page.")]
Search = Annotated[str | None, Query(max_length=200, description="Start of a name or an address.")]
Part = Annotated[
    str | None, Query(max_length=200, description="Part of a name, a domain, or a client's name.")
]


class Body(BaseModel):
    """A JSON body: camelCase keys, exact types, nothing unknown."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, frozen=True, allow_inf_nan=False
    )


class NoFields(Body):
    """The body of a request that has nothing to say: ``{}``, or none at all."""


async def _without_fields(_body: NoFields | None = None) -> None:
    """Refuse what the route would otherwise silently leave out of account."""


NO_FIELDS = Depends(_without_fields)
"""What a route that takes no body depends on."""


class View(BaseModel):
    """A piece of an answer: camelCase keys."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Envelope(BaseModel, Generic[Data]):
    """What every successful answer looks like."""

    success: Literal[True]
    data: Data


class Listed(View, Generic[Data]):
    """One page of a list; ``nextCursor`` is null on the last."""

    items: list[Data]
    next_cursor: str | None


class ErrorBody(BaseModel):
    """What every failed answer looks like."""

    success: Literal[False]
    error: str = Field(description="One sentence for people.")
    code: str = Field(description="Stable machine code.")
    details: dict[str, object]


Responses = dict[int | str, dict[str, object]]

_ALWAYS: dict[int, tuple[str, ...]] = {
    400: ("malformed_request",),
    401: ("not_signed_in",),
    403: ("portal_user", "permission_missing"),
    404: ("not_found",),
    503: ("database_unavailable",),
}

TEMPORAL = {503: ("temporal_unavailable",)}


def failures(*more: Mapping[int, tuple[str, ...]], changes: bool = False) -> Responses:
    """Document the codes that a route may answer, beside those that every route may."""
    codes = {status: list(known) for status, known in _ALWAYS.items()}
    if changes:
        codes[403].append("csrf_failed")
    for extra in more:
        for status, names in extra.items():
            codes.setdefault(status, []).extend(names)
    return {
        status: {
            "model": ErrorBody,
            "description": "Codes: " + ", ".join(f"`{name}`" for name in names),
        }
        for status, names in sorted(codes.items())
    }


def ok(data: Data) -> Envelope[Data]:
    """Put an answer into the envelope."""
    return Envelope(success=True, data=data)
