"""One verb a file: options to records, the pipeline, the console, an exit code."""
