"""Groups of a directory at Microsoft Graph: found by name, and who is in one."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote
from uuid import UUID

import msgspec

from entra_plugin.directory.protocol import Group
from entra_plugin.domain.folding import shown_name
from entra_plugin.domain.ids import GroupId

GROUP_SELECT = "id,displayName,mail"

ADVANCED: Mapping[str, str] = {"ConsistencyLevel": "eventual"}
"""With ``$count=true``, what Graph wants before it lists members of one type only."""

_MOST = 999


class GroupRow(msgspec.Struct, rename="camel", gc=False):
    """A group of any type."""

    id: UUID
    display_name: str | None = None
    mail: str | None = None


class GroupList(msgspec.Struct):
    """A page of groups."""

    value: list[GroupRow]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


def name_filter(start: str) -> str | None:
    """The ``$filter`` for names that start so, not yet percent-encoded; None for any name."""
    if not start:
        return None
    doubled = start.replace("'", "''")
    return f"startswith(displayName,'{doubled}')"


def page_size(limit: int) -> int:
    """What Graph accepts as ``$top``."""
    return max(1, min(limit, _MOST))


def groups_path(start: str, limit: int) -> str:
    """Where the groups are whose names start so."""
    path = f"/groups?$select={GROUP_SELECT}&$top={page_size(limit)}"
    condition = name_filter(start)
    return path if condition is None else f"{path}&$filter={quote(condition, safe='')}"


def members_path(group_id: GroupId) -> str:
    """Where the users are that are in a group, or in a group within it."""
    return (
        f"/groups/{group_id}/transitiveMembers/microsoft.graph.user?$select=id&$count=true&$top=999"
    )


def to_groups(rows: Iterable[GroupRow], limit: int) -> tuple[Group, ...]:
    """Our type, at most ``limit``, by name; one without a name is called by its id."""
    groups = [
        Group(
            group_id=GroupId(row.id),
            display_name=shown_name(row.display_name) or str(row.id),
            mail=shown_name(row.mail) or None,
        )
        for row in rows
    ][:limit]
    return tuple(sorted(groups, key=lambda group: (group.display_name.casefold(), group.group_id)))
