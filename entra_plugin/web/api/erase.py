"""Route of the erasure of a person."""

from uuid import UUID

from fastapi import APIRouter

from entra_plugin.domain.identity import IdentityKey
from entra_plugin.domain.ids import EntraTenantId, ObjectId
from entra_plugin.web.api.schema import NO_FIELDS, Envelope, View, failures, ok
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["people"])


class ErasedView(View):
    """What was emptied, and the contact that is no longer linked."""

    changes: int
    review_items: int
    contact_id: UUID | None


@router.post(
    "/identities/{entra_tenant_id}/{object_id}/erase",
    dependencies=[NO_FIELDS],
    responses=failures({409: ("sync_under_way",)}, changes=True),
)
async def erase(
    known: Known, runtime: Started, entra_tenant_id: UUID, object_id: UUID
) -> Envelope[ErasedView]:
    """Erase what we hold of a user, who is ignored from now on; the contact stays."""
    identity = IdentityKey(
        entra_tenant_id=EntraTenantId(entra_tenant_id), object_id=ObjectId(object_id)
    )
    erased = await runtime.erase_person(known.person, identity)
    return ok(
        ErasedView(
            changes=erased.changes,
            review_items=erased.review_items,
            contact_id=erased.contact_id,
        )
    )
