"""The directories: partners, customers, users, and the log of changes that delta reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

from devhost.seeds.model import Seed, SeedTenant
from devhost.simulator.metadata import Metadata
from devhost.simulator.relationships import Relationship

User = dict[str, object]


@dataclass(slots=True, kw_only=True)
class Partner:
    """An MSP's own directory, with the account that signs in."""

    tenant_id: str
    name: str
    account: str
    account_id: str
    position: int

    @property
    def domain(self) -> str:
        """The domain of the partner's own directory."""
        return self.account.partition("@")[2]


@dataclass(slots=True, kw_only=True)
class Directory:
    """A customer's directory. ``log`` has one entry per change, in order of revision."""

    tenant_id: str
    display_name: str
    default_domain: str
    domains: tuple[str, ...]
    partners: tuple[int, ...]
    """The positions of those that have a contract with this customer, active or not."""
    consented: bool
    application_consented: bool | None = None
    """Consent to application permissions, if it differs from that to delegated ones."""
    conditional_access: bool = False
    relationships: list[Relationship] = field(default_factory=list)
    contract_name: str = ""
    contract_domain: str = ""
    """As they were when the contract was made: Microsoft does not refresh these copies."""
    users: dict[str, User] = field(default_factory=dict)
    deleted: dict[str, User] = field(default_factory=dict)
    groups: dict[str, User] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    """For each group the ids of the users and groups that are in it directly."""
    log: list[tuple[str, str]] = field(default_factory=list)
    """(object id, ``changed`` or a ``@removed`` reason)."""

    @property
    def revision(self) -> int:
        """The number of changes so far."""
        return len(self.log)

    @property
    def application_allowed(self) -> bool:
        """Has the customer consented to what the application may do by itself?"""
        own = self.application_consented
        return self.consented if own is None else own

    @property
    def initial_domain(self) -> str:
        """The domain that the directory was made with, if it still has one of that kind."""
        initial = (d for d in self.domains if d.endswith(".onmicrosoft.com"))
        return next(initial, self.default_domain)

    def active(self, partner: Partner) -> list[Relationship]:
        """The relationships with a partner that are active now."""
        now = datetime.now(UTC)
        return [
            r
            for r in self.relationships
            if r.partner == partner.position and r.state(now) == "active"
        ]


