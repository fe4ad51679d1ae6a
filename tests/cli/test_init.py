"""`init`: what goes where, what is refused, and that nothing heavy is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aecli.experiment import load
from aecli.tasks.init import recipes
from tests.cli.command import aecli, done, refused, written


@pytest.fixture
def table() -> Path:
    """Three columns of numbers, one of two words."""
    x = np.random.default_rng(0).normal(size=(150, 3)).round(3)
    lines = [",".join([*map(str, row), "ab"[i % 2]]) for i, row in enumerate(x)]
    return written("p,q,r,class\n" + "\n".join(lines) + "\n", "data.csv")


def test_the_config_is_all_of_stdout_and_what_was_found_is_on_stderr(table):
    found = done("init", table)
    assert "data.csv: 150 rows of 3 (table, float64)" in found.err
    written(found.out, "c.yaml")
    assert load("c.yaml").experiment.data.label == "class"
    assert done("--quiet", "init", table).err == ""
    assert done("init", table).out == found.out


def test_with_output_its_path_is_stdout_and_the_commands_name_it(table):
    found = done("init", table, "-o", "my c.yaml")
    assert found.out == "my c.yaml\n"
    text = Path("my c.yaml").read_text()
    assert "#   aecli train 'my c.yaml'\n#   aecli report latest\n" in text
    assert done("--quiet", "init", table).out.replace("config.yaml", "'my c.yaml'") == text


def test_a_file_that_exists_stays_unless_forced(table):
    written("mine: true\n", "c.yaml")
    assert "'c.yaml' exists" in refused("init", table, "-o", "c.yaml")
    assert Path("c.yaml").read_text() == "mine: true\n"
    done("init", table, "-o", "c.yaml", "--force")
    assert "source: data.csv" in Path("c.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "DATA or --recipe is missing"),
        (["nothing.csv"], "no file 'nothing.csv'"),
        (["data.cvs"], "did you mean 'data.csv'"),
        (["data.csv", "-o", "data.csv", "--force"], "configs end in .yaml or .yml"),
        (["data.csv", "-o", "nowhere/c.yaml"], "there is no folder 'nowhere'"),
        (["data.csv", "training.epoch=3"], "did you mean 'epochs'"),
        (["--recipe", "vea"], "did you mean"),
        (["data.csv", "training.epochs=3", "--recipe", "vae"], "without KEY=VALUE"),
    ],
)
@pytest.mark.usefixtures("table")
def test_what_is_refused(arguments, message):
    assert message in refused("init", *arguments)
    assert [p.name for p in Path().iterdir()] == ["data.csv"]


def test_check_takes_what_init_writes(table):
    done("init", table, "-o", "c.yaml")
    found = done("check", "c.yaml", "--json").json
    assert found["data"]["splits"] == {"train": 105, "validation": 30, "test": 15}
    assert found["model"]["code"] == 2


def test_a_schema_beside_the_config_is_named(table):
    written("{}", "aecli.schema.json")
    assert done("init", table).out.startswith("# yaml-language-server: $schema=aecli.schema.json\n")
    Path("there").mkdir()
    done("init", table, "-o", "there/c.yaml")
    assert "yaml-language-server" not in Path("there/c.yaml").read_text()


def test_recipes_are_listed_and_copied(table):
    out = done("init", "--recipe", "list").out
    assert all(f"  {r.name} " in out and r.purpose in out for r in recipes())
    done("init", "--recipe", "lecture/digits_vae", "-o", "vae.yaml")
    there = next(r.path for r in recipes() if r.name == "lecture/digits_vae")
    assert Path("vae.yaml").read_bytes() == there.read_bytes()
    done("init", table, "--recipe", "linear", "-o", "linear.yaml")
    assert load("linear.yaml").experiment.data.source == "data.csv"


def test_an_empty_list_of_columns_is_no_crash():
    written("\n\n", "empty.csv")
    assert aecli("init", "empty.csv").code == 2
    written("", "nothing.csv")
    assert "the file is empty" in refused("init", "nothing.csv")


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], ("jax", "flax", "pyarrow", "numpy", "PIL")),
        (["--recipe", "list"], ("jax", "flax", "pyarrow", "PIL")),
        (["data.csv"], ("jax", "flax", "optax", "sklearn", "matplotlib", "scipy", "PIL")),
    ],
)
@pytest.mark.usefixtures("table")
def test_nothing_heavy_is_imported(arguments, heavy):
    code = (
        "import sys; from aecli.cli.app import run; run(sys.argv[1:]); "
        f"print([m for m in {heavy} if m in sys.modules], file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "--quiet", "init", *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stderr.strip() == "[]"
    assert found.stdout
