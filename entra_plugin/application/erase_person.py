"""Erase a person: what we hold of a user goes, his ids stay, and he is ignored from now on."""

from collections.abc import Mapping
from dataclasses import dataclass

from entra_plugin.application.context import Context, Person
from entra_plugin.application.sync.held import recount
from entra_plugin.domain.errors import Conflict, NotFound
from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import ContactId
from entra_plugin.domain.states import DecisionKind
from entra_plugin.store.decisions import Decision, Decisions
from entra_plugin.store.erase_person import PersonErasure
from entra_plugin.store.managed_tenants import ManagedTenants


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedPerson:
    """How many change rows and review items were emptied, and the contact that was let go."""

    changes: int
    review_items: int
    contact_id: ContactId | None


class ErasePerson:
    """Erases one identity in one transaction; contacts are the host's, and stay."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, person: Person, identity: IdentityKey) -> ErasedPerson:
        """Erase; doing it again finds nothing left to empty.

        Raises:
            NotFound: We hold nothing of such an identity.
            Conflict: ``sync_under_way``: a run that is reading this customer would write it anew.
        """
        tenant_id, now = person.tenant_id, self._context.clock()
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            tenants = ManagedTenants(connection, tenant_id)
            tenant = await tenants.of_directory(identity.entra_tenant_id)
            erasure = PersonErasure(connection, tenant_id, identity.entra_tenant_id)
            if tenant is None or not await erasure.holds(identity.object_id):
                raise NotFound("not_found", details=_details(identity))
            if not await erasure.keep_out(tenant.managed_tenant_id):
                raise Conflict(
                    "sync_under_way", details={"managedTenantId": str(tenant.managed_tenant_id)}
                )
            erased = await erasure.person(
                identity.object_id, user_id=person.user_id, name=person.name, now=now
            )
            await Decisions(connection, tenant_id).put(
                identity,
                Decision(
                    kind=DecisionKind.IGNORED,
                    decided_at=now,
                    decided_by=person.user_id,
                    decided_by_name=person.name,
                ),
            )
            await recount(connection, tenant_id, erased.held_runs, tenant.managed_tenant_id)
        return ErasedPerson(
            changes=erased.changes,
            review_items=erased.items,
            contact_id=next(iter(erased.contacts), None),
        )


def _details(identity: IdentityKey) -> Mapping[str, object]:
    return {
        "entraTenantId": str(identity.entra_tenant_id),
        "objectId": str(identity.object_id),
    }
