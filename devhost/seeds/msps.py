"""The two MSPs that every seed has, and their people."""

from uuid import UUID

from devhost.seeds.model import ADMINISTRATOR, TECHNICIAN, SeedClient, SeedMsp, SeedUser


def _people(domain: str) -> tuple[SeedUser, ...]:
    return (
        SeedUser(
            login=f"admin@{domain}",
            display_name="Ada Administrator",
            type="internal",
            permissions=ADMINISTRATOR,
        ),
        SeedUser(
            login=f"tech@{domain}",
            display_name="Theo Technician",
            type="internal",
            permissions=TECHNICIAN,
        ),
        SeedUser(
            login=f"portal@{domain}",
            display_name="Petra Portal",
            type="client_portal",
            permissions=ADMINISTRATOR,
        ),
    )


MSPS = (
    SeedMsp(
        tenant_id=UUID("11111111-1111-4111-8111-111111111111"),
        name="Northwind MSP",
        users=_people("northwind.example"),
        partner_tenant_id=UUID("aaaaaaaa-0000-4000-8000-000000000001"),
        partner_account="admin@northwindmsp.onmicrosoft.com",
    ),
    SeedMsp(
        tenant_id=UUID("22222222-2222-4222-8222-222222222222"),
        name="Southwind IT",
        users=_people("southwind.example"),
        partner_tenant_id=UUID("aaaaaaaa-0000-4000-8000-000000000002"),
        partner_account="admin@southwindit.onmicrosoft.com",
    ),
)

SECOND_MSP_CLIENTS = (
    SeedClient(
        client_id=UUID("c2000000-0000-4000-8000-000000000001"),
        name="Alpine Dental Group",
        website="https://www.alpinedental.example",
        msp=1,
    ),
    SeedClient(
        client_id=UUID("c2000000-0000-4000-8000-000000000002"), name="Southwind Office", msp=1
    ),
)
