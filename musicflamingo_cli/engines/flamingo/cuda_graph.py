"""Work on fixed tensors, captured once as a CUDA graph and replayed: a thousand launches become one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from musicflamingo_cli.engines.flamingo.memory import is_out_of_memory

if TYPE_CHECKING:
    import torch

WARM_UPS = 2
"""Runs before the capture, in which libraries allocate what they need and choose kernels."""


class CaptureFailed(Exception):
    """The work can't be captured here; the device is sound, and the work can be run as it is."""


@cache
def side_stream(device: torch.device) -> Any:
    """Return the stream for all captures of a device: what libraries allocate for a stream is never given back."""
    import torch

    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def capture(work: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """Return what does `work` again, over what its tensors hold then. The work may be done several times over.

    Raises `CaptureFailed`; or as the work does where memory runs out, or the device is lost.
    """
    import torch

    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(device):
        side, here = side_stream(device), torch.cuda.current_stream()
        side.wait_stream(here)
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                work()
            try:
                # another thread prepares the next batch on this device meanwhile
                with torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"):
                    work()
            except Exception as problem:
                cause: BaseException | None = problem  # the end of a capture that went wrong raises again
                while cause is not None:
                    if is_out_of_memory(cause):
                        raise cause from None
                    cause = cause.__context__
                torch.cuda.synchronize()  # raises if the device is lost
                raise CaptureFailed(f"{type(problem).__name__}: {problem}".splitlines()[0][:200]) from None
        here.wait_stream(side)
    return graph.replay
