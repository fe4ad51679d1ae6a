from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aecli.config.dump import to_yaml
from aecli.config.problems import UserError
from aecli.config.reader import read_text
from aecli.runs import values
from aecli.runs.values import config_values, flat
from tests.helpers import experiment

CONFIG = to_yaml(
    experiment(
        objective={"penalties": [{"kind": "code_l1", "weight": {"kind": "linear", "start": 0.0, "end": 1e-3}}]},
        data={"source": "a: b.csv", "classes": [0, "x"]},
    )
)


def outcome(read, text):
    try:
        return read(text, "config.yaml")
    except UserError as error:
        return str(error)


def full(text, name):
    return read_text(text, name).value


def test_a_config_that_aecli_wrote_is_read_without_the_full_reader(monkeypatch):
    monkeypatch.setattr(values, "read_text", None)
    assert config_values(CONFIG, "config.yaml") == full(CONFIG, "config.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "[1]", "a: {b: 1, b: 2}", "a: &x 1\nb: *x", "a: !!python/name:os.system 1", "<<: {a: 1}", "a: 010",
        "a: on", "on: 1", "1: a", "? [a]\n: b", "a: 2024-01-01", "a: 1e400", "a: 1\n---\nb: 2", "a: [", "a: 'x\\0'",
        'a: "x\\0"', "a: \x07", "a: \u00a0", "{" * 40, "a: " + "[" * 40, "a: " + "[" * 40 + "]" * 40,
        "a: [" + "1," * 10_001 + "]", "a: '" + "x" * (1 << 20) + "'", "%YAML 9.9\n---\na: 1", "a:\tb",
        "--- {a: ~}\n...",
        "a: ''\nb: \"\"\nc:\n", "a: |\n  x\n  y\n", "a: >\n  x\n  y\n", "a: 1 # b", "a: 'é😀'", "a: \"\\U00110000\"",
    ],
)  # fmt: skip
def test_the_quick_reader_says_what_the_full_one_says(text):
    assert outcome(config_values, text) == outcome(full, text)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab: \n-[]{},'\"&*!|>#%1.0e~?<\\x\t"), max_size=40))
@example("a: - b")
@example("{0?}")
def test_the_quick_reader_agrees_on_any_text(text):
    assert outcome(config_values, text) == outcome(full, text)


PLAIN = (
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e9, 1e9) | st.text("aé 1.:'-on", max_size=5)
)
NESTED = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), NESTED, max_size=4))
def test_the_quick_reader_agrees_on_any_yaml(value):
    text = yaml.safe_dump(value)
    assert outcome(config_values, text) == outcome(full, text)


def test_flat_keys():
    found = flat({"a": {"b": 1, "c": []}, "d": [1, 2], "e": [{"f": 1}, {}], "g": {}, "h": None})
    assert found == {"a.b": 1, "a.c": [], "d": [1, 2], "e.0.f": 1, "e.1": {}, "g": {}, "h": None}
    assert flat({"d": [1, 2]}, items=True) == {"d": [1, 2], "d.0": 1, "d.1": 2}
