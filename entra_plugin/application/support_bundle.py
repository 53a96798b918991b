"""What support needs to see of a tenant, in one document: ids, codes, counts and times.

No name, no address, no secret: people and customers appear by id only.
"""

import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy.ext.asyncio import AsyncConnection

from entra_plugin.application.context import Context
from entra_plugin.domain import secret_names
from entra_plugin.domain.flags import EffectiveFlags
from entra_plugin.domain.ids import TenantId
from entra_plugin.store.connections import Connection, Connections
from entra_plugin.store.managed_tenants import ManagedTenant, ManagedTenants
from entra_plugin.store.run_tenants import RunTenant, RunTenants
from entra_plugin.store.runs import Failure, Run, Runs
from entra_plugin.store.settings import SettingsRows

Json = dict[str, object]

_RUNS = 10
_PACKAGES = ("entra-plugin", "httpx", "msal", "openfeature-sdk", "sqlalchemy", "temporalio")


class SupportBundle:
    """Collects the bundle; it asks nobody but our own database and the secret store's names."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, tenant_id: TenantId, flags: EffectiveFlags) -> Json:
        """The bundle of one tenant."""
        async with self._context.store.tenant_transaction(tenant_id) as connection:
            connections = await Connections(connection, tenant_id).history()
            tenants = await ManagedTenants(connection, tenant_id).known()
            settings = await SettingsRows(connection, tenant_id).get()
            runs = await self._runs(connection, tenant_id)
        return {
            "madeAt": self._context.clock(),
            "tenantId": tenant_id,
            "versions": {"python": platform.python_version(), **_versions()},
            "edition": self._context.host.edition,
            "publicBaseUrl": self._context.host.public_base_url,
            "flags": sorted(flag.value for flag in flags.on),
            "secretsPresent": await self._secrets_present(tenant_id),
            "connections": [_connection(found) for found in connections],
            "managedTenants": [_managed_tenant(tenant) for tenant in tenants],
            "settings": {
                name: value
                for name, value in asdict(settings).items()
                if name != "user_filter_config"  # its patterns can hold names of people
            },
            "runs": runs,
        }

    async def _runs(self, connection: AsyncConnection, tenant_id: TenantId) -> list[Json]:
        page = await Runs(connection, tenant_id).page(limit=_RUNS)
        rows = RunTenants(connection, tenant_id)
        return [_run(run, await rows.of_run(run.run_id)) for run in page.items]

    async def _secrets_present(self, tenant_id: TenantId) -> dict[str, bool]:
        """Which of the guide's secrets there are; the values stay where they are."""
        names = (*secret_names.MICROSOFT, *secret_names.OF_CONNECTIONS)
        secrets = self._context.secrets
        return {name: await secrets.get(tenant_id, name) is not None for name in names}


def _versions() -> Mapping[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def _failure(failure: Failure | None, at: datetime | None = None) -> Json | None:
    if failure is None:
        return None
    return {"code": failure.code, "vendorCode": failure.vendor_code, "at": at}


def _connection(found: Connection) -> Json:
    return {
        "connectionId": found.connection_id,
        "type": found.type,
        "mode": found.mode,
        "status": found.status,
        "credentialSource": found.credential_source,
        "partnerTenantId": found.partner_tenant_id,
        "scope": found.scope,
        "createdAt": found.created_at,
        "validatedAt": found.validated_at,
        "renewedAt": found.renewed_at,
        "endedAt": found.ended_at,
        "failure": _failure(found.failure, found.failed_at),
    }


def _managed_tenant(tenant: ManagedTenant) -> Json:
    return {
        "managedTenantId": tenant.managed_tenant_id,
        "entraTenantId": tenant.entra_tenant_id,
        "domains": len(tenant.domains),
        "users": tenant.user_count,
        "relationshipEnd": tenant.relationship_end,
        "autoExtend": tenant.auto_extend,
        "roles": tenant.roles,
        "privilegeStatus": tenant.privilege_status,
        "providerErrors": tenant.provider_errors,
        "healthCode": tenant.health_code,
        "healthVendorCode": tenant.health_details.get("vendorCode"),
        "healthAt": tenant.health_at,
        "goneAt": tenant.gone_at,
        "lastSuccessAt": tenant.last_success_at,
    }


def _run(run: Run, tenants: list[RunTenant]) -> Json:
    return {
        "runId": run.run_id,
        "type": run.type,
        "trigger": run.trigger,
        "state": run.state,
        "stateReason": run.state_reason,
        "createdAt": run.created_at,
        "startedAt": run.started_at,
        "finishedAt": run.finished_at,
        "waitingUntil": run.waiting_until,
        "progress": run.progress,
        "counts": run.counts,
        "failure": _failure(run.failure),
        "tenants": [
            {
                "managedTenantId": tenant.managed_tenant_id,
                "state": tenant.state,
                "stateReason": tenant.state_reason,
                "pagesRead": tenant.pages_read,
                "readingKind": tenant.plan.kind if tenant.plan else None,
                "usersRead": tenant.users_read,
                "counts": tenant.counts,
                "failure": _failure(tenant.failure, tenant.finished_at),
            }
            for tenant in tenants
        ],
    }
