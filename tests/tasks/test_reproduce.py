"""Claims: what a header expects, in its own words, and what comes of comparing it with runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecli.config.problems import UserError
from aecli.tasks.init.header import header, said
from aecli.tasks.init.recipes import Recipe
from aecli.tasks.reproduce import reproduce
from aecli.tasks.reproduce.claim import chosen, claim_of, claims
from aecli.tasks.reproduce.expectation import expectation
from aecli.training.progress import Silent

VALUES = {"a": 2.0, "b.c": 0.5, "penalties.0.code_l1": 3.0, "nan": math.nan}
BODY = """
name: t/linear
data: {source: digits, split: {validation: 0.0}}
model:
  encoder: {kind: mlp, widths: []}
  bottleneck: {kind: dense, size: 4}
  decoder: mirror
training: {epochs: 20}
"""


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a <= 2", True), ("a < 2", False), ("a >= 2.0 degrees", True), ("a > 2", False), ("a >= -1e3 nats", True),
        ("a <= 4 * b.c", True), ("a < 4 * b.c + 0.1", True), ("a - 1 >= b.c + .5 of the rows", True),
        ("2 * b.c - 0.5 < a", True), ("a = 2.1 +- 0.11", True), ("a = 2.1 +- 0.09 nats (paper: 2)", False),
        ("penalties.0.code_l1 > a", True), ("b.c>=.5", True), ("nan <= 1", False), ("nan > 1", False),
        ("nan = 1 +- 9", False), ("nowhere <= 1", False), ("a <= nowhere", False), ("a > -.5", True),
    ],
)  # fmt: skip
def test_what_is_expected_is_compared(text, holds):
    found = expectation(text)
    assert found is not None
    assert found.holds(VALUES) is holds


@pytest.mark.parametrize(
    "text",
    ["", "a", "a <= ", "a == 2", "<= 2", "a <= 2 * ", "a = 2", "a != 2", "a <= __import__('os')", "a <= 2 3",
     "a() < 1", "a < 1e", "a <= 1.1 *", "a in b", "a <= 2 + 1", "a <= 2 - 1", "a <= b * 2", "a >= b -0.5", "a <= b / 2",
     "a <= 2 and b <= 3", "a <= b + c", "a = 2 +- 1 * b", "a <= 2; b",
     "a <= 2 b", "a <= 1.1 b.loss", "a <= 2 x b", "a <= b times 2", "a <= b plus 2", "a <= b (+ 0.02)", "a <= 5 e-3",
     "a <= 5 %", "a = 0.5 +- 10 %", "a <= 10 % of b", "a <= 3 to 5", "a <= 2 or 3", "a <= b of 3 / 4", "a <= 1e400",
     "a = 0.5 +- -0.1", "a <= 2 (1 + b)"],
)  # fmt: skip
def test_what_is_no_expectation_is_refused(text):
    assert expectation(text) is None


def test_a_unit_is_words_and_is_not_read():
    for unit in (
        "degrees",
        "of the test rows' variance",
        "summed over pixels (PCA's is 16.030)",
        "nats (paper: 2; 5 seeds)",
    ):
        found = expectation(f"a <= b.c + 2 {unit}")
        assert found is not None
        assert (found.names(), found.right.shift) == (["a", "b.c"], 2.0)


@given(*(st.floats(-most, most) for most in (1e6, 1e6, 1e3, 1e3)), st.sampled_from(["<=", ">=", "<", ">"]))
def test_both_sides_are_computed_as_they_are_written(left, right, factor, shift, how):
    found = expectation(f"x {how} {factor!r} * y {'-' if shift < 0 else '+'} {abs(shift)!r}")
    assert found is not None
    expected = {"<=": left <= factor * right + shift, "<": left < factor * right + shift,
                ">=": left >= factor * right + shift, ">": left > factor * right + shift}  # fmt: skip
    assert found.holds({"x": left, "y": right}) is expected[how]


def recipe_of(tmp_path, head: str, body: str = BODY) -> Recipe:
    path = tmp_path / "some.yaml"
    path.write_text(head.strip() + body)
    return Recipe("lecture/some", path, "it works")


def test_a_header_is_its_words_with_the_lines_that_go_on():
    text = "# purpose: one\n#          two\n# expect: a <= 1\n"
    text += "# a remark: of no form\n#   three\nname: x\n# result: late\n"
    assert [tuple(entry) for entry in header(text)] == [("purpose", "one two", 1), ("expect", "a <= 1", 3)]
    assert said(text, "purpose") == "one two"
    assert said(text, "result") is None


@pytest.mark.parametrize(
    ("head", "line", "words"),
    [
        ("# purpose: p\n# expect: a is small", 2, "expects nothing that can be compared"),
        ("# expect: a <= 1\n# variant: 1st seed=1", 2, "a variant is a name and then KEY=VALUE"),
        ("# expect: one.a <= 1\n# variant: one seed", 2, "a variant is a name and then KEY=VALUE"),
        ("# variant: one seed=1\n# expect: a <= 1", 2, "does not say of which variant"),
        ("# expect: a <= 1\n# seeds: many", 2, "seeds is no number"),
        ("# expect: a <= 1\n# seeds: 0", 2, "seeds is no number"),
        ("# expect: a <= 1\n#  expect: b <= 1", 2, "this would not be read"),
        ("# expect: a <= 1\n# Expects: b <= 1", 2, "this would not be read"),
        ("# expect: a <= 1\n\n# expect: b <= 1", 3, "this would not be read"),
        ("# expect: a <= 1\n# seed: 3", 2, "this would not be read"),
        ("# expect: a <= 1\n# seeds: 3\n# seeds: 5", 2, "'seeds' is said twice"),
        ("# variant: one seed=1\n# variant: one seed=2\n# expect: one.a <= 1", 1, "'variant one' is said twice"),
        ("# expect: a <= 1\n# variant: don't", 2, "a variant is a name and then KEY=VALUE"),
        ("# expect: a <= 1\n# variant: ", 2, "this would not be read"),
        ("# expect: seconds.a <= 1\n# variant: seconds seed=1", 2, "a variant is a name and then KEY=VALUE"),
    ],
)
def test_a_header_at_fault_is_refused_at_its_line(tmp_path, head, line, words):
    with pytest.raises(UserError) as error:
        claim_of(recipe_of(tmp_path, head))
    (problem,) = error.value.problems
    assert words in problem.message
    assert (problem.place.file, problem.place.line) == (str(tmp_path / "some.yaml"), line)


def test_a_recipe_that_expects_nothing_claims_nothing(tmp_path):
    assert claim_of(recipe_of(tmp_path, "# purpose: p\n# seconds: 3")) is None


def test_variants_and_seeds_are_trained_and_their_means_compared(tmp_path):
    head = """
