"""`python -m tests.calls`, the last step of `make test`: do the grants of infra/ fit what the code calls?"""

import sys

from infra.checks.permissions import synthesized
from tests.calls.compare import differences
from tests.calls.recording import FOLDER, read


def main() -> int:
    """The exit status; each difference is a line."""
    if not (calls := read()):
        print(f"{FOLDER}: no calls were recorded: run `make test`")
        return 1
    template, _ = synthesized()
    found = differences(template, calls)
    print("\n".join(found) or f"{len(calls)} recorded calls fit the grants, one by one")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