class World:
    """Everything that the simulator knows; changed by its control interface only."""

    def __init__(self, metadata: Metadata) -> None:
        self.metadata = metadata
        self.partners: dict[str, Partner] = {}
        self.directories: dict[str, Directory] = {}
        self.generation = ""
        """A name for what was filled in last, so that nothing made before is taken for its own."""

    def fill(self, seed: Seed) -> None:
        """Begin anew with a seed.

        Raises:
            ValueError: A user that is none, or in a directory that is not there; nothing changes.
        """
        partners = {
            str(msp.partner_tenant_id): Partner(
                tenant_id=str(msp.partner_tenant_id),
                name=msp.name,
                account=msp.partner_account,
                account_id=str(uuid5(msp.partner_tenant_id, msp.partner_account)),
                position=position,
            )
            for position, msp in enumerate(seed.msps)
        }
        known = self.metadata.members("delegatedAdminRelationshipStatus")
        for tenant in seed.tenants:
            if tenant.relationship_status not in known:
                raise ValueError(f"no status of a relationship: {tenant.relationship_status}")
        directories = {str(t.entra_tenant_id): directory_of(t) for t in seed.tenants}
        for tenant_id, user in seed.users:
            directory = directories.get(str(tenant_id))
            if directory is None:
                raise ValueError(f"a user in directory {tenant_id}, which is not there")
            complete = self.complete(user)
            directory.users[str(complete["id"])] = complete
        for group in seed.groups:
            directory = directories.get(str(group.entra_tenant_id))
            if directory is None:
                raise ValueError(
                    f"a group in directory {group.entra_tenant_id}, which is not there"
                )
            self.put_group(
                directory,
                group_id=str(group.group_id),
                display_name=group.display_name,
                mail=group.mail,
                members=[str(member) for member in group.members],
            )
        for directory in directories.values():
            self.require_members(directory)
        self.partners, self.directories, self.generation = partners, directories, uuid4().hex

    def complete(self, user: Mapping[str, object]) -> User:
        """A user as Graph holds it: known properties only, none of the required ones missing.

        Raises:
            ValueError: A property that the metadata does not have, or no id or user principal name.
        """
        unknown = sorted(set(user) - self.metadata.properties("user"))
        if unknown:
            raise ValueError(f"not a property of user: {unknown[0]}")
        result = dict(user)
        result["id"] = str(UUID(str(result["id"]))) if "id" in result else str(uuid4())
        if not result.get("userPrincipalName"):
            raise ValueError("userPrincipalName is required")
        result.setdefault("accountEnabled", True)
        result.setdefault("userType", "Member")
        return result

    def customers_of(self, partner: Partner) -> list[Directory]:
        """The directories that have an active relationship with a partner, by name."""
        return sorted((d for d in self.directories.values() if d.active(partner)), key=_by_name)

    def contracts_of(self, partner: Partner) -> list[Directory]:
        """The directories that a partner has a contract with, whatever became of it, by name."""
        found = (d for d in self.directories.values() if partner.position in d.partners)
        return sorted(found, key=_by_name)

    # What the control interface does

    def add_tenant(self, tenant: SeedTenant) -> None:
        """A customer more, without users."""
        directory = directory_of(tenant)
        if directory.tenant_id in self.directories or directory.tenant_id in self.partners:
            raise ValueError(f"directory {directory.tenant_id} exists")
        self.directories[directory.tenant_id] = directory

    def add(self, directory: Directory, users: Iterable[Mapping[str, object]]) -> list[str]:
        """Add users; answers their ids."""
        ids = []
        for user in users:
            complete = self.complete(user)
            object_id = str(complete["id"])
            if object_id in directory.users:
                raise ValueError(f"user {object_id} exists")
            directory.users[object_id] = complete
            directory.log.append((object_id, "changed"))
            ids.append(object_id)
        return ids

    def change(self, directory: Directory, object_id: str, values: Mapping[str, object]) -> None:
        """Set properties of a user."""
        user = directory.users[object_id]
        directory.users[object_id] = self.complete({**user, **values, "id": object_id})
        directory.log.append((object_id, "changed"))

    def delete(self, directory: Directory, object_id: str, *, permanently: bool = False) -> None:
        """Soft-delete a user, which can then be restored; or delete it for good."""
        user = directory.users.pop(object_id, None) or directory.deleted.pop(object_id)
        if not permanently:
            directory.deleted[object_id] = {
                **user,
                "userPrincipalName": f"{object_id.replace('-', '')}{user['userPrincipalName']}",
                "deletedDateTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        directory.log.append((object_id, "deleted" if permanently else "changed_removed"))

    def put_group(
        self,
        directory: Directory,
        *,
        group_id: str,
        display_name: str,
        mail: str | None,
        members: Iterable[str],
    ) -> None:
        """A group in place of the one with that id, or a new one."""
        directory.groups[group_id] = {
            "id": group_id,
            "displayName": display_name,
            "mail": mail,
            "mailEnabled": mail is not None,
            "securityEnabled": True,
            "groupTypes": [],
        }
        directory.members[group_id] = list(members)

    def remove_group(self, directory: Directory, group_id: str) -> None:
        """Take a group away, also out of the groups that it is in."""
        del directory.groups[group_id], directory.members[group_id]
        for members in directory.members.values():
            members[:] = [member for member in members if member != group_id]

    def require_members(self, directory: Directory) -> None:
        """Refuse a group with a member that is neither a user nor a group of the directory.

        Raises:
            ValueError: One is none; a user who was deleted may still be named.
        """
        known = {*directory.users, *directory.deleted, *directory.groups}
        for group_id, members in directory.members.items():
            for member in members:
                if member not in known:
                    raise ValueError(f"group {group_id} has a member that is not there: {member}")

    def restore(self, directory: Directory, object_id: str) -> None:
        """Bring a soft-deleted user back."""
        user = directory.deleted.pop(object_id)
        user.pop("deletedDateTime", None)
        prefix = object_id.replace("-", "")
        user["userPrincipalName"] = str(user["userPrincipalName"]).removeprefix(prefix)
        directory.users[object_id] = user
        directory.log.append((object_id, "changed"))


def directory_of(tenant: SeedTenant) -> Directory:
    """A customer as a seed describes it, with one relationship for each of its partners."""
    tenant_id = str(tenant.entra_tenant_id)
    return Directory(
        tenant_id=tenant_id,
        display_name=tenant.display_name,
        default_domain=tenant.default_domain,
        domains=tenant.verified_domains or (tenant.default_domain,),
        partners=tenant.partners,
        consented=tenant.consented,
        application_consented=tenant.application_consented,
        conditional_access=tenant.conditional_access,
        relationships=[_relationship(tenant, position) for position in tenant.partners],
        contract_name=tenant.display_name,
        contract_domain=tenant.default_domain,
    )


def _relationship(tenant: SeedTenant, position: int) -> Relationship:
    begun = datetime.now(UTC).replace(microsecond=0)
    return Relationship(
        id=f"{tenant.entra_tenant_id}-{position}-gdap",
        partner=position,
        name=f"Managed services for {tenant.display_name}"[:50],
        status=tenant.relationship_status,
        end=begun + timedelta(days=tenant.relationship_days),
        auto_extend=tenant.auto_extend,
        roles=tenant.relationship_roles,
    )


def _by_name(directory: Directory) -> tuple[str, str]:
    return directory.display_name, directory.tenant_id
