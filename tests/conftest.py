"""Shared by all tests: an empty folder each, and a cache of compiled programs of their own."""

from __future__ import annotations

import os
import sys
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


@pytest.fixture(autouse=True)
def _programs_do_not_pile_up(request):
    """A process has a limited number of memory maps, and each compiled program takes a dozen: thousands of tests in one
    process come to the limit, where LLVM aborts. JAX lets go of its programs before that.
    """
    yield
    tests = request.config.stash[_TESTS] = request.config.stash.get(_TESTS, 0) + 1
    if tests % 20 == 0 and "jax" in sys.modules and _maps() > _most_maps() // 2:
        sys.modules["jax"].clear_caches()


_TESTS = pytest.StashKey[int]()


def _maps() -> int:
    path = Path("/proc/self/maps")
    return len(path.read_bytes().splitlines()) if path.exists() else 0


def _most_maps() -> int:
    path = Path("/proc/sys/vm/max_map_count")
    return int(path.read_text()) if path.exists() else 65530
