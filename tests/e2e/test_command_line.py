"""`stepdeploy` itself against the deployed stack: from a folder to the hosts, and back."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Exit
from local.server import REGION
from tests.e2e.conftest import Fleet, MakeFleet, failing

ROOT = Path(__file__).resolve().parents[2]
