"""Tie a child's life to its parent's.

When the parent dies, however it dies, the child gets a signal.
"""

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""


def die_with_parent(sig: signal.Signals = signal.SIGTERM) -> Callable[[], None] | None:
    """A ``preexec_fn`` for a child of the main thread; None where the kernel has no such thing.

    The kernel sends the signal when the thread that started the child ends, so it must be the main
    one. It is set after a change of user, which would clear it.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0)

    return tie
