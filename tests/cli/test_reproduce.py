"""`aecli reproduce`: the list of claims, and one that is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from aecli.tasks.reproduce import claims
from tests.cli.command import aecli, done, refused

SMALL = ["training.epochs=2", "evaluation.every=2"]


def test_the_list_names_every_claim():
    text, found = done("reproduce").out, done("reproduce", "--json").json["claims"]
    assert [one["name"] for one in found] == [claim.recipe.name for claim in claims()]
    for one in found:
        assert one["name"] in text
        assert one["expectations"]
        assert one["statement"]


def test_a_claim_that_does_not_hold_is_exit_1_with_its_numbers(tmp_path):
    found = aecli("--quiet", "reproduce", "lecture/linear", *SMALL, "--output", tmp_path)
    assert found.code == 1
    assert "lecture/linear, claim 2: " in found.out
    assert "not the recipe as it is, but with training.epochs=2 evaluation.every=2" in found.out
    assert "pca_error_ratio <= 1.001" in found.out
    assert "DOES NOT HOLD" in found.out
    assert "error: does not hold: lecture/linear: pca_error_ratio <= 1.001" in found.err
    assert Path(found.last.strip(), "figures").is_dir()


def test_what_is_obtained_is_json_too(tmp_path):
    found = aecli("--quiet", "reproduce", "linear", *SMALL, "--json", "--output", tmp_path)
    (one,) = found.json["claims"]
    assert (found.code, found.json["holds"], one["holds"], found.json["errors"]) == (1, False, False, [])
    assert [each["expected"] for each in one["expectations"]] == [
        "pca_error_ratio <= 1.001",
        "largest_angle < 2 degrees",
    ]
    assert one["expectations"][0]["obtained"] > 1.001
    assert Path(one["runs"][0], "run.json").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["linaer"], "no claim is called 'linaer'\n  did you mean 'linear'?"),
        (["99"], "no claim has the number 99\n  there are 1, 2, 3, 4"),
        (["residual"], "expects nothing that could be compared\n  aecli init --recipe "),
        (["linear", "--all"], "exclude one another"),
        (["overcomplete", "seed=3"], "is of the mean over 3 seeds"),
        (["training.epochs=1"], "training.epochs=1: of which claim"),
        (["linear", "training.epoch=2"], "did you mean 'epochs'?"),
        (["linear", "data.source=nowhere.csv"], "nowhere.csv"),
    ],
)
def test_a_mistake_is_said(words, said):
    assert said in refused("reproduce", *words)
