"""Connect through CIPP: test, then save what was tested."""

from uuid import uuid4

from entra_plugin.application.connect.access import CippAccess
from entra_plugin.application.connect.ports import ConnectPorts
from entra_plugin.application.connect.swap import SwapConnection, Validation
from entra_plugin.application.context import Context, Person
from entra_plugin.domain.errors import EntraError
from entra_plugin.domain.ids import ConnectionId
from entra_plugin.domain.states import CredentialSource
from entra_plugin.store.connections import NewConnection
from entra_plugin.store.runs import Failure


class TestCipp:
    """Try a base URL and its credentials; nothing is stored."""

    def __init__(self, context: Context, ports: ConnectPorts) -> None:
        self._context = context
        self._ports = ports

    async def __call__(self, access: CippAccess) -> Validation:
        """List the tenants; a provider that fails is an answer, not an error.

        Raises:
            ConfigurationInvalid: ``cipp_base_url_invalid``, ``cipp_address_refused``,
                ``cipp_credentials_incomplete``, ``cipp_tenant_id_invalid`` or
                ``client_id_invalid``.
        """
        access = self._ports.opener.check_cipp(access)
        count: int | None = None
        failure: Failure | None = None
        try:
            count = await probe_cipp(self._ports, access)
        except EntraError as error:
            if error.code in {"cipp_base_url_invalid", "cipp_address_refused"}:
                raise
            failure = Failure.of(error, self._context.clock())
        now = self._context.clock()
        return Validation(
            valid=failure is None, checked_at=now, tenant_count=count, failure=failure
        )


class ConnectCipp:
    """Store a CIPP connection whose base URL and credentials have just listed tenants."""

    def __init__(self, context: Context, ports: ConnectPorts) -> None:
        self._context = context
        self._ports = ports
        self._swap = SwapConnection(context, ports.journal)

    async def __call__(self, person: Person, access: CippAccess) -> Validation:
        """Connect; a failure leaves the previous connection untouched.

        Raises:
            ConfigurationInvalid: ``cipp_base_url_invalid``, ``cipp_address_refused`` or
                ``secret_store_read_only``.
            EntraError: What CIPP answered to the probe.
        """
        access = self._ports.opener.check_cipp(access)
        await self._ports.journal.require_writable(person.tenant_id)
        count = await probe_cipp(self._ports, access)
        new = NewConnection(
            connection_id=ConnectionId(uuid4()),
            mode=access.mode,
            credential_source=CredentialSource.TENANT_SECRET,
            created_by=person.user_id,
        )
        await self._swap(person.tenant_id, new, access.secrets())
        return Validation(valid=True, checked_at=self._context.clock(), tenant_count=count)


async def probe_cipp(ports: ConnectPorts, access: CippAccess) -> int:
    """List the tenants with a directory that is closed again."""
    directory = ports.opener.cipp(access)
    try:
        return await directory.probe()
    finally:
        await directory.close()
