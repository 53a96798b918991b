"""Microsoft's own Graph client reads the simulator and does not know the difference."""

import ssl
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import (  # type: ignore[import-not-found]
    AzureIdentityAuthenticationProvider,
)
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.user import User
from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_core import (  # type: ignore[import-not-found]
    GraphClientFactory,
    PageIterator,
)

from support.simulator import Simulator

pytestmark = pytest.mark.sdk

ALPINE = "e0000000-0000-4000-8000-000000000001"
DELTA_LOGISTICS = "e0000000-0000-4000-8000-000000000004"
"""A customer whose administrator has not consented."""
NOBODY = "00000000-0000-4000-8000-00000000dead"

_FIELDS = ["id", "displayName", "userPrincipalName", "accountEnabled"]


def _credential(simulator: Simulator, tenant: str) -> ClientSecretCredential:
    return ClientSecretCredential(
        tenant,
        simulator.client_id,
        simulator.client_secret,
        authority=simulator.sign_in_url,
        disable_instance_discovery=True,  # that goes to Microsoft, wherever the authority is
        connection_verify=simulator.ca_file,
    )


def _client(simulator: Simulator, tenant: str, transport: httpx.AsyncClient) -> GraphServiceClient:
    provider = AzureIdentityAuthenticationProvider(
        _credential(simulator, tenant),
        scopes=["https://graph.microsoft.com/.default"],
        allowed_hosts=["localhost"],
    )
    adapter = GraphRequestAdapter(
        provider,
        client=GraphClientFactory.create_with_default_middleware(
            client=transport, host=simulator.graph_url
        ),
    )
    adapter.base_url = f"{simulator.graph_url}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


@pytest_asyncio.fixture
async def transport(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    """Connections that trust the simulator's authority and no other."""
    context = ssl.create_default_context(cafile=simulator.ca_file)
    # Graph's client puts its own transport around this one and does not close it.
    async with httpx.AsyncHTTPTransport(verify=context) as connections:
        yield httpx.AsyncClient(transport=connections)


@pytest.fixture
def alpine(simulator: Simulator, transport: httpx.AsyncClient) -> GraphServiceClient:
    """The client, signed in at a customer as the application itself."""
    return _client(simulator, ALPINE, transport)


async def test_it_pages_through_every_user_of_a_customer(
    simulator: Simulator, alpine: GraphServiceClient
) -> None:
    held = next(t for t in simulator.directory()["tenants"] if t["entra_tenant_id"] == ALPINE)
    options = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(select=_FIELDS, top=20)
    page = await alpine.users.get(RequestConfiguration(query_parameters=options))
    assert page is not None

    seen: list[User] = []

    def keep(user: User) -> bool:
        seen.append(user)
        return True

    await PageIterator(page, alpine.request_adapter).iterate(keep)

    assert [user.id for user in seen] == [user["id"] for user in held["users"]]
    assert {user.account_enabled for user in seen} == {True, False}
    listings = [r for r in simulator.requests() if r["path"] == "/v1.0/users"]
    assert len(listings) == -(-len(seen) // 20)


async def test_it_counts_the_users_of_a_customer(
    simulator: Simulator, alpine: GraphServiceClient
) -> None:
    held = next(t for t in simulator.directory()["tenants"] if t["entra_tenant_id"] == ALPINE)
    options: RequestConfiguration[object] = RequestConfiguration()
    options.headers.add("ConsistencyLevel", "eventual")

    assert await alpine.users.count.get(options) == len(held["users"])


async def test_it_follows_a_delta_link_to_what_changed_since(
    simulator: Simulator, alpine: GraphServiceClient
) -> None:
    options = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(select=_FIELDS)
    page = await alpine.users.delta.get(RequestConfiguration(query_parameters=options))
    first: list[User] = []
    while page is not None and page.odata_next_link:
        first += page.value or []
        page = await alpine.users.delta.with_url(page.odata_next_link).get()
    assert page is not None
    first += page.value or []
    assert page.odata_delta_link
    renamed, disabled, gone = (str(user.id) for user in first[:3])

    simulator.control(
        "/users",
        {
            "tenant": ALPINE,
            "change": [{"id": renamed, "set": {"displayName": "Anna Abbott-Costa"}}],
            "disable": [disabled],
            "delete": [gone],
        },
    )
    changes = await alpine.users.delta.with_url(page.odata_delta_link).get()

    assert changes is not None
    found = {str(user.id): user for user in changes.value or []}
    assert found.keys() == {renamed, disabled, gone}
    assert found[renamed].display_name == "Anna Abbott-Costa"
    assert found[disabled].account_enabled is False
    assert found[gone].additional_data["@removed"]["reason"] == "changed"
    assert changes.odata_delta_link


async def test_it_reads_a_user_that_is_not_there_as_an_error(alpine: GraphServiceClient) -> None:
    with pytest.raises(ODataError) as caught:
        await alpine.users.by_user_id(NOBODY).get()

    assert caught.value.response_status_code == 404
    main = caught.value.error
    assert main is not None
    assert main.code == "Request_ResourceNotFound"
    assert NOBODY in str(main.message)
    assert main.inner_error is not None
    assert main.inner_error.request_id
    assert main.inner_error.date is not None


async def test_it_reads_a_missing_permission_as_an_error(alpine: GraphServiceClient) -> None:
    with pytest.raises(ODataError) as caught:
        await alpine.tenant_relationships.delegated_admin_customers.get()

    assert caught.value.response_status_code == 403
    assert caught.value.error is not None
    assert caught.value.error.code == "Authorization_RequestDenied"
    assert caught.value.error.message == "Insufficient privileges to complete the operation."


async def test_it_waits_as_long_as_it_is_told_and_tries_again(
    simulator: Simulator, alpine: GraphServiceClient
) -> None:
    simulator.control(
        "/faults",
        {"match": "/v1.0/users", "status": 429, "headers": {"Retry-After": "1"}, "times": 1},
    )

    page = await alpine.users.get()

    assert page is not None
    assert page.value
    statuses = [r["status"] for r in simulator.requests() if r["path"] == "/v1.0/users"]
    assert statuses == [429, 200]


async def test_it_gets_no_token_at_a_customer_that_has_not_consented(
    simulator: Simulator, transport: httpx.AsyncClient
) -> None:
    client = _client(simulator, DELTA_LOGISTICS, transport)

    with pytest.raises(ClientAuthenticationError, match="AADSTS700016"):
        await client.users.get()
