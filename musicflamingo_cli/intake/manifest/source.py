"""From what the user named to rows of cells: opens the container, tells the form, and reads it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from musicflamingo_cli.csv_records import read_lines
from musicflamingo_cli.errors import UsageError
from musicflamingo_cli.intake.manifest.container import Container, display_name, open_file, open_standard_input, shown
from musicflamingo_cli.intake.manifest.folder import FileRows, FoundFile, expand_pattern, is_pattern, walk_folder
from musicflamingo_cli.intake.manifest.formats import newline_of, read_head, tell_delimiter, tell_form
from musicflamingo_cli.intake.manifest.json_document import document_rows, document_shape
from musicflamingo_cli.intake.manifest.json_text import JsonText
from musicflamingo_cli.intake.manifest.lines import csv_header, csv_rows, jsonl_rows
from musicflamingo_cli.intake.manifest.rows import AUDIO_ALIASES, ID_ALIASES, ManifestOptions, Raw, plan_columns

if TYPE_CHECKING:
    from musicflamingo_cli.intake.manifest.parquet import ParquetRows

STANDARD_INPUT = "-"
_NAMED_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class Source:
    """A manifest whose form is known."""

    name: str
    """For messages."""
    form: str
    """`json`, `jsonl`, `csv`, `tsv`, `parquet`, `folder`, `glob` or `audio`."""
    unit: str
    """What `Raw` numbers count: `line`, `row` or `file`."""
    root: str
    """The absolute folder where relative audio paths start."""
    container: Container
    options: ManifestOptions
    rows: Callable[[], Iterator[Raw]]
    """Begins a new pass."""
    columns: tuple[str, ...] | None = None
    """The column names, where the form has a header or schema."""

    typed: ParquetRows | None = None
    """The table, where the form has types."""

    def close(self) -> None:
        """Close the file and remove spools."""
        self.container.close()


def open_source(source: str, options: ManifestOptions) -> Source:
    """Open what the user named. Raises `UsageError` for what is no manifest."""
    if options.audio_root is not None and not Path(options.audio_root).is_dir():
        raise UsageError(f"--audio-root {shown(options.audio_root)} is no folder")
    if source == STANDARD_INPUT:
        return _open_container(open_standard_input(), Path(), "", options)
    if os.path.isdir(source):  # noqa: PTH112 - Path raises for names that no file can have
        return _open_files(walk_folder(source), source, source, options)
    if is_pattern(source) and not os.path.lexists(source):
        root, files = expand_pattern(source)
        return replace(_open_files(files, root, source, options), form="glob")
    return _open_container(open_file(source), Path(source).parent, source, options)


def check_columns(name: str, columns: Iterable[str], options: ManifestOptions) -> None:
    """Raise `UsageError` if the columns hold no id or no audio, naming them."""
    names = tuple(columns)
    plan = plan_columns(names, options)
    said = ", ".join(shown(column, 40) for column in names[:_NAMED_COLUMNS])
    said += f" and {len(names) - _NAMED_COLUMNS} more" if len(names) > _NAMED_COLUMNS else ""
    for found, asked, aliases, option, what in (
        (plan.ids, options.id_column, ID_ALIASES, "--id-column", "id"),
        (plan.audio, options.audio_column, AUDIO_ALIASES, "--audio-column", "audio"),
    ):
        if not found:
            missing = f"no column {shown(asked)}" if asked is not None else f"no {what} column ({', '.join(aliases)})"
            raise UsageError(f"{name}: {missing}; its columns: {said}; name one with {option}")


def _open_files(files: Iterable[FoundFile], root: str, source: str, options: ManifestOptions) -> Source:
    name = display_name(source)
    found = FileRows(files, name)
    if not found.container.size:
        found.container.close()
        raise UsageError(f"{name} holds no audio files (.wav, .flac, .mp3, .ogg, .m4a, ...)")
    # The options that name columns and the root are about tables.
    own = ManifestOptions(columns=options.columns, limit=options.limit)
    return Source(name, "folder", "file", str(Path(root).absolute()), found.container, own, found.rows, ("id", "audio"))


def _open_container(container: Container, folder: Path, source: str, options: ManifestOptions) -> Source:
    try:
        head, whole = read_head(container.text_blocks(), container.name)
        form = tell_form(head, whole, container.name, options)
        root = str((folder if options.audio_root is None else Path(options.audio_root)).absolute())
        if form == "audio":
            return _open_audio(container, source)
        if form == "parquet":
            return _open_parquet(container, root, options)
        if form == "json" and _goes_on(container, head, whole):
            form = "jsonl"
        opened = Source(container.name, form, "line", root, container, options, iter(()).__iter__)
        newline = newline_of(head)
        if form == "jsonl":
            return replace(opened, rows=lambda: jsonl_rows(read_lines(container.text_blocks(), newline)))
        if form == "json":
            return _with_document(opened)
        return _with_table(opened, head, newline, source)
    except BaseException:
        container.close()
        raise


def _goes_on(container: Container, head: bytes, whole: bool) -> bool:
    """True if a text whose first line is longer than the head is lines of JSON after all."""
    if whole or head[:1] != b"{" or head.count(b"\n") > 1:
        return False
    last = b""
    broken = False
    for block in container.text_blocks():
        # A line break stands in no JSON string, and in a document "}" and "{" have a comma between them.
        for piece in block.splitlines(keepends=True):
            text = piece.strip()
            if text and broken and last:
                return last == b"}" and text[:1] == b"{"
            last = text[-1:] or last
            broken = piece.endswith((b"\n", b"\r")) or (broken and not text)
    return False


def _with_document(opened: Source) -> Source:
    container, options = opened.container, opened.options

    def text() -> JsonText:
        return JsonText(container.text_blocks(), container.name)

    shape = document_shape(text(), options)
    return replace(opened, rows=lambda: document_rows(text(), shape, options))


def _with_table(opened: Source, head: bytes, newline: bytes, source: str) -> Source:
    container, options = opened.container, opened.options
    delimiter = tell_delimiter(head.split(newline, 1)[0], Path(source).suffixes, options)

    header, _ = csv_header(read_lines(container.text_blocks(), newline), delimiter, container.name)
    check_columns(container.name, header, options)
    wanted = plan_columns(header, options).wanted
    return replace(
        opened,
        form="tsv" if delimiter == "\t" else "csv",
        columns=tuple(header),
        rows=lambda: csv_rows(read_lines(container.text_blocks(), newline), delimiter, container.name, wanted),
    )


def _open_parquet(packed: Container, root: str, options: ManifestOptions) -> Source:
    # Here, for pyarrow costs 0.15 s and 50 MB that other manifests need not pay.
    from musicflamingo_cli.intake.manifest.parquet import ParquetRows

    container = packed.spooled()
    try:
        table = ParquetRows(container.reader, container.name)
        check_columns(container.name, table.columns, options)
        plan = plan_columns(table.columns, options)
        for column in (*plan.ids, *plan.audio):
            table.check_text(column)
        return Source(
            *(container.name, "parquet", "row", root, container, options),
            rows=lambda: table.rows(plan.wanted),
            columns=table.columns,
            typed=table,
        )
    except BaseException:
        container.close()
        raise
    finally:
        if container is not packed:
            packed.close()


def _open_audio(container: Container, source: str) -> Source:
    if container.codec or not source:
        raise UsageError(f"{container.name} holds audio, not a manifest; name the unpacked audio file itself")
    container.close()
    path = Path(source)
    return replace(_open_files([(path.name, "")], str(path.parent), source, ManifestOptions()), form="audio")
