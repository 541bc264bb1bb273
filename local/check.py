"""Whether this machine can run the local cloud; what is missing is said in words that help."""

import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from local.cloud import CloudError

ROOT = Path(__file__).resolve().parent.parent


class Unfit(Exception):
    """This machine lacks something; the text says what, and what to do."""


def run(command: Callable[[], int]) -> int:
    """Runs what a person has called, if this machine can; the exit status. What is missing is a sentence on stderr."""
    try:
        check()
        return command()
    except (Unfit, CloudError) as error:
        print(f"stepdeploy: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def check() -> None:
    """Raises Unfit. Kernel features that only show when an instance starts are named by NamespaceUnavailable then."""
    if platform.system() != "Linux":
        raise Unfit(f"local instances are Linux namespaces, and this is {platform.system()}: use a Linux machine or VM")
    if os.geteuid() != 0:
        limit = Path("/proc/sys/user/max_user_namespaces")
        if limit.exists() and limit.read_text().strip() == "0":
            raise Unfit("user namespaces are switched off (user.max_user_namespaces is 0): allow them, or run as root")
    if not (ROOT / "node_modules" / ".bin" / "cdk").exists():
        raise Unfit("the CDK CLI is not installed: run make setup")
    if shutil.disk_usage(ROOT).free < 500 * 1024**2:
        raise Unfit(f"less than 500 MB are free on the disk of {ROOT}: make room")
