"""People's standing orders: what syncs must leave alone, whatever rules and approvals say."""

from entra_plugin.application.context import Context, Person
from entra_plugin.domain.errors import NotAcceptable
from entra_plugin.domain.ids import ContactId, TenantId
from entra_plugin.domain.pins import Pin
from entra_plugin.domain.states import PinKind
from entra_plugin.store.managed_tenants import ManagedTenants
from entra_plugin.store.paging import Page
from entra_plugin.store.pins import Pins, StoredPin


class StandingOrders:
    """Puts, removes and lists the pins of a tenant; they hold from the next plan and apply on."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def put(self, person: Person, pin: Pin, reason: str | None) -> StoredPin:
        """Stick a pin; doing it again changes nothing but the reason.

        Raises:
            NotAcceptable: ``unknown_contact``; ``unknown_tenant``: no such directory was ever
                found. The identity itself need not have been seen yet.
        """
        tenant_id = person.tenant_id
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            if pin.contact_id is not None:
                ids = [pin.contact_id]
                if await self._context.host.contacts.missing(connection, tenant_id, ids):
                    raise NotAcceptable(
                        "unknown_contact", details={"contactId": str(pin.contact_id)}
                    )
            if pin.entra_tenant_id is not None:
                tenants = ManagedTenants(connection, tenant_id)
                if await tenants.of_directory(pin.entra_tenant_id) is None:
                    raise NotAcceptable(
                        "unknown_tenant", details={"entraTenantId": str(pin.entra_tenant_id)}
                    )
            return await Pins(connection, tenant_id).put(
                pin,
                reason=reason,
                user_id=person.user_id,
                name=person.name,
                now=self._context.clock(),
            )

    async def remove(self, tenant_id: TenantId, pin: Pin) -> bool:
        """Take a pin out; False when there was none, which is what was wanted."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await Pins(connection, tenant_id).remove(pin)

    async def page(
        self,
        tenant_id: TenantId,
        *,
        limit: int | None,
        cursor: str | None,
        kind: PinKind | None,
        contact_id: ContactId | None,
    ) -> Page[StoredPin]:
        """Pins, youngest first.

        Raises:
            NotAcceptable: The cursor is none of ours.
        """
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            return await Pins(connection, tenant_id).page(
                limit=limit, cursor=cursor, kind=kind, contact_id=contact_id
            )
