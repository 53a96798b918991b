"""All that there is at Microsoft, as the control interface shows it."""

from datetime import UTC, datetime

from devhost.simulator.relationships import Relationship
from devhost.simulator.world import Directory, World


def everything(world: World) -> dict[str, object]:
    """Partners and customers, users with all their properties."""
    return {
        "partners": [
            {
                "tenantId": p.tenant_id,
                "name": p.name,
                "account": p.account,
                "customers": [d.tenant_id for d in world.customers_of(p)],
            }
            for p in world.partners.values()
        ],
        "tenants": [_tenant(world, d) for d in world.directories.values()],
    }


def _tenant(world: World, directory: Directory) -> dict[str, object]:
    homes = {p.position: p.tenant_id for p in world.partners.values()}
    ends = [r.end for r in directory.relationships]
    return {
        "entra_tenant_id": directory.tenant_id,
        "display_name": directory.display_name,
        "default_domain": directory.default_domain,
        "verified_domains": list(directory.domains),
        "consented": directory.consented,
        "application_consented": directory.application_allowed,
        "conditional_access": directory.conditional_access,
        "relationship_end": max(ends) if ends else None,
        "relationships": [_relationship(r, homes.get(r.partner)) for r in directory.relationships],
        "users": list(directory.users.values()),
        "deleted": list(directory.deleted.values()),
        "groups": [
            {**group, "members": directory.members[id_]} for id_, group in directory.groups.items()
        ],
    }


def _relationship(relationship: Relationship, home: str | None) -> dict[str, object]:
    return {
        "id": relationship.id,
        "partner": home,
        "name": relationship.name,
        "status": relationship.state(datetime.now(UTC)),
        "end": relationship.end,
        "autoExtend": relationship.auto_extend,
        "roles": list(relationship.roles),
    }
