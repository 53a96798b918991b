"""Listings of users as they should not be: the simulator answers them page by page.

The pages are made of the directory's own users, so that what is wrong is the listing alone.
"""

from collections.abc import Sequence

from support.simulator import Simulator

Row = dict[str, object]
Fault = dict[str, object]

FIRST = r"^GET /v1\.0/users\?(?!.*skiptoken)"
LATER = r"^GET /v1\.0/users\?.*skiptoken"


def rows_of(simulator: Simulator, tenant: str) -> list[Row]:
    """The users of a directory, in the order in which it lists them."""
    found = simulator.directory()["tenants"]
    return list(next(t["users"] for t in found if t["entra_tenant_id"] == tenant))


def pages_of(rows: Sequence[Row], size: int) -> list[list[Row]]:
    """The rows, so many on a page."""
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]


def answering(
    simulator: Simulator, tenant: str, pages: Sequence[Sequence[Row]], *, last: str | None = None
) -> list[Fault]:
    """Faults that let a directory list these pages; ``last`` is the next link of the last one."""
    faults: list[Fault] = []
    for number, rows in enumerate(pages, 1):
        body: dict[str, object] = {"value": list(rows)}
        link = link_to(simulator, number + 1) if number < len(pages) else last
        if link is not None:
            body["@odata.nextLink"] = link
        match = FIRST if number == 1 else rf"skiptoken=page{number}(?!\d)"
        faults.append({"match": match, "tenants": [tenant], "status": 200, "body": body})
    return faults


def link_to(simulator: Simulator, number: int) -> str:
    """The address of a page of :func:`answering`."""
    return f"{simulator.graph_url}/v1.0/users?$skiptoken=page{number}"
