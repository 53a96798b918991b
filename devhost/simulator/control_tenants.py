"""Changes to customers, and to their relationships with partners, through the control interface."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from devhost.seeds.model import DIRECTORY_READERS, SeedTenant
from devhost.simulator.changes import Refused
from devhost.simulator.control_bodies import (
    GroupsBody,
    NewTenant,
    RelationshipsBody,
    TenantChange,
    TenantsBody,
)
from devhost.simulator.relationships import Relationship
from devhost.simulator.world import Directory, Partner, World


def directory_at(world: World, tenant: str, path: str) -> Directory:
    """A customer's directory by GUID.

    Raises:
        Refused: There is none.
    """
    found = world.directories.get(tenant.lower())
    if found is None:
        raise Refused(f"no directory {tenant}", path)
    return found


def change_relationships(world: World, body: RelationshipsBody) -> None:
    """Set what the body says of all relationships that it is about, or of a new one.

    Raises:
        Refused: The customer, the partner or a relationship between them is not there.
    """
    directory = directory_at(world, body.tenant, "$.tenant")
    partners = _partners(world, directory, body.partner)
    if body.end is not None and body.end.tzinfo is None:
        raise Refused("a time without a zone", "$.end")
    if body.add:
        chosen = [_new(directory, partner) for partner in partners]
        directory.relationships += chosen
    else:
        positions = {partner.position for partner in partners}
        chosen = [r for r in directory.relationships if r.partner in positions]
    if not chosen:
        raise Refused("no relationship", "$.tenant")
    for relationship in chosen:
        _set(relationship, body)


def change_tenants(world: World, body: TenantsBody) -> None:
    """Make all the changes.

    Raises:
        Refused: One of them cannot be made; then none is.
    """
    added = [_seed(world, new, f"$.add[{n}]") for n, new in enumerate(body.add)]
    known = set(world.directories) | {str(new.entra_tenant_id) for new in added}
    named = [(c.tenant, f"$.change[{n}].tenant") for n, c in enumerate(body.change)]
    named += [(tenant, f"$.remove[{n}]") for n, tenant in enumerate(body.remove)]
    for tenant, path in named:
        if tenant.lower() not in known:
            raise Refused(f"no directory {tenant}", path)
    for new in added:
        world.add_tenant(new)
    for change in body.change:
        _rename(world.directories[change.tenant.lower()], change)
    for tenant in body.remove:
        world.directories.pop(tenant.lower(), None)


def change_groups(world: World, body: GroupsBody) -> None:
    """Make all the changes.

    Raises:
        Refused: One of them cannot be made; then none is.
    """
    directory = directory_at(world, body.tenant, "$.tenant")
    _require_groups(directory, body)
    for group in body.put:
        world.put_group(
            directory,
            group_id=group.id.lower(),
            display_name=group.display_name,
            mail=group.mail,
            members=[member.lower() for member in group.members],
        )
    for group_id in body.remove:
        world.remove_group(directory, group_id.lower())


def _require_groups(directory: Directory, body: GroupsBody) -> None:
    """Refuse ids that are none, members that are not there, and groups that cannot go."""
    for number, group in enumerate(body.put):
        try:
            UUID(group.id)
        except ValueError as error:
            raise Refused(f"not a GUID: {group.id}", f"$.put[{number}].id") from error
    groups = {*directory.groups, *(group.id.lower() for group in body.put)}
    known = groups | {*directory.users, *directory.deleted}
    for number, group in enumerate(body.put):
        for place, member in enumerate(group.members):
            if member.lower() not in known:
                raise Refused(f"no user or group {member}", f"$.put[{number}].members[{place}]")
    for number, group_id in enumerate(body.remove):
        if group_id.lower() not in groups:
            raise Refused(f"no group {group_id}", f"$.remove[{number}]")
        groups.remove(group_id.lower())


def _partners(world: World, directory: Directory, tenant: str | None) -> Sequence[Partner]:
    if tenant is None:
        return [p for p in world.partners.values() if p.position in directory.partners]
    partner = world.partners.get(tenant.lower())
    if partner is None:
        raise Refused(f"no partner {tenant}", "$.partner")
    return [partner]


def _new(directory: Directory, partner: Partner) -> Relationship:
    return Relationship(
        id=f"{directory.tenant_id}-{uuid4()}",
        partner=partner.position,
        name=f"Further services for {directory.display_name}"[:50],
        status="active",
        end=datetime.now(UTC).replace(microsecond=0) + timedelta(days=400),
        auto_extend=False,
        roles=(DIRECTORY_READERS,),
    )


def _set(relationship: Relationship, body: RelationshipsBody) -> None:
    if body.name is not None:
        relationship.name = body.name
    if body.status is not None:
        relationship.status = body.status
    if body.end is not None:
        relationship.end = body.end.astimezone(UTC)
    if body.auto_extend is not None:
        relationship.auto_extend = body.auto_extend
    if body.roles is not None:
        relationship.roles = tuple(body.roles)


def _seed(world: World, new: NewTenant, path: str) -> SeedTenant:
    try:
        tenant_id = UUID(new.tenant)
    except ValueError as error:
        raise Refused(f"not a GUID: {new.tenant}", f"{path}.tenant") from error
    if str(tenant_id) in {*world.directories, *world.partners}:
        raise Refused(f"directory {tenant_id} exists", f"{path}.tenant")
    positions = {partner.position for partner in world.partners.values()}
    if not set(new.partners) <= positions:
        raise Refused("no such partner", f"{path}.partners")
    return SeedTenant(
        entra_tenant_id=tenant_id,
        display_name=new.display_name,
        default_domain=new.default_domain,
        verified_domains=tuple(new.verified_domains),
        partners=tuple(new.partners),
        consented=new.consented,
    )


def _rename(directory: Directory, change: TenantChange) -> None:
    if change.display_name is not None:
        directory.display_name = change.display_name
    if change.default_domain is not None:
        directory.default_domain = change.default_domain
    if change.verified_domains is not None:
        directory.domains = tuple(change.verified_domains)
