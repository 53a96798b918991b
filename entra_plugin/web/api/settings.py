"""Routes of the settings: what a sync may overwrite, whom it leaves out, when it stops and asks."""

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BeforeValidator, Field

from entra_plugin.application.settings import SettingsChange, SettingsView
from entra_plugin.web.api.schema import Body, Envelope, Text, Version, View, failures, ok
from entra_plugin.web.facts import Known, Started
from entra_plugin.web.responses import Answer

router = APIRouter(default_response_class=Answer, tags=["settings"])

Percent = Annotated[int, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class FieldRule(Body):
    """A field rule in its long form."""

    enabled: bool
    mode: Literal["directory_wins", "local_wins", "ask"] = "directory_wins"


def _long_form(rule: object) -> object:
    return {"enabled": rule} if isinstance(rule, bool) else rule


Rule = Annotated[FieldRule, BeforeValidator(_long_form, json_schema_input_type=bool | FieldRule)]
"""A field rule in its long form, or in its short one: on, or off."""

OFF = FieldRule(enabled=False)


class FieldSyncConfig(Body):
    """Which fields a sync may overwrite; true is ``directory_wins``, a field left out is off."""

    display_name: Rule = OFF
    email: Rule = OFF
    phone: Rule = OFF
    mobile: Rule = OFF
    role: Rule = OFF
    department: Rule = OFF
    office_location: Rule = OFF


class UserFilterConfig(Body):
    """Whom a sync leaves out when it creates contacts."""

    licensed_only: bool = False
    include_guests: bool = False
    exclude_patterns: Annotated[list[Text], Field(default_factory=list, max_length=100)]


class GuardConfig(Body):
    """When a sync stops and asks."""

    inactivate_percent: Percent = 10
    inactivate_min: Count = 5
    overwrite_percent: Percent = 25
    overwrite_min: Count = 25
    run_inactivate_percent: Percent = 20
    run_inactivate_min: Count = 20
    mark_inactive_when_disabled: bool = True
    hold_shared_mailbox_suspects: bool = False
    grace_days: Annotated[int, Field(ge=0, le=30)] = 0
    full_reading_every_days: Annotated[int, Field(ge=1, le=90)] = 7
    keep_changes_days: Annotated[int, Field(ge=30, le=3650)] = 400


class NotificationConfig(Body):
    """What people are told of."""

    review_items: bool = True
    repeated_failures: bool = True
    held: bool = True
    expiring: bool = True


class SettingsBody(Body):
    """The objects to replace, on the ``version`` that was read."""

    version: Version
    field_sync_config: FieldSyncConfig | None = None
    user_filter_config: UserFilterConfig | None = None
    guard_config: GuardConfig | None = None
    notification_config: NotificationConfig | None = None


class SettingsAnswer(View):
    """The settings in force; ``fieldSyncConfig`` is absent while its flag is off."""

    version: int
    field_sync_config: Mapping[str, object] | None = None
    user_filter_config: Mapping[str, object]
    guard_config: Mapping[str, object]
    notification_config: Mapping[str, object]


@router.get("/settings", responses=failures(), response_model_exclude_unset=True)
async def read(known: Known, runtime: Started) -> Envelope[SettingsAnswer]:
    """Read the settings, defaults filled in."""
    return ok(_answer(await runtime.settings.read(known.tenant_id, known.flags)))


@router.put(
    "/settings",
    responses=failures({409: ("stale_version",), 422: ("invalid_pattern",)}, changes=True),
    response_model_exclude_unset=True,
)
async def write(known: Known, runtime: Started, body: SettingsBody) -> Envelope[SettingsAnswer]:
    """Replace the objects that the body names; the others stay."""
    change = SettingsChange(
        version=body.version,
        field_sync=_document(body.field_sync_config),
        user_filter=_document(body.user_filter_config),
        guard=_document(body.guard_config),
        notification=_document(body.notification_config),
    )
    return ok(_answer(await runtime.settings.write(known.person, change, known.flags)))


def _document(body: Body | None) -> Mapping[str, object] | None:
    return None if body is None else body.model_dump(by_alias=True)


def _answer(found: SettingsView) -> SettingsAnswer:
    fields: dict[str, object] = {
        "version": found.version,
        "user_filter_config": found.user_filter,
        "guard_config": found.guard,
        "notification_config": found.notification,
    }
    if found.field_sync is not None:
        fields["field_sync_config"] = found.field_sync
    return SettingsAnswer.model_validate(fields)
