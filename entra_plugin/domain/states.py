"""The closed sets: every state, kind and reason that a row or an answer may carry."""

from enum import StrEnum


class ConnectionType(StrEnum):
    """How an MSP reaches its customers' directories."""

    DIRECT = "direct"
    CIPP = "cipp"


class ConnectionMode(StrEnum):
    """Which credentials a connection lives on: the first two are direct, the others CIPP."""

    DELEGATED = "delegated"
    """The refresh token of a partner's account."""
    APP_ONLY = "app_only"
    """The app's own permissions at each customer."""
    API_TOKEN = "api_token"
    """A bearer that CIPP accepts."""
    CLIENT_CREDENTIALS = "client_credentials"
    """An API client of CIPP."""


class ConnectionStatus(StrEnum):
    """State of a partner connection; ``not_connected`` is the absence of a row."""

    NOT_CONNECTED = "not_connected"
    CONNECTED = "connected"
    VALIDATION_FAILED = "validation_failed"
    DISCONNECTED = "disconnected"


class CredentialSource(StrEnum):
    """Where the Microsoft app credentials were found, in the order of resolution."""

    TENANT_SECRET = "tenant-secret"
    ENV = "env"
    APP_SECRET = "app-secret"


class MappingState(StrEnum):
    """A decision about one managed tenant."""

    MAPPED = "mapped"
    CREATE_NEW = "create_new"
    SKIPPED = "skipped"
    UNMAPPED = "unmapped"


class RunType(StrEnum):
    """What a run does."""

    INITIAL = "initial"
    ALL = "all"
    CLIENT = "client"
    PERSON = "person"
    PREVIEW = "preview"
    UNDO = "undo"
    DISCOVERY = "discovery"
    VALIDATION = "validation"


class Trigger(StrEnum):
    """Who started a run."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    API = "api"


class RunState(StrEnum):
    """State of a run, and of one managed tenant in it (which may also be joined or skipped)."""

    QUEUED = "queued"
    RUNNING = "running"
    HELD = "held"
    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    JOINED = "joined"
    SKIPPED = "skipped"


class ChangeKind(StrEnum):
    """One planned change; ``none`` occurs in previews only."""

    CREATE = "create"
    LINK = "link"
    UPDATE = "update"
    INACTIVATE = "inactivate"
    REACTIVATE = "reactivate"
    MOVE = "move"
    QUEUE = "queue"
    CLOSE_LINK = "close_link"
    NONE = "none"


class ChangeState(StrEnum):
    """Life of a change row."""

    PLANNED = "planned"
    HELD = "held"
    APPLIED = "applied"
    STALE = "stale"
    SUPERSEDED = "superseded"
    DISCARDED = "discarded"
    FAILED = "failed"
    UNDONE = "undone"


class Verdict(StrEnum):
    """What became of an identity; the reason says why."""

    LINKED = "linked"
    FILTERED = "filtered"
    QUEUED = "queued"
    IGNORED = "ignored"
    UNDONE = "undone"
    FAILED = "failed"


class VerdictReason(StrEnum):
    """Why an identity has its verdict."""

    CREATED = "created"
    MATCHED_EMAIL = "matched_email"
    MATCHED_ALIAS = "matched_alias"
    LINKED_INACTIVE = "linked_inactive"
    GUEST = "guest"
    DISABLED = "disabled"
    NO_ADDRESS = "no_address"
    RESOURCE_ACCOUNT = "resource_account"
    SYNC_ACCOUNT = "sync_account"
    SERVICE_ACCOUNT = "service_account"
    UNLICENSED = "unlicensed"
    EXCLUDED_PATTERN = "excluded_pattern"
    MULTIPLE_MATCHES = "multiple_matches"
    LINKED_ELSEWHERE = "linked_elsewhere"
    CLAIMED_TWICE = "claimed_twice"
    OTHER_CLIENT = "other_client"
    FIELD_CONFLICT = "field_conflict"
    MISSING_UPSTREAM = "missing_upstream"
    DECIDED = "decided"
    REJECTED_BY_HOST = "rejected_by_host"
    NOT_IN_GROUP = "not_in_group"
    IN_EXCLUDED_GROUP = "in_excluded_group"
    PINNED = "pinned"
    FIELDS_CHANGED = "fields_changed"
    DISABLED_UPSTREAM = "disabled_upstream"
    DELETED_UPSTREAM = "deleted_upstream"
    ENABLED_UPSTREAM = "enabled_upstream"
    REMAPPED = "remapped"
    CONTACT_GONE = "contact_gone"
    UNDONE = "undone"
    RESUMED = "resumed"
    EDITED_SINCE = "edited_since"
    CHANGED_BY_LATER_RUN = "changed_by_later_run"
    UNCHANGED = "unchanged"


class DepartureKind(StrEnum):
    """What proved that a person left; the values are reasons as well."""

    DISABLED_UPSTREAM = "disabled_upstream"
    DELETED_UPSTREAM = "deleted_upstream"


class ReadingKind(StrEnum):
    """How a run reads a managed tenant."""

    FULL = "full"
    """Every user."""
    DELTA = "delta"
    """What changed since the cursor."""
    PERSON = "person"
    """One user."""


class LinkState(StrEnum):
    """A link is closed, never deleted."""

    ACTIVE = "active"
    CLOSED = "closed"


class ItemState(StrEnum):
    """State of a review item."""

    OPEN = "open"
    RESOLVED = "resolved"
    DISMISSED = "dismissed"


class Settlement(StrEnum):
    """How a review item was settled."""

    LINKED = "linked"
    CREATED = "created"
    MOVED = "moved"
    FIELDS = "fields"
    INACTIVATED = "inactivated"
    KEPT = "kept"
    DISMISSED = "dismissed"
    ANSWERED_ITSELF = "answered_itself"
    """By a run: nobody needed to answer any more."""


class DecisionKind(StrEnum):
    """What a person decided about an identity, remembered for later runs."""

    LINKED = "linked"
    IGNORED = "ignored"
    UNDONE = "undone"
    DISMISSED = "dismissed"


class PinKind(StrEnum):
    """A person's standing order; it beats rules, modes, approvals and undo."""

    KEEP_ACTIVE = "keep_active"
    HANDS_OFF = "hands_off"
    LOCK_FIELD = "lock_field"
    IGNORE_IDENTITY = "ignore_identity"


class FieldName(StrEnum):
    """A field that a rule may let the directory overwrite, as the settings name it."""

    DISPLAY_NAME = "displayName"
    EMAIL = "email"
    PHONE = "phone"
    MOBILE = "mobile"
    ROLE = "role"
    DEPARTMENT = "department"
    OFFICE_LOCATION = "officeLocation"


class FieldMode(StrEnum):
    """Who wins when directory and contact were both changed."""

    DIRECTORY_WINS = "directory_wins"
    LOCAL_WINS = "local_wins"
    ASK = "ask"
