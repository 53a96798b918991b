"""A running simulator of Microsoft, and a client for its control interface."""

from devhost.simulator.running import ORIGIN, Simulator, running_simulator

__all__ = ["ORIGIN", "Simulator", "running_simulator"]
