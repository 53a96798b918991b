"""The plugin's own way to CIPP over a simulator, without a host around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl

from entra_plugin.directory.cipp.adapter import CippDirectory, open_cipp
from entra_plugin.directory.cipp.tokens import StaticToken
from entra_plugin.directory.guard import checked_base_url, parse_allowed
from entra_plugin.directory.transport import Token, tls_context
from support.clock import Clock
from support.simulator import Simulator


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A CIPP that is open, and what was waited for on the way."""

    simulator: Simulator
    directory: CippDirectory
    pauses: Clock

    def asked(self, function: str = "") -> list[dict[str, str]]:
        """The parameters of the requests so far, of one function or of all."""
        return [
            dict(parse_qsl(str(request["query"])))
            for request in self.simulator.requests()
            if request["host"] == "cipp" and str(request["path"]).endswith(function)
        ]

    def switch(self, **switches: object) -> None:
        """Tell the simulator how its CIPP behaves."""
        self.simulator.control("/cipp", switches)

    def fault(self, match: str, **fault: object) -> None:
        """Put one more fault in place, for CIPP alone."""
        self.simulator.control("/faults", {"match": match, "host": "cipp", **fault})


@asynccontextmanager
async def opened_cipp(
    simulator: Simulator, *, token: Token | None = None, partner: int = 0
) -> AsyncIterator[Opened]:
    """Open the CIPP of one partner, with its static token unless told otherwise."""
    allowed = parse_allowed(simulator.environment["ENTRA_CIPP_ALLOWED_HOSTS"])
    pauses = Clock()
    directory = open_cipp(
        checked_base_url(simulator.cipp_url, allowed),
        token or StaticToken(simulator.cipp[partner].token),
        allowed=allowed,
        context=tls_context(simulator.ca_file),
        sleep=pauses.sleep,
    )
    try:
        yield Opened(simulator=simulator, directory=directory, pauses=pauses)
    finally:
        await directory.close()
