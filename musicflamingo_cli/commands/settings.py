"""Options given once: `MFQ_*` environment variables, and a `mfq.toml` that is data and never code."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from musicflamingo_cli.errors import UsageError

FILE_NAME = "mfq.toml"
MAX_BYTES = 1 << 20
PREFIX = "MFQ_"
OTHERS = {"MFQ_DEBUG", "MFQ_FAKE_SCRIPT", "MFQ_FAKE_LOG"}
"""Variables that are no option's."""
NAMED_ONLY = {"allow-private-hosts"}
"""What opens this machine's own network is not taken from a file that merely lies there."""
YES, NO = ("1", "true", "t", "yes", "y", "on"), ("0", "false", "f", "no", "n", "off")
KINDS = {bool: "true or false", int: "a whole number", float: "a number"}
NOT_IN_A_FILE = {"config", "no-config"}


@dataclass(frozen=True, slots=True)
class Option:
    """An option as settings know it."""

    name: str
    """The parameter's name."""
    flags: tuple[str, ...]
    """`--cache-dir`, the leading name first."""
    kind: type
    """bool, int, float or str."""
    multiple: bool
    metavar: str
    """What stands for the value in the help: FILE and FOLDER are paths, `NAME,...` is a list between commas."""
    choices: tuple[str, ...] = ()
    """The values that it can have, where they are few."""

    @property
    def flag(self) -> str:
        """The leading name on the command line."""
        return self.flags[0]

    @property
    def keys(self) -> tuple[str, ...]:
        """The names in a settings file."""
        return tuple(flag[2:] for flag in self.flags)


@dataclass(frozen=True, slots=True)
class Call:
    """A command as it was called."""

    command: str
    commands: Mapping[str, Sequence[Option]]
    """Options of every command."""
    typed: Mapping[str, Any]
    """What the command line names, by parameter."""
    manifest: str | None
    """The file that the command is about."""

    @property
    def options(self) -> Sequence[Option]:
        """Options of this command."""
        return self.commands[self.command]


@dataclass(slots=True)
class Settings:
    """What the environment and a settings file give one command."""

    values: dict[Option, Any] = field(default_factory=dict)
    """Value of each option that the command line does not name."""
    origins: dict[Option, str] = field(default_factory=dict)
    """Where each is from: a variable, or a file and its key."""
    file: str | None = None
    """The settings file that was read."""
    notes: list[str] = field(default_factory=list)
    """Lines for a person."""

    def origin(self, option: Option, *, typed: bool) -> str:
        """Say where an option's value is from."""
        return "command line" if typed else self.origins.get(option, "default")

    def explain(self, message: str) -> str:
        """Add to an error where the values are from that it speaks of."""
        words = set(message.replace("'", " ").replace(":", " ").replace(",", " ").split())
        known = [f"{option.flag} is set by {origin}" for option, origin in self.origins.items() if option.flag in words]
        return f"{message} ({'; '.join(known)})" if known else message


def gather(call: Call) -> Settings:
    """Return what the environment, before a settings file, gives the options that were not typed.

    Raises `UsageError` for a file or a variable that can't be used as it is.
    """
    settings = Settings()
    _take_environment(call, settings)
    named = call.typed.get("config")
    given = {option.name: value for option, value in settings.values.items()}
    if call.typed.get("no_config"):
        if named is not None:
            raise UsageError("--config and --no-config exclude each other")
    elif named is not None or not given.get("no_config"):
        named = named if named is not None else given.get("config")
        path = Path(named) if named is not None else _lying_there(call.manifest)
        if path is not None:
            _take_file(path, call, settings, is_named=named is not None)
    return settings


def _take_environment(call: Call, settings: Settings) -> None:
    known = {_variable(key): None for options in call.commands.values() for option in options for key in option.keys}
    for command, options in call.commands.items():
        known |= {_variable(f"{command}-{key}"): None for option in options for key in option.keys}
    for option in call.options:
        names = [_variable(name) for key in option.keys for name in (f"{call.command}-{key}", key)]
        variable = next((name for name in sorted(names, key=names.index) if os.environ.get(name)), None)
        if variable is not None and option.name not in call.typed:
            settings.values[option] = _from_text(option, os.environ[variable], variable)
            settings.origins[option] = f"the environment variable {variable}"
    for variable in sorted(os.environ):
        if variable.startswith(PREFIX) and variable not in known and variable not in OTHERS:
            settings.notes.append(f"warning: {variable}: no option has this variable{_nearest(variable, known)}")


def _variable(key: str) -> str:
    return PREFIX + key.upper().replace("-", "_")


def _from_text(option: Option, text: str, variable: str) -> Any:
    """Read an environment variable; one for an option that may stand several times holds a value a line."""
    if option.multiple:
        return [line for line in text.splitlines() if line.strip()]
    if option.kind is not bool:
        return text
    for value, words in ((True, YES), (False, NO)):
        if text.strip().lower() in words:
            return value
    raise UsageError(f"{variable}={text}: {option.flag} is a flag; say 1 or 0")


