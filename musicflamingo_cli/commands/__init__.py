"""One verb a file: options to records, the pipeline, the console, an exit code.

Commands do without `from __future__ import annotations`: Typer evaluates such text three times at every start.
"""
