"""Processes of ours: where their modules come from, how one starts and ends, and that none outlives its parent.

Until the path of modules is clean, an import runs whatever lies in the working folder under that name. So the top of
this file, as that of the package and of `__main__`, imports only what every interpreter has loaded by then; even
`from __future__` is a module.
"""

import os
import sys

_PR_SET_PDEATHSIG = 1
BLIND_SECONDS = 2.0
"""How long a child may outlive its parent where the kernel does not tell it."""


def stand_ready() -> None:
    """Ready an interpreter that is mfq's own, before it imports anything that takes time; twice does no harm.

    Signals end it at once, with the exit code they are promised: nothing is to be tidied up yet, and what an exception
    leaves behind in a half imported extension crashes at exit. `Stops` takes over when a command begins.
    """
    sys.path[:] = module_path()
    import gc

    gc.set_threshold(20_000)  # Python's 700 has all that is imported walked again and again.
    for number in range(3):  # What is closed is opened: else a file of ours gets a number that libraries print to.
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    import _signal as signal  # type: ignore[import-not-found]  # `signal` makes enums first: as long as all before it

    def end(number: int, _: object) -> None:
        try:
            os.write(2, b"mfq: stopped\n")
        finally:
            os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


class _WithoutPandas:
    """Finds no pandas for libraries that ask whether a value is a DataFrame; others may have it."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Raise `ImportError` where pyarrow (its compiled parts have no frame: where we) or DuckDB import pandas."""
        if name != "pandas":
            return
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
            frame = frame.f_back
        if str(frame.f_globals.get("__name__")).partition(".")[0] in ("pyarrow", "duckdb", __name__.partition(".")[0]):
            raise ModuleNotFoundError("No module named 'pandas'", name=name)


def leave_out_pandas() -> None:
    """Keep pyarrow and DuckDB from importing pandas, if it is installed: a second and 60 MB to ask about one value.

    For programs of ours alone, as pyarrow asks once: it would not know a DataFrame that it is handed later.
    """
    if not any(isinstance(finder, _WithoutPandas) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WithoutPandas())


def module_path() -> list[str]:
    """Return the folders that modules may come from: those of `sys.path`, absolute, without the working folder.

    A notebook, `python -c`, `python -m` and an empty part of PYTHONPATH put it before the standard library, where a
    file `json.py` is `json`. It counts there only if PYTHONPATH names it in full; what a `.pth` file adds stands
    further behind and stays.
    """
    try:
        here = os.getcwd()
    except OSError:  # It was removed; nothing can be imported from it.
        return [entry for entry in sys.path if isinstance(entry, str) and os.path.isabs(entry)]
    path = [os.path.abspath(entry) for entry in sys.path if isinstance(entry, str)]
    library = os.path.dirname(os.path.abspath(os.__file__))
    first = path.index(library) if library in path else len(path)
    meant = here in map(os.path.abspath, meant_path())
    return [entry for entry in path[:first] if meant or entry != here] + path[first:]


def meant_path() -> list[str]:
    """Return the parts of PYTHONPATH that name a folder in full."""
    parts = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [part for part in parts if os.path.isabs(part)]


def python_command(module: str, *arguments: object) -> list[str]:
    """Return the command that calls `main(*arguments)`, all strings, of a module of ours in an interpreter of its own.

    It runs a line of code rather than the parent's main module, so that notebooks, scripts and tests need no
    `if __name__` guard; and it finds this package where it lies, also where no path leads to it.
    """
    package = __name__.partition(".")[0]
    code = (
        "import sys; n = int(sys.argv[1]); path, words = sys.argv[3 : 3 + n], sys.argv[3 + n :]; "
        "from importlib.util import module_from_spec, spec_from_file_location; "
        f"spec = spec_from_file_location({package!r}, sys.argv[2]); "
        f"sys.modules[{package!r}] = module = module_from_spec(spec); spec.loader.exec_module(module); "
        f"sys.path[:] = path; from {module} import main; main(*words)"
    )
    path, home = module_path(), os.path.join(os.path.dirname(os.path.abspath(__file__)), "__init__.py")
    return [sys.executable, "-P", "-c", code, str(len(path)), home, *path, *map(str, arguments)]


def python_environment() -> dict[str, str]:
    """Return this process's environment, with a PYTHONPATH in which no part means the working folder."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    meant = meant_path()
    return environment | ({"PYTHONPATH": os.pathsep.join(meant)} if meant else {})


def die_with(parent: int) -> None:
    """Ask the kernel (Linux) for SIGKILL at the parent's death: a decoder may hold the GIL. Elsewhere, watch for it."""
    import contextlib
    import ctypes
    import signal
    import threading
    import time

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
