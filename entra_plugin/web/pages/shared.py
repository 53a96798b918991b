"""What every page about the connection shows: the connection itself, and failures in words."""

from collections.abc import Callable
from datetime import datetime

from entra_plugin.access import Permission
from entra_plugin.application.connect.direct import redirect_uri
from entra_plugin.application.overview import OverviewFacts
from entra_plugin.application.remedies import Links
from entra_plugin.domain.ids import EntraTenantId
from entra_plugin.domain.states import ConnectionType, CredentialSource
from entra_plugin.store.runs import OPEN_STATES, Failure, Run
from entra_plugin.web.api import views
from entra_plugin.web.pages.notice import Message
from entra_plugin.web.pages.render import Screen

Told = Callable[..., views.FailureView | None]
"""Puts a stored failure in words, for a template."""


def is_open(run: Run | None) -> bool:
    """True while a run is queued or running."""
    return run is not None and run.state in OPEN_STATES


def is_connected(facts: OverviewFacts) -> bool:
    """True while a connection is in force, whether it works or not."""
    return facts.connection is not None and facts.connection.ended_at is None


async def page_values(
    screen: Screen, facts: OverviewFacts, links: Links, message: Message | None
) -> dict[str, object]:
    """The values that every page has."""
    host = screen.runtime.context.host
    return {
        "message": message,
        "can_change": await host.authorize(screen.facts.principal, Permission.UPDATE),
        "connected": is_connected(facts),
        "overview": facts,
        "connection": facts.connection,
        "now": screen.runtime.context.clock(),
        "told": told(screen, links),
    }


def told(screen: Screen, links: Links) -> Told:
    """A function that puts a stored failure in words: of the connection, or of one customer."""

    def words(
        failure: Failure | None,
        customer: EntraTenantId | None = None,
        at: datetime | None = None,
    ) -> views.FailureView | None:
        return views.failure(failure, screen.facts.locale, at=at, links=links, customer=customer)

    return words


def connection_values(screen: Screen, facts: OverviewFacts) -> dict[str, object]:
    """The values of the list of facts about the connection, and of the form of its credentials."""
    return {
        "source": facts.credential_source,
        "secret_expires_at": _own_secret_expiry(facts),
        "redirect_uri": redirect_uri(screen.runtime.context.host.public_base_url),
    }


def _own_secret_expiry(facts: OverviewFacts) -> datetime | None:
    """The date that was entered with the tenant's own secret, where that secret is in use."""
    connection = facts.connection
    if connection is not None and is_connected(facts):
        if connection.type != ConnectionType.DIRECT:
            return None
        source = connection.credential_source
    else:
        source = facts.credential_source
    own = source == CredentialSource.TENANT_SECRET
    return facts.settings.client_secret_expires_at if own else None
