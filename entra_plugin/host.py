"""What we ask of a host, as Protocols, and the records that we hand to it.

A host reads the records by attribute and implements the Protocols in its own classes; it need not
import this module. Contract version 1.0.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from entra_plugin.domain.ids import ClientId, ContactId, ManagedTenantId, RunId, TenantId, UserId
from entra_plugin.domain.states import RunType

if TYPE_CHECKING:  # half a second to import, for a name
    from temporalio.client import Client as TemporalClient
    from temporalio.plugin import SimplePlugin

# --- People ---


class UserType(StrEnum):
    """Who signs in: the MSP's own people, or its customers' people."""

    INTERNAL = "internal"
    CLIENT_PORTAL = "client_portal"


class Principal(Protocol):
    """The person behind a request, as the host knows him."""

    @property
    def user_id(self) -> UserId: ...
    @property
    def tenant_id(self) -> TenantId: ...
    @property
    def display_name(self) -> str: ...
    @property
    def user_type(self) -> str:
        """A value of UserType."""

    @property
    def permissions(self) -> frozenset[str]: ...
    @property
    def locale(self) -> str:
        """BCP 47, for example ``en`` or ``de-CH``."""

    @property
    def time_zone(self) -> str:
        """IANA name."""

    @property
    def csrf_token(self) -> str:
        """What a state-changing request must carry in ``X-CSRF-Token``."""


# --- The host's data ---


class Client(Protocol):
    """A customer company as the host holds it."""

    @property
    def id(self) -> ClientId: ...
    @property
    def name(self) -> str: ...
    @property
    def website(self) -> str | None: ...
    @property
    def domain(self) -> str | None:
        """The client's own domain field, if the host has one."""

    @property
    def billing_email(self) -> str | None: ...
    @property
    def inbound_domains(self) -> Sequence[str]: ...
    @property
    def directory_tenant_id(self) -> UUID | None:
        """The Microsoft directory GUID that the client already carries."""

    @property
    def active(self) -> bool: ...
    @property
    def version(self) -> int: ...


class Phone(Protocol):
    """One number of a contact; ``type`` is ``work``, ``mobile`` or the host's own word."""

    @property
    def type(self) -> str: ...
    @property
    def number(self) -> str: ...


class Contact(Protocol):
    """A person at a client as the host holds it."""

    @property
    def id(self) -> ContactId: ...
    @property
    def client_id(self) -> ClientId: ...
    @property
    def full_name(self) -> str: ...
    @property
    def email(self) -> str | None: ...
    @property
    def phones(self) -> Sequence[Phone]: ...
    @property
    def role(self) -> str | None:
        """Job title."""

    @property
    def department(self) -> str | None: ...
    @property
    def office_location(self) -> str | None: ...
    @property
    def active(self) -> bool: ...
    @property
    def version(self) -> int:
        """Raised by every write to the contact, whoever makes it."""


class WriteStatus(StrEnum):
    """What became of one item of a batched write."""

    WRITTEN = "written"
    EXISTS = "exists"
    CHANGED = "changed"
    REJECTED = "rejected"


