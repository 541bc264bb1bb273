"""`stepdeploy VERB`: one file of this folder for each verb, of which only the one that is asked for is imported."""

import argparse
import importlib
import sys

VERBS = {
    "local": "deploy a bundle on this machine, without AWS",
    "validate": "check a bundle before it is pushed",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs the verb that the arguments name; the exit status. argparse ends with 2 for what it cannot read."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="stepdeploy", description="CodeDeploy that you own.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, what in VERBS.items():
        verb = verbs.add_parser(name, help=what)
        if name in arguments[:1]:
            importlib.import_module(f"cli.{name}").describe(verb)
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())
