"""`make mutations`: how many schedules it takes to notice each deliberate breakage. `--help` for one of them.

Each mutation is played in a process of its own, in which the source is another one before it is imported; nothing on
disk changes.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from tests.mutations.mutation import Mutation
from tests.mutations.mutations import MUTATIONS

ROOT = Path(__file__).resolve().parent.parent.parent
_MOST_SCHEDULES = 1000
_ROUND = 25  # schedules of a family, before the next has its turn
_MOST_SECONDS = 900
_UNNOTICED, _NOTICED = 0, 3  # exit statuses of the process of a mutation


def mutate(mutation: Mutation) -> None:
    """From now on the modules are imported as the mutation has them."""
    texts = dict[Path, str]()
    for edit in mutation.edits:
        path = ROOT / edit.file
        before = texts.get(path) or path.read_text(encoding="utf-8")
        assert before.count(edit.old) == 1, f"{edit.file} has not once: {edit.old}"
        texts[path] = before.replace(edit.old, edit.new)
    loading: Any = SourceFileLoader
    original = loading.get_code

    def get_code(loader: SourceFileLoader, name: str) -> Any:
        path = Path(loader.path)
        return compile(texts[path], path, "exec") if path in texts else original(loader, name)

    loading.get_code = get_code


def play(mutation: Mutation) -> int:
    """Schedules until one breaks a promise, or ends the simulation with an error."""
    mutate(mutation)
    from tests.mutations.playing import first_broken

    played, sentence = first_broken(mutation.invariants, most=_MOST_SCHEDULES, at_a_time=_ROUND)
    print(f"{played}\t{sentence.splitlines()[0] if sentence else ''}")
    return _NOTICED if sentence else _UNNOTICED


def _row(number: int) -> tuple[bool, str]:
    began = time.monotonic()
    command = [sys.executable, "-m", "tests.mutations", "--only", str(number)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_MOST_SECONDS)
        is_noticed, last = done.returncode == _NOTICED, (done.stdout.strip() or done.stderr.strip()).splitlines()[-1:]
    except subprocess.TimeoutExpired:
        is_noticed, last = False, [f"-\tnot over after {_MOST_SECONDS} s"]
    played, _, sentence = (last or ["-\t"])[0].partition("\t")
    seconds = time.monotonic() - began
    mark = "noticed" if is_noticed else "SURVIVED" if played.isdecimal() else "ERROR"
    return is_noticed, f"{number:3}  {mark:8}  {played:>5}  {seconds:5.0f}  {MUTATIONS[number].why}: {sentence[:100]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="play one, here")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.only is not None:
        return play(MUTATIONS[options.only])
    print(f"{'':3}  {'':8}  after  secs  what is broken: what was noticed")
    survived = 0
    with ThreadPoolExecutor(options.workers) as pool:
        for is_noticed, row in pool.map(_row, range(len(MUTATIONS))):
            survived += not is_noticed
            print(row, flush=True)
    print(f"{len(MUTATIONS)} mutations, {survived} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
