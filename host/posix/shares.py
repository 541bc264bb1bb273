"""Many small files by as many processes as there are CPUs: a process waits for the kernel at each of them."""

import os
from typing import Callable, List, Tuple

WORTH = 500  # files, below which a second process costs more than it saves
MOST = 4  # processes: a host has other things to do, too


def process_count(files: int) -> int:
    """In how many shares so many files are best done."""
    return min(os.cpu_count() or 1, MOST) if files >= WORTH else 1


def run_in_processes(work: Callable[[int], None], shares: int) -> None:
    """Call work(share) for 0 to shares - 1, each but the first in a process of its own. Raises what work raises.

    What a process could not do is done again here, which shows why: `work` must bear to be repeated. All processes hold
    the host's lock with this one, so that nothing else begins before the last of them has ended.
    """
    others: List[Tuple[int, int]] = []
    for share in range(1, shares):
        child = os.fork()
        if not child:
            status = 1
            try:
                work(share)
                status = 0
            finally:
                os._exit(status)
        others.append((share, child))
    try:
        work(0)
    finally:
        failed = [share for share, child in others if os.waitpid(child, 0)[1]]
    for share in failed:
        work(share)
