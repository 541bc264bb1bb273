"""`stepdeploy VERB`: one file of this folder for each verb."""

import argparse
import sys

from cli import local, validate


def main(arguments: list[str] | None = None) -> int:
    """Runs the verb that the arguments name; the exit status. argparse ends with 2 for what it cannot read."""
    parser = argparse.ArgumentParser(prog="stepdeploy", description="CodeDeploy that you own.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in (local, validate):
        verb.add_parser(verbs)
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())
