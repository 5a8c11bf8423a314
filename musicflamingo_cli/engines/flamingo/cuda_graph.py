"""Work on fixed tensors, captured once as a CUDA graph and replayed: a thousand launches become one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
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

    graph, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
    with torch.cuda.device(device):
        side, here = side_stream(device), torch.cuda.current_stream()
        side.wait_stream(here)
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                work()
            try:
                # another thread prepares the next batch on this device meanwhile
                with torch.cuda.graph(graph, pool, side, capture_error_mode="thread_local"):
                    work()
            except Exception as problem:
                end_allocation(pool, device)
                cause: BaseException | None = problem  # the end of a capture that went wrong raises again
                while cause is not None:
                    if is_out_of_memory(cause):
                        raise cause from None
                    cause = cause.__context__
                torch.cuda.synchronize()  # raises if the device is lost
                raise CaptureFailed(f"{type(problem).__name__}: {problem}".splitlines()[0][:200]) from None
        here.wait_stream(side)
    return graph.replay


def end_allocation(pool: Any, device: torch.device) -> None:
    """Have the allocator leave a capture that went wrong, which torch does not where the capture can't be ended.

    Else it takes the capture for underway as long as the process lives, and giving back memory is an internal error.
    """
    import torch

    names = "_cuda_endAllocateToPool", "_cuda_endAllocateCurrentStreamToPool"  # the latter before torch 2.8
    end: Any = next(getattr(torch._C, name) for name in names if hasattr(torch._C, name))
    with suppress(RuntimeError):  # it was left, or not yet begun
        end(device.index, pool)
        torch._C._cuda_releasePool(device.index, pool)
