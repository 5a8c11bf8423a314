"""`mfq` and `python -m musicflamingo_cli`. Imports as little as `processes`, for the same reason."""

from musicflamingo_cli.processes import stand_ready


def run() -> None:
    """Run the command line as the program."""
    stand_ready()
    from musicflamingo_cli import cli

    cli.run()


if __name__ == "__main__":
    run()