# claim: 2
# variant: small model.bottleneck.size=2
# variant: large model.bottleneck.size=8
# seeds: 2
# expect: large.squared_error < small.squared_error
# expect: large.squared_error <= 1e-6
# expect: small.nowhere <= 1
# expect: seconds < 600
"""
    claim = claim_of(recipe_of(tmp_path, head))
    assert claim is not None
    said: list[str] = []

    class Told(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    changes = ["data.split.test=0.2"]
    found = reproduce(claim, changes, output=tmp_path / "out", progress=Told())
    assert [one.holds for one in found.compared] == [True, False, False, True]
    stamp = found.runs[0].name
    assert found.figure == tmp_path / "out" / "t" / "linear" / f"variants-{stamp}.png"
    assert found.figure.is_file()
    assert found.to_dict()["figure"] == str(found.figure)
    assert found.to_dict()["overrides"] == changes
    assert not found.holds
    assert len(found.runs) == 4
    import json

    import yaml

    configs = [yaml.safe_load((run / "config.yaml").read_text()) for run in found.runs]
    assert [(c["name"], c["seed"], c["model"]["bottleneck"]["size"]) for c in configs] == [
        ("t/linear/small", 0, 2), ("t/linear/small", 1, 2), ("t/linear/large", 0, 8), ("t/linear/large", 1, 8),
    ]  # fmt: skip
    each = [json.loads((run / "run.json").read_text())["metrics"]["squared_error"] for run in found.runs]
    first = found.compared[0]
    assert first.obtained == pytest.approx((each[2] + each[3]) / 2)
    assert first.against == pytest.approx((each[0] + each[1]) / 2)
    assert first.deviation == pytest.approx(abs(each[2] - each[3]) / math.sqrt(2))
    assert "lecture/some, large, seed 1 of 2" in said
    assert found.to_dict()["expectations"][1]["expected"] == "large.squared_error <= 1e-6"


def test_seconds_may_be_thousands(tmp_path):
    claim = claim_of(recipe_of(tmp_path, "# purpose: p\n# claim: 2\n# expect: a <= 1\n# seconds: 1,250.5 on two cores"))
    assert claim is not None
    assert claim.seconds == 1250.5


def test_a_mean_over_fewer_seeds_is_none(tmp_path, monkeypatch):
    from types import SimpleNamespace

    from aecli.tasks.reproduce import run as reproducing

    claim = claim_of(recipe_of(tmp_path, "# claim: 2\n# seeds: 2\n# expect: a <= 1\n# expect: b <= 1"))
    given = iter(({"a": 0.5, "b": 0.5}, {"a": 0.5}))
    made = SimpleNamespace(run=SimpleNamespace(path=tmp_path))
    monkeypatch.setattr(reproducing, "train", lambda *args, **more: SimpleNamespace(**vars(made), metrics=next(given)))
    assert claim is not None
    found = reproduce(claim, output=tmp_path, progress=Silent(), figures=False)
    assert [one.holds for one in found.compared] == [True, False]
    assert found.figure is None


def test_the_figure_shows_what_is_expected_of_each_variant_and_the_jacobians_of_those_that_measure_it(
    tmp_path, monkeypatch
):
    from aecli.report import figures
    from aecli.tasks.reproduce import picture
    from aecli.tasks.train import train

    head = (
        "# claim: 2\n# variant: a seed=1\n# variant: b seed=2\n# expect: a.loss < b.jacobian_norm\n# expect: b.loss > 0"
    )
    claim = claim_of(recipe_of(tmp_path, head))
    assert claim is not None
    drawn: list = []
    monkeypatch.setattr(figures, "variants", lambda numbers, path, **more: drawn.append((numbers, more)) or path)
    runs = {}
    for name, groups in (("a", "[jacobian]"), ("b", "[reconstruction]")):
        changes = ["data.split.test=0.2", f"evaluation.metrics={groups}", f"name=t/{name}"]
        runs[name] = train(claim.recipe.path, changes, output=tmp_path, progress=Silent(), figures=False).run
    found = {"a.loss": [1.0, 2.0], "b.loss": [math.nan] * 2, "b.jacobian_norm": [3.0, 4.0], "a.other": [5.0, 5.0]}
    picture.draw(claim, found, runs)
    ((numbers, more),) = drawn
    assert {m: {n: list(v) for n, v in each.items() if n == "a" or m != "loss"} for m, each in numbers.items()} == {
        "loss": {"a": [1.0, 2.0]},
        "jacobian_norm": {"b": [3.0, 4.0]},
    }
    assert list(more["spectra"]) == ["a"]
    assert (np.diff(more["spectra"]["a"]) <= 0).all()


def test_claims_are_chosen_by_name_by_last_part_and_by_number():
    (whole,) = chosen(["lecture/linear_pca"])
    assert chosen(["linear_pca"]) == [whole]
    assert chosen(["experiments/lecture/linear_pca.yaml", "linear_pca"]) == [whole]
    assert whole in chosen([whole.number])
    with pytest.raises(UserError, match="no claim is called 'linear_pce'") as error:
        chosen(["linear_pce", "linear_pca"])
    assert "linear_pca" in str(error.value)


def test_every_claim_says_what_it_took():
    for claim in claims():
        assert claim.number, claim.recipe.name
        assert claim.seconds is not None, claim.recipe.name
