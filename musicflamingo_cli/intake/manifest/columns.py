"""Which columns of a manifest are read: what the command line says, and how names are matched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.container import shown

ID_ALIASES = ("id", "song_id")
AUDIO_ALIASES = ("audio", "audio_path", "path", "file", "audio_url", "wav_path")
TITLE_ALIASES = ("title",)
_NAMED_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class ManifestOptions:
    """What the command line says about a manifest."""

    id_column: str | None = None
    """``--id-column``; None: the aliases."""
    audio_column: str | None = None
    """``--audio-column``; None: the aliases."""
    audio_root: str | None = None
    """``--audio-root``: where relative audio paths start; None: the manifest's folder."""
    columns: tuple[str, ...] = ()
    """Further columns wanted (prompt places and ``--keep``); `title` is always read where there is one."""
    limit: int | None = None
    """``--limit``: the first so many table rows, at least 1."""
    nulls: frozenset[str] = frozenset()
    """Words of ``--null-values``, null in every column."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which of a row's columns are read, for one set of column names."""

    ids: tuple[str, ...]
    """Columns that may hold the id, the preferred one first."""
    audio: tuple[str, ...]
    """Columns that may hold the audio, the preferred one first."""
    titles: tuple[str, ...]
    """Columns that may hold the title, the preferred one first."""
    columns: tuple[tuple[str, str | None], ...]
    """(name asked for, name in the manifest or None)."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        further = (found for _, found in self.columns if found is not None)
        return tuple(dict.fromkeys((*self.ids, *self.audio, *self.titles, *further)))


def plan_columns(names: Iterable[str], options: ManifestOptions) -> Plan:
    """Match column names: exactly first, then apart from case, blanks around and a byte order mark."""
    exact: set[str] = set()
    folded: dict[str, str] = {}
    for name in names:
        exact.add(name)
        folded.setdefault(fold(name), name)

    def find(*asked: str) -> tuple[str, ...]:
        same = [name for name in asked if name in exact]
        alike = [folded[fold(name)] for name in asked if fold(name) in folded]
        return tuple(dict.fromkeys((*same, *alike)))

    return Plan(
        ids=find(*ID_ALIASES) if options.id_column is None else find(options.id_column)[:1],
        audio=find(*AUDIO_ALIASES) if options.audio_column is None else find(options.audio_column)[:1],
        titles=find(*TITLE_ALIASES),
        columns=tuple((name, next(iter(find(name)), None)) for name in options.columns),
    )


def checked_plan(manifest: str, names: tuple[str, ...], options: ManifestOptions) -> Plan:
    """As `plan_columns`. Raises `UsageError`, naming the columns, if they hold no id or no audio."""
    plan = plan_columns(names, options)
    said = ", ".join(shown(column, 40) for column in names[:_NAMED_COLUMNS])
    said += f" and {len(names) - _NAMED_COLUMNS} more" if len(names) > _NAMED_COLUMNS else ""
    for found, asked, aliases, option, what in (
        (plan.ids, options.id_column, ID_ALIASES, "--id-column", "id"),
        (plan.audio, options.audio_column, AUDIO_ALIASES, "--audio-column", "audio"),
    ):
        if not found:
            missing = f"no column {shown(asked)}" if asked is not None else f"no {what} column ({', '.join(aliases)})"
            raise UsageError(f"{manifest}: {missing}; its columns: {said}; name one with {option}")
    return plan


def fold(name: str) -> str:
    """A column name without what two that are meant to be the same may differ in."""
    return name.strip("\ufeff \t\r\n").casefold()
