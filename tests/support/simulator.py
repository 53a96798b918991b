"""A running simulator of Microsoft and CIPP, and a client for its control interface.

With ``ENTRA_TEST_REQUEST_LOG`` naming a folder, each simulator writes every request that it gets
to a file of its own there.
"""

from devhost.simulator.running import ORIGIN, CippAccess, Simulator, running_simulator

__all__ = ["ORIGIN", "CippAccess", "Simulator", "running_simulator"]
