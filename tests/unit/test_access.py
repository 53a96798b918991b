"""The gates in their order: signed in, flag, user type, permission; an unreadable flag is off."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
from openfeature.provider import AbstractProvider, Metadata

from entra_plugin.access import CHANGE, VIEW, Flags, FlagUnread, Needs, Permission, decide
from entra_plugin.domain.flags import EffectiveFlags, Flag
from entra_plugin.domain.ids import TenantId
from support.builders import guid

if TYPE_CHECKING:
    from entra_plugin.host import Host, Principal

TENANT = TenantId(guid("msp"))
ALL_ON = EffectiveFlags(on=frozenset(Flag))
CLIENT_SYNC = Needs(permission=Permission.UPDATE, flags=frozenset({Flag.UI, Flag.CLIENT_SYNC}))


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody signed in."""

    user_type: str = "internal"
    permissions: frozenset[str] = frozenset()


class Doorkeeper:
    """The host's permission check, which notes that it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def authorize(self, principal: Person, permission: str) -> bool:
        """True when the person has the permission."""
        self.asked.append(permission)
        return permission in principal.permissions


async def answer(
    person: Person | None,
    *,
    needs: Needs = VIEW,
    on: EffectiveFlags = ALL_ON,
    host: Doorkeeper | None = None,
) -> tuple[int, str, str | None]:
    """Status, code and permission of a decision."""
    decision = await decide(
        cast("Host", host or Doorkeeper()), cast("Principal | None", person), on, needs
    )
    assert decision.allowed is (decision.status == 200)
    return decision.status, decision.code, decision.permission


def having(*permissions: str, user_type: str = "internal") -> Person:
    """A person with permissions."""
    return Person(user_type=user_type, permissions=frozenset(permissions))


NOT_FOUND = (404, "not_found", None)
PORTAL = (403, "portal_user", None)


async def test_a_person_with_the_permission_is_let_in() -> None:
    assert await answer(having("system_settings.read")) == (200, "allowed", None)


@pytest.mark.parametrize("on", [ALL_ON, EffectiveFlags(on=frozenset())])
async def test_nobody_signed_in_comes_before_the_flag(on: EffectiveFlags) -> None:
    assert await answer(None, on=on) == (401, "not_signed_in", None)


@pytest.mark.parametrize(
    "person", [having("system_settings.update"), having(), having(user_type="client_portal")]
)
async def test_a_flag_that_is_off_comes_before_user_type_and_permission(person: Person) -> None:
    assert await answer(person, on=EffectiveFlags(on=frozenset())) == NOT_FOUND


@pytest.mark.parametrize("missing", [Flag.UI, Flag.CLIENT_SYNC])
async def test_a_surface_needs_all_of_its_flags(missing: Flag) -> None:
    person = having("system_settings.update")
    on = EffectiveFlags(on=frozenset(Flag) - {missing})
    assert await answer(person, needs=CLIENT_SYNC, on=on) == NOT_FOUND


async def test_a_surface_needs_no_flag_but_its_own() -> None:
    on = EffectiveFlags(on=frozenset({Flag.UI}))
    assert await answer(having("system_settings.read"), on=on) == (200, "allowed", None)


async def test_a_disabled_surface_asks_the_host_nothing() -> None:
    host = Doorkeeper()
    await answer(having(), on=EffectiveFlags(on=frozenset()), host=host)
    assert host.asked == []


@pytest.mark.parametrize("user_type", ["client_portal", "something_new", ""])
async def test_a_customers_person_is_refused_whatever_the_roles(user_type: str) -> None:
    everything = (permission.value for permission in Permission)
    assert await answer(having(*everything, user_type=user_type)) == PORTAL


@pytest.mark.parametrize(
    ("needs", "permission"), [(VIEW, "system_settings.read"), (CHANGE, "system_settings.update")]
)
async def test_a_missing_permission_is_named(needs: Needs, permission: str) -> None:
    assert await answer(having(), needs=needs) == (403, "permission_missing", permission)


async def test_reading_does_not_allow_changing_and_the_reverse() -> None:
    reader, writer = having("system_settings.read"), having("system_settings.update")
    assert (await answer(reader, needs=CHANGE))[0] == 403
    assert (await answer(writer, needs=VIEW))[0] == 403


def test_every_surface_sits_behind_the_main_flag() -> None:
    assert all(needs.flags == {Flag.UI} for needs in (VIEW, CHANGE))


# --- Evaluation ---


class Provider(AbstractProvider):
    """Flags from a dictionary; an exception among the values is raised."""

    def __init__(self, values: Mapping[str, bool | Exception]) -> None:
        self._values = values
        self.contexts: list[EvaluationContext | None] = []

    def get_metadata(self) -> Metadata:
        return Metadata(name="dictionary")

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        self.contexts.append(evaluation_context)
        value = self._values.get(flag_key, default_value)
        if isinstance(value, Exception):
            raise value
        return FlagResolutionDetails(value)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return FlagResolutionDetails(default_value)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return FlagResolutionDetails(default_value)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        return FlagResolutionDetails(default_value)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        return FlagResolutionDetails(default_value)


@pytest.fixture(autouse=True)
def _no_provider_stays() -> Iterator[None]:
    yield
    api.clear_providers()


def flags(values: Mapping[str, bool | Exception]) -> Provider:
    """A provider bound as the host binds its own."""
    provider = Provider(values)
    api.set_provider(provider, domain="psa")
    return provider


async def test_the_flags_that_the_host_switched_on_are_on() -> None:
    flags({Flag.UI.value: True, Flag.QUEUE.value: True, Flag.CIPP.value: False})
    assert (await Flags().enabled(TENANT)).on == {Flag.UI, Flag.QUEUE}


@pytest.mark.parametrize("error", [RuntimeError("broken"), ValueError(), KeyError("x")])
async def test_a_flag_that_cannot_be_read_is_off(error: Exception) -> None:
    flags({Flag.UI.value: error, Flag.CIPP.value: True})
    assert (await Flags().enabled(TENANT)).on == {Flag.CIPP}


async def test_for_a_run_a_flag_that_cannot_be_read_is_neither_on_nor_off() -> None:
    flags({Flag.UI.value: RuntimeError("broken"), Flag.CIPP.value: True, Flag.QUEUE.value: False})
    with pytest.raises(FlagUnread):
        await Flags().is_on_now(Flag.UI, TENANT)
    assert await Flags().is_on_now(Flag.CIPP, TENANT)
    assert not await Flags().is_on_now(Flag.QUEUE, TENANT)


async def test_for_a_run_a_flag_that_the_host_does_not_have_is_off() -> None:
    flags({Flag.UI.value: FlagNotFoundError("no such flag")})
    assert not await Flags().is_on_now(Flag.UI, TENANT)


async def test_without_a_provider_everything_is_off() -> None:
    assert (await Flags().enabled(TENANT)).on == frozenset()


async def test_the_tenant_goes_along_as_key_and_as_attribute() -> None:
    provider = flags({})
    await Flags().is_on(Flag.UI, TENANT)
    (context,) = provider.contexts
    assert context is not None
    assert context.targeting_key == str(TENANT)
    assert context.attributes["tenant_id"] == str(TENANT)


async def test_a_flag_that_is_flipped_shows_at_once() -> None:
    flags({Flag.UI.value: True})
    assert await Flags().is_on(Flag.UI, TENANT)
    flags({Flag.UI.value: False})
    assert not await Flags().is_on(Flag.UI, TENANT)
