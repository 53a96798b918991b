"""The five feature flags, evaluated through OpenFeature on every request and every managed tenant."""

from dataclasses import dataclass
from enum import StrEnum

from openfeature import api
from openfeature.evaluation_context import EvaluationContext

from entra_plugin.domain.ids import TenantId


class Flag(StrEnum):
    """The flag keys of phase 1."""

    UI = "entra-integration-ui"
    CLIENT_SYNC = "entra-integration-client-sync-action"
    CIPP = "entra-integration-cipp"
    FIELD_SYNC = "entra-integration-field-sync"
    QUEUE = "entra-integration-ambiguous-queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveFlags:
    """What is switched on for one tenant now."""

    on: frozenset[Flag]

    def __contains__(self, flag: Flag) -> bool:
        """True when the flag is on."""
        return flag in self.on


class Flags:
    """Evaluates flags for a tenant; an error of any kind means off. Nothing is cached."""

    async def enabled(self, tenant_id: TenantId) -> EffectiveFlags:
        """Evaluate all five for one tenant."""
        return EffectiveFlags(on=frozenset([f for f in Flag if await self.is_on(f, tenant_id)]))

    async def is_on(self, flag: Flag, tenant_id: TenantId) -> bool:
        """Evaluate one flag.

        The tenant goes along both as targeting key and as attribute: a host's transaction context could
        otherwise supply another tenant's.
        """
        client = api.get_client(domain="psa")
        context = EvaluationContext(
            targeting_key=str(tenant_id), attributes={"tenant_id": str(tenant_id)}
        )
        return await client.get_boolean_value_async(flag.value, False, context)  # noqa: FBT003
