"""What of a run is looked at, and what is to be done to it, as addresses and forms name it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from entra_plugin.application.runs import ChangeQuery
from entra_plugin.domain.ids import ChangeId, ManagedTenantId
from entra_plugin.domain.states import ChangeKind, ChangeState

PAGE_SIZE = 50
"""Rows, and customers, on a page."""


class Ask(StrEnum):
    """What can be done to a run; each is asked about first."""

    CANCEL = "cancel"
    APPLY = "apply"
    APPROVE = "approve"
    DISCARD = "discard"
    UNDO = "undo"
    RESUME = "resume"


class Scope(StrEnum):
    """Of what it is done, unless it is of one customer."""

    ALL = "all"
    CHOSEN = "chosen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """All of a run, one managed tenant of it, or the rows that were chosen."""

    of: Scope | ManagedTenantId = Scope.ALL
    chosen: Sequence[ChangeId] = ()

    @property
    def managed_tenant_id(self) -> ManagedTenantId | None:
        """The managed tenant that is meant; None for no single one."""
        return None if isinstance(self.of, Scope) else self.of

    @property
    def change_ids(self) -> Sequence[ChangeId] | None:
        """The rows that are meant; None for no single ones."""
        return self.chosen if self.of == Scope.CHOSEN else None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Filters of the rows, where in their list one is, and which page of customers is shown."""

    customer: ManagedTenantId | None = None
    kind: ChangeKind | None = None
    state: ChangeState | None = None
    q: str = ""
    cursor: str | None = None
    page: int = 1
    chosen: Sequence[ChangeId] = ()
    """Rows that are ticked."""

    def query(self, **other: object) -> str:
        """The query of an address, with what is looked at now and what is ``other``."""
        parts: dict[str, object] = {
            "customer": self.customer,
            "kind": self.kind,
            "state": self.state,
            "q": self.q,
            "cursor": self.cursor,
            "page": self.page if self.page > 1 else None,
        }
        return urlencode({key: value for key, value in (parts | other).items() if value})

    @property
    def filtered(self) -> bool:
        """True when some rows may be left out."""
        return any((self.customer, self.kind, self.state, self.q))

    @property
    def changes(self) -> ChangeQuery:
        """The rows that are asked for."""
        return ChangeQuery(
            limit=PAGE_SIZE,
            cursor=self.cursor,
            managed_tenant_id=self.customer,
            kind=self.kind,
            state=self.state,
            q=self.q or None,
        )


class PartForm(BaseModel):
    """Of what something is done."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: Scope | UUID = Scope.ALL
    change: Annotated[list[UUID], Field(max_length=200)] = []

    def part(self) -> Part:
        """The part of the run that is meant."""
        of = self.of if isinstance(self.of, Scope) else ManagedTenantId(self.of)
        return Part(of=of, chosen=[ChangeId(change) for change in self.change])


class WholePartForm(PartForm):
    """A part that is never single rows."""

    of: Literal[Scope.ALL] | UUID = Scope.ALL
    change: Annotated[list[UUID], Field(max_length=0)] = []


def view_of(
    customer: Annotated[UUID | Literal[""], Query()] = "",
    kind: Annotated[ChangeKind | Literal[""], Query()] = "",
    state: Annotated[ChangeState | Literal[""], Query()] = "",
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    change: Annotated[list[UUID] | None, Query(max_length=200)] = None,
) -> View:
    """The view that an address names."""
    return View(
        customer=ManagedTenantId(customer) if customer else None,
        kind=kind or None,
        state=state or None,
        q=q.strip(),
        cursor=cursor,
        page=page,
        chosen=[ChangeId(one) for one in change or ()],
    )


ViewQuery = Annotated[View, Depends(view_of)]
"""The view in the query of an address."""
