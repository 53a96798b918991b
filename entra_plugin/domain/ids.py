"""One type per kind of id, so that two GUIDs are never swapped unnoticed."""

from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)
"""One MSP: a tenant of the host platform."""

UserId = NewType("UserId", UUID)
"""A person signed in to the host platform."""

ClientId = NewType("ClientId", UUID)
"""A customer company in the host platform."""

ContactId = NewType("ContactId", UUID)
"""A person at a client, in the host platform."""

EntraTenantId = NewType("EntraTenantId", UUID)
"""A Microsoft directory, by its GUID."""

ManagedTenantId = NewType("ManagedTenantId", UUID)
"""Our row for one customer directory of one MSP."""

ObjectId = NewType("ObjectId", UUID)
"""A user inside one Microsoft directory; only with the EntraTenantId is it an identity."""

GroupId = NewType("GroupId", UUID)
"""A group inside one Microsoft directory."""

ConnectionId = NewType("ConnectionId", UUID)
RunId = NewType("RunId", UUID)
ChangeId = NewType("ChangeId", UUID)
LinkId = NewType("LinkId", UUID)
ReviewItemId = NewType("ReviewItemId", UUID)
