from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import datetime
from importlib import metadata

import pytest

from aecli.runs.files import to_json
from aecli.runs.provenance import git_state, own_state, provenance


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_what_is_recorded(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["aecli", "train", "c.yaml"])
    found = provenance("cpu:0 TFRT_CPU")
    assert found["argv"] == ["aecli", "train", "c.yaml"]
    assert found["python"] == platform.python_version()
    assert found["device"] == "cpu:0 TFRT_CPU"
    assert found["packages"]["jax"] == metadata.version("jax")
    assert {"aecli", "jax", "jaxlib", "flax", "optax", "numpy"} == set(found["packages"])
    assert datetime.fromisoformat(found["started"]).utcoffset() is not None


def test_no_environment_and_no_machine_name(monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "secret-value-1")
    monkeypatch.setenv("USER", "someone-special")
    text = to_json(provenance())
    assert "secret-value-1" not in text
    assert "someone-special" not in text


def test_bytes_that_are_no_text_are_recorded(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["aecli", os.fsdecode(b"\xff.yaml")])
    back = json.loads(to_json(provenance()))
    assert os.fsencode(back["argv"][1]) == b"\xff.yaml"


def test_jax_is_not_imported():
    code = "import sys, aecli.runs, aecli.runs.provenance as p; p.provenance(); assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_commit_and_dirty_flag(tmp_path):
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path) == {"commit": None, "dirty": None}
    (tmp_path / "f").write_text("1")
    git(tmp_path, "add", "f")
    git(tmp_path, "commit", "-q", "-m", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_state(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "untracked").write_text("1")
    assert git_state(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "f").write_text("2")
    assert git_state(tmp_path) == {"commit": commit, "dirty": True}


def test_asking_runs_nothing_of_the_repository(tmp_path):
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "one")
    git(tmp_path, "config", "core.fsmonitor", f"touch {tmp_path}/ran")
    assert git_state(tmp_path)["dirty"] is False
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("why", ["no work tree", "no git", "too slow"])
def test_no_answer_is_null(tmp_path, monkeypatch, why):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    if why == "no git":
        monkeypatch.setenv("PATH", str(folder))
    if why == "too slow":
        program = tmp_path / "git"
        program.write_text("#!/bin/sh\nexec sleep 60\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        monkeypatch.setattr("aecli.runs.provenance._SECONDS", 0.2)
    assert git_state(folder) == {"commit": None, "dirty": None}


def test_aecli_itself_is_known_by_its_own_repository_and_by_no_other(tmp_path, monkeypatch):
    import aecli

    package = tmp_path / "lib" / "aecli"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(aecli, "__file__", str(package / "__init__.py"))
    monkeypatch.setattr("aecli.runs.provenance._installed_commit", lambda: "of pip")
    git(tmp_path, "init", "-q")
    (tmp_path / "f").write_text("1")
    git(tmp_path, "add", "f")
    git(tmp_path, "commit", "-q", "-m", "a project that aecli is installed in")
    assert own_state()["commit"] == "of pip"
    git(tmp_path, "add", "lib")
    git(tmp_path, "commit", "-q", "-m", "aecli itself")
    assert own_state() == {
        "version": metadata.version("aecli"), "commit": git(tmp_path, "rev-parse", "HEAD"), "dirty": False
    }  # fmt: skip
    assert provenance()["aecli"] == own_state()
