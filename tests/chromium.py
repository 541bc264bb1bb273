"""Debian's Chromium, the one without a window where it is there: the same engine for two thirds of the time."""

import os
from shutil import which

PATH = which("chromium-headless-shell", path="/usr/bin") or "/usr/bin/chromium"
OPTIONS = ["--no-sandbox"] if os.getuid() == 0 else []  # which Chromium refuses to have as root
