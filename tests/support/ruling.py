"""What the tests of the rules have in common: customers of one devhost, and a sync that rests."""

from collections.abc import Callable

from support.folders import tenant_id
from support.program import Json
from support.undoing import Customer

Meet = Callable[[int], Customer]

LEFT_ALONE = {"unchanged", "filtered"}


def changes(run: Json) -> dict[str, int]:
    """What a run did, by kind, without those whom it left alone."""
    return {
        kind: count for kind, count in run["counts"].items() if count and kind not in LEFT_ALONE
    }


def rests(customer: Customer) -> Json:
    """Sync a customer of whom nothing is to be written; nothing is."""
    before = customer.inside.versions()
    run = customer.sync()
    assert (run["state"], changes(run)) == ("completed", {})
    assert customer.inside.versions() == before
    return run


def reading(customer: Customer, run: Json) -> tuple[str, bool]:
    """How a run read the customer, and whether it looked for those who are gone."""
    ((kind, absences),) = customer.inside.rows(
        "SELECT reading_kind, absences FROM entra_sync_run_tenants WHERE run_id = %s"
        " AND managed_tenant_id = %s",
        run["runId"],
        customer.managed_tenant,
    )
    return str(kind), bool(absences)


def look_for_the_gone(customer: Customer) -> None:
    """Let so much time go by that the next sync reads everybody, and looks who is missing."""
    customer.inside.write(
        "UPDATE entra_delta_cursors SET verified_at = verified_at - interval '8 days'"
        " WHERE managed_tenant_id = %s",
        customer.managed_tenant,
    )


def users(customer: Customer, **changed: object) -> None:
    """Change the users of a customer at Microsoft, by the simulator's own words."""
    customer.microsoft.control("/users", {"tenant": tenant_id(customer.number), **changed})


def questions(customer: Customer) -> dict[str, str]:
    """The reasons of the open questions, by the local part of the address."""
    found = customer.admin.items("/review-items", managedTenantId=customer.managed_tenant)
    return {str(item["address"]).partition("@")[0]: str(item["reason"]) for item in found}


def value(customer: Customer, number: int, column: str) -> object:
    """A column of the contact of a person, as linked."""
    ((found,),) = customer.inside.rows(
        "SELECT to_jsonb(c) -> %s #>> '{}' FROM psa_contacts c"
        " JOIN entra_contact_links l ON l.tenant_id = c.tenant_id AND l.contact_id = c.id"
        " WHERE l.state = 'active' AND l.object_id = %s",
        column,
        customer.object_id(number),
    )
    return found
