"""CIPP's JSON, decoded once. Rows from Graph are Graph's own, with two keys that CIPP adds.

Facts are of CIPP-API 10.8: ``ListTenants`` answers a bare array, ``ListGraphRequest`` an envelope
of ``Results`` and ``Metadata``, ``ListDomains`` a bare array with keys in any case. A failure can
be a row in an answer with status 200.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

import msgspec

from entra_plugin.directory.microsoft import wire
from entra_plugin.directory.microsoft.groups import GroupRow
from entra_plugin.directory.protocol import Domain
from entra_plugin.domain.addresses import to_ascii
from entra_plugin.domain.errors import ConsentMissing, TransientFailure

_LONGEST_LINK = 4096
"""Characters; CIPP gets a link back in the query of an address, which cannot be of any length."""

_GOOD = "Good"
"""The ``CippStatus`` of a row that came from Graph; any other tells a failure in words."""

_NOT_READY_SECONDS = 30.0


class Metadata(msgspec.Struct):
    """What CIPP says about an answer; its echo of the question is not read."""

    next_link: str | None = msgspec.field(default=None, name="nextLink")
    queued: bool | None = msgspec.field(default=None, name="Queued")


class UserRow(wire.User, rename="camel", gc=False):
    """A user as Graph has it."""

    cipp_status: str = msgspec.field(default=_GOOD, name="CippStatus")


class OrganizationRow(msgspec.Struct, rename="camel"):
    """A directory's own record as Graph has it."""

    id: UUID
    verified_domains: list[wire.VerifiedDomain] | None = None
    cipp_status: str = msgspec.field(default=_GOOD, name="CippStatus")


class DeletedRow(msgspec.Struct):
    """A deleted user; its id is all that is asked for."""

    id: UUID
    cipp_status: str = msgspec.field(default=_GOOD, name="CippStatus")


class FoundGroup(GroupRow, rename="camel", gc=False):
    """A group as Graph has it."""

    cipp_status: str = msgspec.field(default=_GOOD, name="CippStatus")


class MemberRow(msgspec.Struct):
    """Somebody or something in a group; Graph says in its annotation what it is."""

    id: UUID
    kind: str = msgspec.field(name="@odata.type")
    cipp_status: str = msgspec.field(default=_GOOD, name="CippStatus")

    @property
    def is_user(self) -> bool:
        """A user, rather than a device, a contact or a group."""
        return self.kind == "#microsoft.graph.user"


class UserAnswer(msgspec.Struct):
    """A page of users."""

    results: list[UserRow] = msgspec.field(name="Results")
    metadata: Metadata | None = msgspec.field(default=None, name="Metadata")


class OrganizationAnswer(msgspec.Struct):
    """The one organization of a directory."""

    results: list[OrganizationRow] = msgspec.field(name="Results")
    metadata: Metadata | None = msgspec.field(default=None, name="Metadata")


class DeletedAnswer(msgspec.Struct):
    """A page of deleted users."""

    results: list[DeletedRow] = msgspec.field(name="Results")
    metadata: Metadata | None = msgspec.field(default=None, name="Metadata")


class GroupAnswer(msgspec.Struct):
    """A page of groups."""

    results: list[FoundGroup] = msgspec.field(name="Results")
    metadata: Metadata | None = msgspec.field(default=None, name="Metadata")


class MemberAnswer(msgspec.Struct):
    """A page of what is in a group."""

    results: list[MemberRow] = msgspec.field(name="Results")
    metadata: Metadata | None = msgspec.field(default=None, name="Metadata")


class _AnyRow(msgspec.Struct):
    id: object = None
    cipp_status: object = msgspec.field(default=_GOOD, name="CippStatus")


class _AnyAnswer(msgspec.Struct):
    results: list[_AnyRow | None] = msgspec.field(name="Results")


class _Row(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def cipp_status(self) -> str: ...


class _Answer(Protocol):
    @property
    def results(self) -> Sequence[_Row]: ...
    @property
    def metadata(self) -> Metadata | None: ...


Answer = TypeVar("Answer", bound=_Answer)


def graph_answer(body: bytes, type_: type[Answer]) -> Answer:
    """Decode an answer of ``ListGraphRequest``, in which every row is one that Graph gave.

    Raises:
        ConsentMissing: ``cipp_tenant_failed``: a row says that the directory could not be read.
        TransientFailure: ``cipp_not_ready``, or ``unusable_answer``.
    """
    try:
        answer = wire.decode(body, type_)
    except TransientFailure:
        if _tells_a_failure(body):
            raise ConsentMissing("cipp_tenant_failed") from None
        raise
    if answer.metadata is not None and answer.metadata.queued:
        raise TransientFailure("cipp_not_ready", retry_after=_NOT_READY_SECONDS)
    if any(row.cipp_status != _GOOD for row in answer.results):
        raise ConsentMissing("cipp_tenant_failed")
    return answer


def _tells_a_failure(body: bytes) -> bool:
    """True when an answer that is not as it should be has a row that stands for a failure."""
    try:
        rows = wire.decode(body, _AnyAnswer).results
    except TransientFailure:
        return False
    return any(row is None or not row.id or row.cipp_status != _GOOD for row in rows)


def next_link(metadata: Metadata | None) -> str | None:
    """The link to the next page, to be handed back to CIPP; None after the last.

    Raises:
        TransientFailure: ``unusable_answer``: it is no link.
    """
    link = metadata.next_link if metadata is not None else None
    if not link:
        return None
    if not is_link(link):
        raise TransientFailure("unusable_answer", details={"reason": "link"})
    return link


def is_link(text: str) -> bool:
    """Can it be handed back to the CIPP that gave it?

    We never ask there ourselves, so that it may lead anywhere: to Graph of another cloud, too.
    """
    return text.startswith(("https://", "http://")) and len(text) <= _LONGEST_LINK


def listed_domains(body: bytes) -> tuple[Domain, ...]:
    """The domains that ``ListDomains`` answers; it spells its keys as the release likes.

    Raises:
        TransientFailure: ``unusable_answer``.
    """
    rows = (
        {key.lower(): value for key, value in row.items()}
        for row in wire.decode(body, list[dict[str, object]])
    )
    return tuple(domain for row in rows if (domain := _domain(row)) is not None)


def _domain(row: Mapping[str, object]) -> Domain | None:
    name = row.get("id")
    ascii_name = to_ascii(name) if isinstance(name, str) else None
    if ascii_name is None or row.get("isverified") is False:
        return None
    return Domain(
        name=ascii_name,
        is_default=row.get("isdefault") is True,
        is_initial=row.get("isinitial") is True,
    )
