"""A sample of the mutated configs, data files and run directories that `make torture` makes thousands of."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.cli.conftest import trained
from tests.torture import configs, files, folders
from tests.torture.mutations import pick
from tests.torture.properties import COMMANDS, MIXED, Torture

PATIENT = 60.0  # seconds: other tests may have the machine


def sample(count: int) -> settings:
    """So many cases, the same ones every time: what is random is found by `make torture`, not by who runs the tests."""
    return settings(max_examples=count, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def torture(runs, tmp_path_factory) -> Torture:
    mixed = trained(tmp_path_factory.mktemp("mixed"), MIXED.format(path=runs.csv), "train")
    return Torture(runs, mixed, PATIENT)


@sample(60)
@given(data=configs.configs())
def test_any_config_is_taken_or_refused(torture, data):
    torture.config(data)


@sample(40)
@given(case=files.cases(), command=pick(COMMANDS))
def test_any_data_file_is_read_or_refused(torture, case, command):
    torture.data(case, command)


@sample(25)
@given(case=folders.cases())
def test_any_run_directory_serves_or_its_damage_is_named(torture, case):
    torture.run(case)
