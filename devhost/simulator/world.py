"""The directories: partners, customers, users, and the log of changes that delta reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

from devhost.seeds.model import Seed, SeedTenant
from devhost.simulator.metadata import Metadata

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

User = dict[str, object]


@dataclass(slots=True, kw_only=True)
class Partner:
    """An MSP's own directory, with the account that signs in."""

    tenant_id: str
    name: str
    account: str
    account_id: str
    position: int


@dataclass(slots=True, kw_only=True)
class Directory:
    """A customer's directory. ``log`` has one entry per change, in order of revision."""

    tenant_id: str
    display_name: str
    default_domain: str
    domains: tuple[str, ...]
    partners: tuple[int, ...]
    consented: bool
    conditional_access: bool = False
    relationship_end: datetime = _EPOCH
    auto_extend: bool = True
    users: dict[str, User] = field(default_factory=dict)
    deleted: dict[str, User] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    """(object id, ``changed`` or a ``@removed`` reason)."""

    @property
    def revision(self) -> int:
        """The number of changes so far."""
        return len(self.log)


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
        directories = {str(t.entra_tenant_id): _directory(t) for t in seed.tenants}
        for tenant, user in seed.users:
            directory = directories.get(str(tenant))
            if directory is None:
                raise ValueError(f"a user in directory {tenant}, which is not there")
            complete = self.complete(user)
            directory.users[str(complete["id"])] = complete
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
        """The directories that have a relationship with a partner, by name."""
        found = [d for d in self.directories.values() if partner.position in d.partners]
        return sorted(found, key=lambda d: (d.display_name, d.tenant_id))

    # What the control interface does

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

    def restore(self, directory: Directory, object_id: str) -> None:
        """Bring a soft-deleted user back."""
        user = directory.deleted.pop(object_id)
        user.pop("deletedDateTime", None)
        prefix = object_id.replace("-", "")
        user["userPrincipalName"] = str(user["userPrincipalName"]).removeprefix(prefix)
        directory.users[object_id] = user
        directory.log.append((object_id, "changed"))


def _directory(tenant: SeedTenant) -> Directory:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=tenant.relationship_days)
    return Directory(
        tenant_id=str(tenant.entra_tenant_id),
        display_name=tenant.display_name,
        default_domain=tenant.default_domain,
        domains=tenant.verified_domains or (tenant.default_domain,),
        partners=tenant.partners,
        consented=tenant.consented,
        relationship_end=end,
        auto_extend=tenant.auto_extend,
    )
