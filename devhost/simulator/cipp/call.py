"""One request to a CIPP: who asks, with which parameters, and what the endpoint works with."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from devhost.simulator.apps import CippApp
from devhost.simulator.cipp.queues import Queues
from devhost.simulator.cipp.reading import Reader
from devhost.simulator.cipp.replies import Refused
from devhost.simulator.cipp.switches import Switches
from devhost.simulator.cipp.tenants import Tenants


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that was let in."""

    app: CippApp
    parameters: Mapping[str, str]
    """By name in lower case: CIPP does not tell case apart."""
    tenants: Tenants
    reader: Reader
    queues: Queues
    switches: Switches
    cold_start: bool

    def text(self, name: str) -> str | None:
        """A parameter; None if it is not there or empty."""
        return self.parameters.get(name.lower()) or None

    def flag(self, name: str) -> bool:
        """A truth value.

        Raises:
            Refused: 500, as for any text that PowerShell does not take for one.
        """
        value = self.text(name)
        if value is None or value.strip().lower() in {"true", "false"}:
            return value is not None and value.strip().lower() == "true"
        raise Refused(500, f"String '{value}' was not recognized as a valid Boolean.")


def parameters_of(query: str, allowed: frozenset[str]) -> dict[str, str]:
    """The parameters of a query string, by name in lower case.

    Raises:
        Refused: One is unknown or given twice, which CIPP itself would not notice.
    """
    known = {name.lower() for name in allowed}
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        key = name.lower()
        if key not in known:
            raise Refused(400, f"The simulator knows no parameter '{name}' here.")
        if key in found:
            raise Refused(400, f"Parameter '{name}' is there twice.")
        found[key] = value
    return found
