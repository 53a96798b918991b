"""The customer that a review item is of: by which client and which rules it is answered."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.application.sync.policy import Policy
from entra_plugin.application.sync.scope import Scopes
from entra_plugin.application.sync.surroundings import Around
from entra_plugin.domain.ids import ContactId, ManagedTenantId, ObjectId, TenantId
from entra_plugin.domain.planning import Reading, Remembered, Surroundings, read
from entra_plugin.domain.states import DecisionKind
from entra_plugin.store.identities import Identities
from entra_plugin.store.mappings import Mappings


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """Reads on one connection what an answer goes by."""

    context: Context
    connection: AsyncConnection
    tenant_id: TenantId

    async def policy(self, managed_tenant_id: ManagedTenantId) -> Policy | None:
        """The policy of a managed tenant by the settings of now; None while it is not mapped."""
        mapping = await Mappings(self.connection, self.tenant_id).current(managed_tenant_id)
        if mapping is None or mapping.client_id is None:
            return None
        return await Scopes(self.context).policy_of(
            self.connection, self.tenant_id, mapping, mapping.client_id
        )

    async def reading(self, policy: Policy, object_id: ObjectId) -> Reading | None:
        """An identity as it was last seen; None when it was erased."""
        identities = Identities(self.connection, self.tenant_id)
        users = await identities.stored(policy.entra_tenant_id, [object_id])
        known = await identities.known(policy.entra_tenant_id, list(users))
        return next(iter(read(users.values(), known)), None)

    async def around(
        self, policy: Policy, reading: Reading, chosen: ContactId | None = None
    ) -> Surroundings:
        """What the planner compares with; ``chosen`` is a contact that a person points at."""
        decisions = (
            {reading.user.object_id: Remembered(kind=DecisionKind.LINKED, contact_id=chosen)}
            if chosen is not None
            else {}
        )
        around = Around(
            connection=self.connection,
            tenant_id=self.tenant_id,
            policy=policy,
            contacts=self.context.host.contacts,
            decisions=decisions,
        )
        return await around.of_page([reading])
