"""What may go wrong with the run itself. A song's own trouble is a value (``records.Failure``), never one of these."""

from __future__ import annotations


class MfqError(Exception):
    """The run can't go on. The message says what, where and what to do; `exit_code` is what the shell gets."""

    exit_code = 4


class UsageError(MfqError):
    """Bad input or options: a manifest, pack, flag or file that can't be used as given."""

    exit_code = 2


class EngineError(MfqError):
    """The engine could not be started, or can't go on for any song."""

    exit_code = 3


class OutputError(MfqError):
    """An output could not be written; the older file, if there was one, is untouched."""

    exit_code = 4


class TooManyFailures(MfqError):
    """More songs failed than `--max-failures` allows."""

    exit_code = 1


class NotNow(MfqError):
    """Another run holds the cache, or the run's own deadline came: the same command later goes on."""

    exit_code = 75


class Stopped(BaseException):
    """A signal asked the run to end; `code` is the exit code. Not an `Exception`, so that nothing swallows it."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
