"""`list`, `schema`, `info`, help, and the recipes that are shipped."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import jsonschema
import pytest

from aecli.config.reader import read_file
from aecli.experiment import ROOMS
from tests.cli.command import aecli, done, refused, written
from tests.cli.conftest import DENSE

RECIPES = sorted((Path(__file__).parents[2] / "experiments").rglob("*.yaml"))
COMMANDS = ("check", "train", "resume", "eval", "embed", "reconstruct", "sample", "anomaly", "list", "schema", "info")


def test_list_names_every_part_with_its_formula_and_parameters():
    text, found = done("list").out, done("list", "--json").json
    for room in ROOMS:
        assert [part["kind"] for part in found[room.word]] == [kind for kind, _ in room.items()]
        for part in found[room.word]:
            assert set(part) == {"kind", "formula", "source", "parameters"}
            assert part["formula"] in text
            assert set(part["parameters"]) == set(room[part["kind"]].model_fields) - {"kind"}


def test_list_of_one_room_by_either_number():
    one = done("list", "penalty", "--json").json
    assert list(one) == ["penalty"]
    assert done("list", "penalties", "--json").json == one
    assert "did you mean 'penalty'?" in refused("list", "penality")


def test_schema_is_valid_and_the_same_in_one_line():
    text = done("schema").out
    assert json.loads(text) == done("schema", "--json").json
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_fits_the_schema_and_loads(recipe):
    validator = jsonschema.Draft202012Validator(done("schema", "--json").json)
    validator.validate(read_file(recipe).value)
    resolved = done("check", recipe, "--config-only").out
    validator.validate(read_file(written(resolved)).value)


@pytest.mark.parametrize(
    "recipe", [r for r in RECIPES if "source: digits" in r.read_text()], ids=lambda path: path.stem
)
def test_a_recipe_on_bundled_data_passes_the_whole_check(recipe):
    assert "# model" in done("check", recipe).out


def test_the_schema_refuses_what_the_reader_refuses():
    validator = jsonschema.Draft202012Validator(done("schema", "--json").json)
    for key, value in [("trainning", {}), ("seed", "x"), ("model", {"bottleneck": {"kind": "none"}})]:
        config = {**read_file(written(DENSE)).value, key: value}
        assert not validator.is_valid(config)
        assert aecli("check", written(json.dumps(config))).code == 2


def test_info_names_versions_devices_and_caches():
    found = done("info", "--json").json
    assert set(found) == {"versions", "devices", "caches"}
    assert found["versions"]["aecli"] == version("aecli")
    assert found["versions"]["jax"] == version("jax")
    text = done("info").out
    assert all(title in text.splitlines() for title in found)


def test_help_names_every_command_and_version_is_that_of_the_package():
    text = done("--help").out
    assert all(f"  {name} " in text for name in COMMANDS)
    assert done("--version").out == f"aecli {version('aecli')}\n"
    for name in COMMANDS:
        assert done(name, "--help").out.startswith(f"Usage: aecli {name}")


def test_usage_errors_are_exit_2_on_stderr():
    for arguments in (["trian"], ["train"], ["list", "--nope"], ["anomaly", "guess"], ["embed", "latest"]):
        found = aecli(*arguments)
        assert (found.code, found.out) == (2, "")
        assert "Usage: aecli" in found.err


def test_the_installed_command_is_this_one():
    (script,) = entry_points(group="console_scripts", name="aecli")
    assert script.value == "aecli.cli:main"


def test_help_list_schema_and_the_config_s_check_never_import_jax():
    written(DENSE)
    code = (
        "import sys\nfrom aecli.cli.app import run\n"
        "for words in ('--help', 'list', 'schema', 'check --config-only c.yaml', 'train c.yaml sed=1'):\n"
        "    run(words.split())\n"
        "sys.exit(', '.join({'jax', 'flax', 'optax', 'sklearn', 'matplotlib'} & set(sys.modules)) or 0)"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr


def test_quiet_may_stand_behind_the_command(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,b\n" + "".join(f"{i},{i % 7}\n" for i in range(50)))
    assert done("init", table).err
    assert done("init", table, "--quiet").err == done("init", table, "-q").err == ""
    assert done("init", "--quiet", table).out == done("--quiet", "init", table).out
