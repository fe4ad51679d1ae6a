"""Shared by all tests: strict numerics, and small experiments to build from."""

from __future__ import annotations

import os

os.environ.setdefault("MPLBACKEND", "Agg")

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "allow")
jax.config.update("jax_numpy_dtype_promotion", "standard")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path_factory, monkeypatch):
    """Every test runs in a folder of its own: nothing is written beside the code."""
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))
