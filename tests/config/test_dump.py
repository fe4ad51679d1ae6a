from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aecli.config.dump import to_yaml
from aecli.config.numbers import FLOAT32, Schedule
from aecli.config.reader import read_text
from aecli.config.validate import validate
from tests.config.toy import Data, Dense, Gaussian, Mirror, Penalty, Stop, Toy

# What a config can hold as text: no control characters but line breaks and tabs, no byte order mark.
CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff\ufffe\uffff")
TEXT = st.text(CHARACTERS, max_size=12)
LINES = st.lists(TEXT, max_size=3).map("\n".join)
TRICKY = st.sampled_from(
    [
        "on",
        "1e-3",
        "010",
        "12:30",
        "null",
        "~",
        "",
        " x ",
        "- a",
        "a: b",
        "#",
        "*x",
        "!t",
        "<<",
        "2024-01-01",
        "a\tb",
        "é",
        "\u2028",
        "\x85",
        "\n",
        " \n ",
        "True",
    ]
) | st.sampled_from(["1_0", ".inf", "=", "%", "'", '"', "? ", "|", ">", "@"])
WORDS = TEXT | LINES | TRICKY
FINITE = st.floats(min_value=0, max_value=FLOAT32)
STEPS = st.none() | st.integers(1, 10**9)
MOVING = st.builds(Schedule, kind=st.sampled_from(["linear", "cosine"]), start=FINITE, end=FINITE, steps=STEPS)
NUMBERS = FINITE | st.builds(Schedule, kind=st.just("constant"), start=FINITE) | MOVING
DENSES = st.builds(Dense, widths=st.lists(st.integers(-(2**63) + 1, 2**63 - 1), max_size=20).map(tuple))
TOYS = st.builds(
    Toy,
    name=WORDS,
    seed=st.integers(0, 2**63 - 1),
    rate=st.floats(0, 1, exclude_max=True),
    fast=st.booleans(),
    data=st.builds(
        Data, source=WORDS.filter(lambda t: t and " " not in t), label=st.none() | st.integers(0, 9) | WORDS
    ),
    encoder=DENSES,
    bottleneck=DENSES | st.builds(Gaussian, size=st.integers(1, 1000), scale=NUMBERS),
    decoder=st.just(Mirror()) | DENSES,
    penalties=st.lists(st.builds(Penalty, weight=NUMBERS), max_size=3).map(tuple),
    stop=st.just("none") | st.builds(Stop, patience=st.integers(0, 5)),
    tags=st.lists(st.integers(0, 99) | WORDS, max_size=4).map(tuple),
)


@given(TOYS)
def test_what_is_dumped_is_read_back(toy):
    assert validate(read_text(to_yaml(toy), "c.yaml"), Toy) == toy


@given(TOYS)
def test_another_yaml_reader_agrees(toy):
    # PyYAML reads the same values: nobody else who opens a dumped config sees another one.
    assert yaml.safe_load(to_yaml(toy)) == read_text(to_yaml(toy), "c.yaml").value


def test_a_dumped_config_reads_well():
    toy = Toy(
        data=Data(source="x"),
        rate=0.001,
        penalties=(Penalty(weight=Schedule(kind="linear", start=0.0, end=1e-5)),),
    )
    assert to_yaml(toy) == (
        "name: run\nseed: 0\nrate: 0.001\nfast: false\ndata:\n  source: x\n  label: null\n  test: given\n"
        "encoder:\n  kind: dense\n  widths: [8, 4]\n  activation: relu\n"
        "bottleneck:\n  kind: dense\n  widths: [8, 4]\n  activation: relu\n"
        "decoder:\n  kind: mirror\n"
        "penalties:\n- kind: l1\n"
        "  weight:\n    kind: linear\n    start: 0.0\n    end: 1.0e-05\n    steps: null\n"
        "  'on': kernel\n"
        "stop: none\ntags: []\n"
    )


@pytest.mark.parametrize(("count", "lines"), [(3, 1), (100, 101)])
def test_only_short_lists_stand_on_one_line(count, lines):
    text = to_yaml(Dense(widths=tuple(range(count))))
    assert len(text[text.index("widths") : text.index("activation")].splitlines()) == lines
