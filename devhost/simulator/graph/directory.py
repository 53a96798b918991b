"""What a directory says of itself: its own record, and its domains."""

from typing import TYPE_CHECKING

from devhost.simulator.answers import Page
from devhost.simulator.graph.caller import Caller
from devhost.simulator.graph.lists import SELECT, page_of, query_of
from devhost.simulator.graph.people import customer

if TYPE_CHECKING:
    from devhost.simulator.graph.ask import Ask
    from devhost.simulator.graph.service import GraphService


def organization(service: "GraphService", caller: Caller, ask: "Ask") -> Page:
    """The directory's own record."""
    caller.require("User.Read", "Directory.Read.All")
    caller.require_role()
    query = query_of(service.metadata, ask, "organization", SELECT)
    directory = customer(caller)
    row: dict[str, object] = {
        "id": caller.tenant,
        "displayName": directory.display_name,
        "verifiedDomains": [
            {
                "name": d,
                "isDefault": d == directory.default_domain,
                "isInitial": d.endswith(".onmicrosoft.com"),
                "type": "Managed",
                "capabilities": "Email, OfficeCommunicationsOnline",
            }
            for d in directory.domains
        ],
    }
    return page_of(ask, caller, query, [row], epoch=service.link_epoch)


def domains(service: "GraphService", caller: Caller, ask: "Ask") -> Page:
    """The directory's domains."""
    caller.require("Directory.Read.All", "Domain.Read.All")
    caller.require_role()
    directory = customer(caller)
    rows = [
        {
            "id": d,
            "isDefault": d == directory.default_domain,
            "isInitial": d.endswith(".onmicrosoft.com"),
            "isVerified": True,
            "isRoot": True,
            "authenticationType": "Managed",
            "supportedServices": ["Email"],
        }
        for d in directory.domains
    ]
    query = query_of(service.metadata, ask, "domain")
    return page_of(ask, caller, query, rows, epoch=service.link_epoch)
