"""From what the user named to rows of cells: opens the container, tells the form, and plans the columns."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from musicflamingo_cli.csv_records import Line, read_lines
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.columns import ManifestOptions, Plan, checked_plan
from musicflamingo_cli.intake.manifest.container import Container, display_name, open_file, open_standard_input, shown
from musicflamingo_cli.intake.manifest.folder import (
    FoundFile,
    expand_pattern,
    file_rows,
    is_pattern,
    spool_files,
    walk_folder,
)
from musicflamingo_cli.intake.manifest.formats import tell_form
from musicflamingo_cli.intake.manifest.json_document import document_table
from musicflamingo_cli.intake.manifest.json_text import JsonText
from musicflamingo_cli.intake.manifest.lines import csv_table, jsonl_table
from musicflamingo_cli.intake.manifest.rows import Raw, RowReader, Table

if TYPE_CHECKING:
    from musicflamingo_cli.intake.manifest.parquet import ParquetRows

STANDARD_INPUT = "-"
_UNITS = {"parquet": "row", "folder": "file", "glob": "file", "audio": "file"}
"""What is numbered in messages, other than lines."""


@dataclass(frozen=True, slots=True)
class Source:
    """A manifest whose form is known."""

    form: str
    """`json`, `jsonl`, `csv`, `tsv`, `parquet`, `folder`, `glob` or `audio`."""
    container: Container
    reader: RowReader
    """What makes records of the rows."""
    rows: Callable[[], Iterator[Raw]]
    """Begins a new pass."""
    columns: tuple[str, ...] | None
    """The column names, where the form has a header or schema."""
    plan: Plan | None
    """Which of them are read."""
    typed: ParquetRows | None
    """The table, where the form has types."""


def open_source(source: str, options: ManifestOptions, stack: ExitStack) -> Source:
    """Open what the user named; `stack` closes it. Raises `UsageError` for what is no manifest."""
    if options.audio_root is not None and not Path(options.audio_root).is_dir():
        raise UsageError(f"--audio-root {shown(options.audio_root)} is no folder")
    if source == STANDARD_INPUT:
        return _open_container(open_standard_input(), "", options, stack)
    if os.path.isdir(source):  # noqa: PTH112 - Path raises for names that no file can have
        return _open_files("folder", source, source, walk_folder(source), options, stack)
    if is_pattern(source) and not os.path.lexists(source):
        return _open_files("glob", source, *expand_pattern(source), options, stack)
    return _open_container(open_file(source), source, options, stack)


def _open_files(
    form: str, source: str, root: str, files: Iterable[FoundFile], options: ManifestOptions, stack: ExitStack
) -> Source:
    name = display_name(source)
    container = spool_files(files, name)
    stack.callback(container.close)
    if not container.size:
        raise UsageError(f"{name} holds no audio files (.wav, .flac, .mp3, .ogg, .m4a, ...)")
    # The options that name columns and the root are about tables.
    own = ManifestOptions(columns=options.columns)
    return _planned(form, container, root, own, (("id", "audio"), lambda wanted: file_rows(container)))


def _open_container(container: Container, source: str, options: ManifestOptions, stack: ExitStack) -> Source:
    stack.callback(container.close)
    form = tell_form(container, Path(source).suffixes, options)
    if form.name == "audio":
        if container.codec or not source:
            raise UsageError(f"{container.name} holds audio, not a manifest; name the unpacked audio file itself")
        path = Path(source)
        return _open_files("audio", source, str(path.parent), [(path.name, "")], options, stack)
    root = str(Path(source).parent) if options.audio_root is None else options.audio_root
    if form.name == "parquet":
        return _open_parquet(container, root, options, stack)

    def text() -> JsonText:
        return JsonText(container.text_blocks(), container.name)

    def lines() -> Iterator[Line]:
        return read_lines(container.text_blocks(), form.newline)

    if form.name == "json":
        table = document_table(text, options)
    elif form.name == "jsonl":
        table = jsonl_table(lines)
    else:
        table = csv_table(lines, form.delimiter, container.name)
    return _planned(form.name, container, root, options, table)


def _open_parquet(packed: Container, root: str, options: ManifestOptions, stack: ExitStack) -> Source:
    # Here, for pyarrow costs 0.15 s and 50 MB that other manifests need not pay.
    from musicflamingo_cli.intake.manifest.parquet import ParquetRows

    container = packed.spooled()
    if container is not packed:
        stack.callback(container.close)
        packed.close()
    parquet = ParquetRows(container.reader, container.name)
    source = _planned("parquet", container, root, options, (parquet.columns, parquet.rows), parquet)
    if source.plan is not None:
        for column in (*source.plan.ids, *source.plan.audio):
            parquet.check_text(column)
    return source


def _planned(
    form: str, container: Container, root: str, options: ManifestOptions, table: Table, typed: ParquetRows | None = None
) -> Source:
    """The source of a form's rows. Where it has a header the columns are planned here, once, and refused here."""
    columns, rows = table
    plan = None if columns is None else checked_plan(container.name, columns, options)
    wanted = () if plan is None else plan.wanted
    unit = _UNITS.get(form, "line")
    reader = RowReader(f"{container.name} {unit}", str(Path(root).absolute()), options, plan)
    return Source(form, container, reader, lambda: rows(wanted), columns, plan, typed)
