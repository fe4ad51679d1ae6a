"""Shared by all tests: an empty folder each, and a cache of compiled programs of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("patient")

# Compiled programs are kept beside pytest's own cache, not in the user's.
os.environ["AECLI_MIRROR"] = "off"  # nothing is downloaded
os.environ["AECLI_CACHE"] = str(Path(__file__).parents[1] / ".pytest_cache" / "aecli")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path_factory, monkeypatch):
    """Every test runs in a folder of its own: nothing is written beside the code."""
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))