def _lying_there(manifest: str | None) -> Path | None:
    """Return the settings file beside the manifest, else that of the working folder."""
    beside = [] if manifest in (None, "-") else [Path(str(manifest)).absolute().parent]
    for folder in (*beside, Path()):
        path = folder / FILE_NAME
        try:
            if path.is_file():
                return path
        except (OSError, ValueError):
            continue
    return None


def _take_file(path: Path, call: Call, settings: Settings, *, is_named: bool) -> None:
    """Lay what a file holds under what is known already: top-level keys, and over them those of the command's table."""
    settings.file = str(path)
    held = _read(path)
    every = {key: option for options in call.commands.values() for option in options for key in option.keys}
    tables = {name: value for name, value in held.items() if name in call.commands and isinstance(value, dict)}
    _check({name: value for name, value in held.items() if name not in tables}, every, path, sorted(call.commands))
    for command, table in tables.items():
        _check(table, {key: option for option in call.commands[command] for key in option.keys}, f"{path}: [{command}]")
    found = {**{k: v for k, v in held.items() if k not in tables}, **tables.get(call.command, {})}
    by_key = {_key(name): value for name, value in found.items()}
    taken = []
    for option in call.options:
        key = next((key for key in option.keys if key in by_key), None)
        if key is None:
            continue
        if key in NAMED_ONLY and not is_named:
            raise UsageError(f"{path}: '{key}' counts only in a file that --config names; this one merely lies there")
        value = _worded(option, by_key[key], f"{path}: {key}", path.absolute().parent)
        taken.append(key)
        if option.name not in call.typed and option not in settings.values:
            settings.values[option] = value
            settings.origins[option] = str(path)
    settings.notes.append(f"settings: {path} ({', '.join(taken) or 'nothing for this command'})")


def _read(path: Path) -> dict[str, Any]:
    import tomllib
    from decimal import Decimal

    try:
        if not path.is_file():
            raise UsageError(f"{path}: there is no such settings file" if not path.exists() else f"{path}: no file")
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: more than {MAX_BYTES} bytes; this is no settings file")
        return tomllib.loads(path.read_text("utf-8-sig"), parse_float=Decimal)
    except (OSError, ValueError, RecursionError) as problem:
        said = problem.strerror if isinstance(problem, OSError) else problem
        raise UsageError(f"{path}: settings can't be read: {said}") from None


def _check(held: Mapping[str, Any], known: Mapping[str, Option], where: object, tables: Sequence[str] = ()) -> None:
    """Raise `UsageError` for a key that no option has, one that is there twice, or a value of a wrong type."""
    seen: set[str] = set()
    for name, value in held.items():
        key = _key(name)
        if tables and isinstance(value, dict) and not (key in known and "=" in known[key].metavar):
            raise UsageError(f"{where}: [{name}] is no command{_nearest(name, tables)}; tables are {', '.join(tables)}")
        if key not in known or key in NOT_IN_A_FILE:
            near = _nearest(key, [*(set(known) - NOT_IN_A_FILE), *tables])
            raise UsageError(
                f"{where}: no option '{name}'{near}; keys are the names of options, as mfq --help has them"
            )
        if key in seen:
            raise UsageError(f"{where}: '{key}' stands there twice")
        seen.add(key)
        _worded(known[key], value, f"{where}: {name}", Path())


def _key(name: str) -> str:
    return name.replace("_", "-")


def _nearest(name: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f" (nearest: {near[0]})" if near else ""


def _worded(option: Option, value: Any, where: str, folder: Path) -> Any:
    """Return a TOML value as the command line would have it. Raises `UsageError` for a wrong type."""
    if isinstance(value, dict) and "=" in option.metavar:
        value = [f"{name}={_text(one, option, where, folder)}" for name, one in value.items()]
    if option.multiple:
        return [_text(one, option, where, folder) for one in (value if isinstance(value, list) else [value])]
    if isinstance(value, list) and option.metavar.endswith(",..."):
        return ",".join(_text(one, option, where, folder) for one in value)
    if option.kind is str:
        return _text(value, option, where, folder)
    from decimal import Decimal

    fits = (int, Decimal) if option.kind is float else (option.kind,)
    if not isinstance(value, fits) or (isinstance(value, bool) and option.kind is not bool):
        raise UsageError(f"{where} = {value}: it is {KINDS[option.kind]}")
    return option.kind(value)


def _text(value: Any, option: Option, where: str, folder: Path) -> str:
    from datetime import date, datetime, time
    from decimal import Decimal

    if isinstance(value, bool) or not isinstance(value, str | int | Decimal | date | time | datetime):
        raise UsageError(f"{where} = {value}: it is {'a list of texts' if option.multiple else 'text'}")
    text = value.isoformat() if isinstance(value, date | time | datetime) else str(value)
    is_path = option.metavar in ("FILE", "FOLDER") or text.startswith(("./", "../"))
    if not is_path or text in ("", "-") or "://" in text:
        return text
    return str(folder / os.path.expanduser(text))  # noqa: PTH111 - leaves a ~name that nobody has as it is
