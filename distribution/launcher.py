"""`stepdeploy` as it is installed: the command line, whose packages this process alone finds."""

import sys
from pathlib import Path


def start() -> None:
    """Ends the process with the command's exit status."""
    sys.path.insert(0, str(Path(__file__).resolve().parent / "_app"))
    from cli.__main__ import start as begin

    begin()


if __name__ == "__main__":
    start()
