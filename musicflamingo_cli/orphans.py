"""No child outlives its parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
BLIND_SECONDS = 2.0
"""How long a worker may outlive its parent where the kernel does not tell it."""


def die_with(parent: int) -> None:
    """Ask the kernel (Linux) for SIGKILL at the parent's death: a decoder may hold the GIL. Elsewhere, watch for it."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(BLIND_SECONDS)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