class WriteOutcome(Protocol):
    """One per item, in the order of the items.

    ``written``: id and version of the row (also when the same idempotency key was written before).
    ``exists``: id of the row that already holds the unique value. ``changed``: the row no longer
    equals ``expected``. ``rejected``: the host's code in ``code``.
    """

    @property
    def status(self) -> str:
        """A value of WriteStatus."""

    @property
    def id(self) -> UUID | None: ...
    @property
    def version(self) -> int | None: ...
    @property
    def code(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneNumber:
    """A number that we ask the host to store."""

    type: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContact:
    """A contact to create. ``key`` is the idempotency key, unique at the host for ever."""

    key: UUID
    client_id: ClientId
    full_name: str
    email: str | None
    phones: tuple[PhoneNumber, ...] = ()
    role: str | None = None
    department: str | None = None
    office_location: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactUpdate:
    """Fields to set on one contact, only while ``expected`` still holds.

    Keys of both mappings: ``full_name, email, role, department, office_location, active,
    client_id`` and ``phone:<type>`` (the number of that type). None stands for an empty field, and
    for no number of that type. Comparison is part of the UPDATE, not a read before it.
    """

    id: ContactId
    expected: Mapping[str, object]
    set: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClient:
    """A client to create. ``key`` is the idempotency key."""

    key: UUID
    name: str
    domain: str | None
    directory_tenant_id: UUID


class DomainCount(Protocol):
    """How many contacts of one client have an address on one domain."""

    @property
    def client_id(self) -> ClientId: ...
    @property
    def domain(self) -> str: ...
    @property
    def count(self) -> int: ...


class Clients(Protocol):
    """The host's customer companies: batched, tenant-scoped, on the connection that we pass.

    ``transactional`` is False at a host whose writes do not join our transaction.
    """

    @property
    def transactional(self) -> bool: ...

    async def page(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        *,
        after: ClientId | None,
        limit: int,
    ) -> Sequence[Client]:
        """Active clients with an id greater than ``after``, in order of id."""

    async def by_ids(
        self, connection: AsyncConnection, tenant_id: TenantId, ids: Sequence[ClientId]
    ) -> Sequence[Client]:
        """The clients that exist among ``ids``, inactive ones included."""

    async def create_many(
        self, connection: AsyncConnection, tenant_id: TenantId, items: Sequence[NewClient]
    ) -> Sequence[WriteOutcome]: ...


class Contacts(Protocol):
    """The host's contacts: batched, tenant-scoped, on the connection that we pass.

    There is no delete.
    """

    @property
    def transactional(self) -> bool: ...

    @property
    def capabilities(self) -> frozenset[str]:
        """Optional fields the host has: ``department``, ``office_location``, ``phones``."""

    async def by_ids(
        self, connection: AsyncConnection, tenant_id: TenantId, ids: Sequence[ContactId]
    ) -> Sequence[Contact]: ...

    async def missing(
        self, connection: AsyncConnection, tenant_id: TenantId, ids: Sequence[ContactId]
    ) -> Sequence[ContactId]:
        """Those among ``ids`` that do not exist; inactive contacts do. Up to 200,000 ids."""

    async def by_addresses(
        self, connection: AsyncConnection, tenant_id: TenantId, addresses: Sequence[str]
    ) -> Sequence[Contact]:
        """Contacts, of any client, whose lower-cased, trimmed e-mail is among ``addresses``."""

    async def by_names(
        self,
        connection: AsyncConnection,
        tenant_id: TenantId,
        client_id: ClientId,
        names: Sequence[str],
    ) -> Sequence[Contact]:
        """Contacts of one client whose lower-cased, trimmed full name is among ``names``."""

    async def domain_census(
        self, connection: AsyncConnection, tenant_id: TenantId, domains: Sequence[str] | None
    ) -> Sequence[DomainCount]:
        """Contacts per client and e-mail domain; ``None`` asks for every domain."""

    async def create_many(
        self, connection: AsyncConnection, tenant_id: TenantId, items: Sequence[NewContact]
    ) -> Sequence[WriteOutcome]: ...

    async def update_many(
        self, connection: AsyncConnection, tenant_id: TenantId, items: Sequence[ContactUpdate]
    ) -> Sequence[WriteOutcome]: ...


class SecretStore(Protocol):
    """The host's secret provider chain. Values never leave it in clear but through ``get``."""

    async def get(self, tenant_id: TenantId, name: str) -> str | None: ...
    async def set(self, tenant_id: TenantId, name: str, value: str) -> None:
        """Store a value.

        Raises:
            PermissionError: No provider of the chain can write.
        """

    async def delete(self, tenant_id: TenantId, name: str) -> None: ...
    async def get_app(self, name: str) -> str | None:
        """A secret of the whole installation."""

    async def writable(self, tenant_id: TenantId) -> bool: ...


class Database(Protocol):
    """The host's database, under the application role: no superuser, no BYPASSRLS, no owner."""

    @property
    def engine(self) -> AsyncEngine: ...
    @property
    def app_role(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that a person of the tenant should hear of; text is looked up by ``key``.

    ``level`` is ``info`` or ``warning``. ``params`` fill the places of the text; among them is
    ``text``, the whole of it in English. ``link`` is a path of ours, below the host's address.
    """

    key: str
    level: str
    params: Mapping[str, object] = field(default_factory=dict)
    link: str | None = None


class Host(Protocol):
    """Handed to ``psa_startup`` once per process, web and worker alike."""

    @property
    def contract_version(self) -> str: ...
    @property
    def edition(self) -> str:
        """``enterprise`` or ``community``."""

    @property
    def public_base_url(self) -> str:
        """Scheme, host and port that people's browsers see; no trailing slash."""

    @property
    def task_queue(self) -> str: ...
    @property
    def database(self) -> Database: ...
    @property
    def secrets(self) -> SecretStore: ...
    @property
    def clients(self) -> Clients: ...
    @property
    def contacts(self) -> Contacts: ...

    async def temporal(self) -> "TemporalClient":
        """The host's client, connected on first use.

        Raises:
            OSError | RuntimeError: The Temporal service cannot be reached.
        """

    async def tenants(self) -> Sequence[TenantId]: ...

    async def principal(self, scope: Mapping[str, object]) -> Principal | None:
        """Who makes the request of this ASGI scope; None if nobody is signed in."""

    async def authorize(self, principal: Principal, permission: str) -> bool: ...

    async def notify(self, tenant_id: TenantId, notice: Notice) -> None: ...

    async def layout(
        self,
        scope: Mapping[str, object],
        *,
        title: str,
        body: str,
        styles: Sequence[str],
        scripts: Sequence[str],
    ) -> str:
        """A whole document of the host around ``body``.

        Styles and scripts are URLs on the same origin.
        """

    def contact_url(self, contact_id: ContactId) -> str: ...
    def client_url(self, client_id: ClientId) -> str: ...


class Workflows(Protocol):
    """Starts and cancels our workflows by name and ids, over the host's Temporal client.

    Every method raises ``TransientFailure("temporal_unavailable")`` when the service cannot be
    reached.
    """

    async def start_check(self, tenant_id: TenantId, run_id: RunId, type_: RunType) -> None:
        """Start the workflow of a discovery or validation run; starting it again is harmless."""

    async def start_sync(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Start the workflow of a sync run; starting it again is harmless."""

    async def start_apply(self, tenant_id: TenantId, run_id: RunId) -> None:
        """Start the workflow that applies a preview or an undo which was planned before."""

    async def start_held(
        self,
        tenant_id: TenantId,
        run_id: RunId,
        managed_tenant_id: ManagedTenantId,
        approval_id: UUID,
    ) -> None:
        """Start the workflow that applies what was approved of a held run."""

    async def is_open(self, workflow_id: str) -> bool:
        """True while a workflow runs; one that ended, or that nobody knows, does not."""

    async def cancel(self, workflow_id: str) -> None:
        """Ask a workflow to stop; one that is gone already is no error."""

    async def schedule_discovery(self, tenant_id: TenantId) -> None:
        """Have discovery run daily; a schedule that is there goes on or resumes."""

    async def pause_discovery(self, tenant_id: TenantId) -> None:
        """Stop the daily discovery, to be resumed later; without a schedule nothing happens."""

    async def schedule_sync(self, tenant_id: TenantId, every: timedelta) -> None:
        """Have everything that is mapped synced so often; a schedule that is there is changed."""

    async def pause_sync(self, tenant_id: TenantId) -> None:
        """Stop the recurring sync, to be resumed later; without a schedule nothing happens."""

    async def remove_schedules(self, tenant_id: TenantId) -> None:
        """Delete every schedule of the tenant."""


# --- Records that our hooks return ---

When = Mapping[str, object]
"""A condition as data.

``{"flag": key}``, ``{"permission": name}``, ``{"not": condition}``, and ``{"all": [...]}`` or
``{"any": [...]}`` of conditions.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """Who we are. ``contract`` is a range such as ``>=1.0,<2``."""

    name: str
    version: str
    title: str
    contract: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page under the plugin's own mount, and the host slot whose list of cards links to it."""

    id: str
    route: str
    slot: str
    title: str
    description: str
    when: When
    rank: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAction:
    """A fragment on a client's page; ``endpoint`` holds ``{client_id}`` and answers HTML."""

    id: str
    label: str
    endpoint: str
    when: When
    rank: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPanel:
    """A fragment on a contact's page; ``endpoint`` holds ``{contact_id}`` and answers HTML."""

    id: str
    label: str
    endpoint: str
    when: When
    rank: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer of an RBAC check: allowed, or the status and code that refuse."""

    allowed: bool
    status: int
    code: str
    permission: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """A permission that our surfaces ask for, and who should have it by default."""

    name: str
    title: str
    grants: tuple[str, ...]
    check: Callable[[Principal, str], Decision]
    """``check(principal, surface id)``: user type and permission of one of our surfaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureFlag:
    """A flag definition. New flags are active with nobody targeted, so off for everyone."""

    key: str
    title: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformAction:
    """An action of the platform flag API, by name: makes sure that these definitions exist."""

    name: str
    flags: tuple[FeatureFlag, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrations:
    """Our Alembic environment, run by the host on its own connection as the owning role."""

    script_location: str
    version_table: str
    metadata: MetaData
    owns: Callable[[str], bool]
    """True for a table of ours, for the host's ``include_object``."""


AsgiApp = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpApp:
    """An ASGI application and the path it is mounted at."""

    mount: str
    app: AsgiApp


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlugin:
    """What we add to the host's Temporal worker."""

    plugin: "SimplePlugin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Opened by ``psa_startup``; the host awaits ``close`` when it shuts down."""

    name: str
    close: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRemoval:
    """What we have to do when a tenant leaves the platform."""

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """A named probe; it answers None if all is well, otherwise one sentence."""

    name: str
    check: Callable[[], Awaitable[str | None]]
