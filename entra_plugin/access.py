"""The gates, in one place: who may see and do what, in the order of checks that people can rely on.

Signed in (401), flag (404, so that a disabled feature cannot be told from an absent one), user type
(403 whatever the roles), permission (403). The edition comes before all of these: outside
``enterprise`` nothing is registered at all (``hooks.plugin``).
"""

from dataclasses import dataclass
from enum import StrEnum

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails

from entra_plugin.domain.flags import EffectiveFlags, Flag
from entra_plugin.domain.ids import TenantId
from entra_plugin.host import Decision, Host, Principal, UserType


class Permission(StrEnum):
    """The host's permissions that our surfaces ask for."""

    READ = "system_settings.read"
    UPDATE = "system_settings.update"
    CREATE_CLIENT = "client.create"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a surface asks for: its flags, all of them on, and a permission."""

    permission: Permission
    flags: frozenset[Flag] = frozenset({Flag.UI})


VIEW = Needs(permission=Permission.READ)
CHANGE = Needs(permission=Permission.UPDATE)

ALLOWED = Decision(allowed=True, status=200, code="allowed")
NOT_SIGNED_IN = Decision(allowed=False, status=401, code="not_signed_in")
DISABLED = Decision(allowed=False, status=404, code="not_found")
PORTAL_USER = Decision(allowed=False, status=403, code="portal_user")


_MAY_PASS = frozenset({ErrorCode.GENERAL, ErrorCode.PROVIDER_NOT_READY})


class FlagUnread(ConnectionError):
    """The host's flags cannot be read just now: nothing is known about one of them."""


class Flags:
    """Evaluates flags for a tenant; an error of any kind means off. Nothing is cached."""

    async def enabled(self, tenant_id: TenantId) -> EffectiveFlags:
        """Evaluate all five for one tenant."""
        return EffectiveFlags(on=frozenset([f for f in Flag if await self.is_on(f, tenant_id)]))

    async def is_on(self, flag: Flag, tenant_id: TenantId) -> bool:
        """Evaluate one flag.

        The tenant goes along both as targeting key and as attribute: a host's transaction context
        could otherwise supply another tenant's.
        """
        return (await self._evaluated(flag, tenant_id)).value

    async def is_on_now(self, flag: Flag, tenant_id: TenantId) -> bool:
        """Evaluate one flag for work that is tried again: an outage of the host ends no run.

        Raises:
            FlagUnread: The provider failed; later it may not.
        """
        found = await self._evaluated(flag, tenant_id)
        if found.error_code in _MAY_PASS:
            raise FlagUnread(flag.value)
        return found.value

    async def _evaluated(self, flag: Flag, tenant_id: TenantId) -> FlagEvaluationDetails[bool]:
        client = api.get_client(domain="psa")
        context = EvaluationContext(
            targeting_key=str(tenant_id), attributes={"tenant_id": str(tenant_id)}
        )
        return await client.get_boolean_details_async(flag.value, False, context)  # noqa: FBT003


async def decide(
    host: Host, principal: Principal | None, flags: EffectiveFlags, needs: Needs
) -> Decision:
    """Judge one request or workflow start of a signed-in (or unknown) person."""
    if principal is None:
        return NOT_SIGNED_IN
    if not needs.flags <= flags.on:
        return DISABLED
    if principal.user_type != UserType.INTERNAL:
        return PORTAL_USER
    if not await host.authorize(principal, needs.permission):
        return missing(needs.permission)
    return ALLOWED


def missing(permission: Permission) -> Decision:
    """The refusal that names the permission."""
    return Decision(
        allowed=False, status=403, code="permission_missing", permission=permission.value
    )
