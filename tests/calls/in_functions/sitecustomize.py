"""Runs first in every Python that has this folder on its PYTHONPATH, as the functions of a test's local cloud do."""

import importlib.util
import os
from pathlib import Path
from typing import Any

if (_name := os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")).startswith("stepdeploy-"):
    _spec = importlib.util.spec_from_file_location("recording", Path(__file__).resolve().parents[1] / "recording.py")
    assert _spec and _spec.loader
    _recording: Any = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_recording)
    _recording.process = _recording.function_name(_name.removeprefix("stepdeploy-"))
    _recording.watch_every_client()
