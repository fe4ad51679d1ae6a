from __future__ import annotations

import subprocess
import sys
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecli.config.numbers import Schedule
from aecli.config.overrides import apply, from_value
from aecli.config.part import Spec
from aecli.config.problems import UserError
from aecli.config.reader import read_text
from aecli.config.validate import validate
from tests.config.toy import Dense, Gaussian, Mirror, Penalty, Stop, Toy, attempt


def problems(text: str, *overrides: str, model: Any = Toy):
    with pytest.raises(UserError) as error:
        validate(apply(read_text(text, "c.yaml"), overrides), model)
    return error.value.problems


DATA = "data: {source: x}\n"

# text after the data section, message, line (1 is the data section's), column, part of the hint
BROKEN = [
    # unknown keys, at the key
    ("sead: 1", "unknown key 'sead'", 2, 1, "did you mean 'seed'?"),
    ("zzz: 1", "unknown key 'zzz'", 2, 1, "known here: bottleneck, data"),
    ("encoder: {widht: [2]}", "unknown key 'widht'", 2, 11, "did you mean 'widths'?"),
    ("encoder: {kind: dense, widht: [2]}", "unknown key 'widht'", 2, 24, "did you mean 'widths'?"),
    (
        "bottleneck: {kind: gaussian, size: 2, skale: 1}",
        "unknown key 'skale'",
        2,
        39,
        "did you mean 'scale'?",
    ),
    (
        "bottleneck: {kind: gaussian, size: 2, gaussian: 1}",
        "unknown key 'gaussian'",
        2,
        39,
        "known here: kind",
    ),
    ("penalties: [{kind: l1, wait: 1}]", "unknown key 'wait'", 2, 24, "did you mean 'weight'?"),
    ("stop: {patiense: 1}", "unknown key 'patiense'", 2, 8, "did you mean 'patience'?"),
    (
        "bottleneck: {kind: gaussian, size: 1, scale: {kind: linear, start: 0, zzz: 1}}",
        "unknown key 'zzz'",
        2,
        71,
        "known here",
    ),
    # kinds
    ("bottleneck: gausian", "no bottleneck is called 'gausian'", 2, 13, "did you mean 'gaussian'?"),
    ("bottleneck: {kind: gausian}", "no bottleneck is called 'gausian'", 2, 20, "did you mean 'gaussian'?"),
    ("bottleneck:\n  kind: zzz", "no bottleneck is called 'zzz'", 3, 9, "known here: dense, gaussian"),
    ("encoder: {kind: [1]}", "no network is called '[1]'", 2, 17, "known here: dense"),
    ("decoder: {widths: [1]}", "a decoder needs a `kind`", 2, 10, "known here: dense, mirror"),
    ("encoder: 3", "'encoder' must be a name, or a mapping with `kind`, not 3", 2, 10, None),
    ("penalties: [l1, 7]", "'penalties.1' must be a name, or a mapping with `kind`, not 7", 2, 17, None),
    ("decoder: mirorr", "no decoder is called 'mirorr'", 2, 10, "did you mean 'mirror'?"),
    # missing
    ("bottleneck: {kind: gaussian}", "'size' is required", 2, 1, None),
    ("bottleneck: gaussian", "'size' is required", 2, 1, "write {kind: gaussian, size: ...}"),
    ("penalties:\n  - {weight: 1}", "a penalty needs a `kind`", 3, 5, "known here: l1"),
    # types
    ("seed: '12'", "'seed' must be a whole number, not text '12'", 2, 7, "write it without quotes"),
    ("seed: 1.0", "'seed' must be a whole number, not 1.0", 2, 7, None),
    ("seed: true", "'seed' must be a whole number, not true", 2, 7, None),
    ("rate: x", "'rate' must be a number, not text 'x'", 2, 7, None),
    ("rate: null", "'rate' must be a number, not null", 2, 7, None),
    ("rate: false", "'rate' must be a number, not false", 2, 7, None),
    ("name: 1", "'name' must be text, not 1", 2, 7, None),
    ("fast: 1", "'fast' must be true or false, not 1", 2, 7, None),
    ("fast: 'yes'", "'fast' must be true or false, not text 'yes'", 2, 7, None),
    ("tags: 1", "'tags' must be a list, not 1", 2, 7, None),
    ("tags: [1, 2.5]", "'tags.1' must be a whole number or text, not 2.5", 2, 11, None),
    ("tags: {a: 1}", "'tags' must be a list, not a mapping", 2, 7, None),
    ("encoder: {widths: [8, x]}", "'widths.1' must be a whole number, not text 'x'", 2, 23, None),
    ("stop: 3", "'stop' must be none or a mapping of keys to values, not 3", 2, 7, None),
    (
        "stop: noen",
        "'stop' must be none or a mapping of keys to values, not text 'noen'",
        2,
        7,
        "did you mean 'none'?",
    ),
    ("name: []", "'name' must be text, not an empty list", 2, 7, None),
    ("seed: '" + "9" * 90 + "x'", f"not text '{'9' * 39}…'", 2, 7, None),
    ('seed: "a\\nb"', "not text 'a\\nb'", 2, 7, None),
    # choices
    (
        "encoder: {activation: rleu}",
        "'activation' must be relu, tanh or linear, not text 'rleu'",
        2,
        23,
        "did you mean 'relu'?",
    ),
    ("encoder: {activation: zzz}", "'activation' must be relu, tanh or linear, not text 'zzz'", 2, 23, None),
    ("penalties: [{kind: l1, on: 1}]", "'on' must be kernel or bias, not 1", 2, 28, None),
    # bounds
    ("seed: -1", "'seed' must be at least 0, not -1", 2, 7, None),
    ("rate: 1", "'rate' must be less than 1, not 1", 2, 7, None),
    ("bottleneck: {kind: gaussian, size: 0}", "'size' must be greater than 0, not 0", 2, 36, None),
    ("bottleneck: {kind: gaussian, size: 1001}", "'size' must be at most 1000, not 1001", 2, 36, None),
    ("bottleneck: {kind: gaussian, size: 1, scale: -1}", "'scale' must be at least 0, not -1", 2, 46, None),
    ("penalties: [l1, {kind: l1, weight: -1}]", "'weight' must be at least 0, not -1", 2, 36, None),
    (
        "penalties: [{kind: l1, weight: {kind: linear, start: 1, end: -1}}]",
        "'weight' must be at least 0, not -1",
        2,
        32,
        None,
    ),
    ("penalties: [{kind: l1, weight: {kind: linear, end: 1}}]", "'start' is required", 2, 24, None),
    ("penalties: [{kind: l1, weight: {start: 1}}]", "'kind' is required", 2, 24, None),
]


@pytest.mark.parametrize(
    ("text", "message", "line", "column", "hint"),
    BROKEN,
    ids=lambda v: str(v)[:40],
)
def test_a_broken_config_is_reported_at_its_place(text, message, line, column, hint):
    (problem,) = problems(DATA + text + "\n")
    assert message in problem.message
    assert problem.place
    assert (problem.place.file, problem.place.line, problem.place.column) == ("c.yaml", line, column)
    assert hint in problem.hint if hint and problem.hint else problem.hint == hint


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("data: {}\n", "'source' is required", 1, 1),
        ("seed: 1\ndata: {label: 1}\n", "'source' is required", 2, 1),
        ("seed: 1\n", "'data' is required", 1, 1),
        ("data: x\n", "'data' must be a mapping of keys to values, not text 'x'", 1, 7),
        ("data:\n", "'data' must be a mapping of keys to values, not null", 1, 6),
        ("data: {source: ''}\n", "'source' must not be empty", 1, 16),
        ("data: {source: a b}\n", "'source' must not hold a space", 1, 16),
        ("data: {source: x, label: [1]}\n", "'label' must be text or a whole number, not a list", 1, 26),
        ("data: {source: x, test: givn}\n", "'test' must be given or a number, not text 'givn'", 1, 25),
    ],
)
def test_a_broken_data_section_is_reported_at_its_place(text, message, line, column):
    (problem,) = problems(text)
    assert message in problem.message
    assert problem.place
    assert (problem.place.line, problem.place.column) == (line, column)


@pytest.mark.parametrize(
    ("override", "message", "column"),
    [
        ("seed=x", "'seed' must be a whole number, not text 'x'", 6),
        ("sead=1", "unknown key 'sead'", 1),
        ("encoder.widht=[1]", "unknown key 'widht'", 9),
        ("encoder={kind: dense, widht: 1}", "unknown key 'widht'", 23),
        ("bottleneck.kind=gausian", "no bottleneck is called 'gausian'", 17),
        ("bottleneck.kind=gaussian", "'size' is required", 1),
        ("penalties.0.weight=1", "a penalty needs a `kind`", 11),
        ("penalties.0={kind: l1, weight: -1}", "'weight' must be at least 0", 32),
        ("data.source.x=1", "'source' must be text, not a mapping", 6),
        ("data.source=null", "'source' is required", None),
        # what is cleared leaves no trace, and is checked all the same
        ("sead=null", "unknown key 'sead'", 1),
        ("encoder.widht=null", "unknown key 'widht'", 9),
        ("bottleneck.size=null", "unknown key 'size'", 12),
        ("bottlneck.kind=null", "unknown key 'bottlneck'", 1),
        ("data.labl=null", "unknown key 'labl'", 6),
    ],
)
def test_a_broken_override_is_reported_at_its_place(override, message, column):
    (problem,) = problems(DATA, override)
    assert message in problem.message
    assert str(problem.place) == (f"override:1:{column}" if column else "c.yaml:1:1")


@pytest.mark.parametrize("override", ["seed=null", "encoder.widths=null", "penalties=null", "stop.patience=null"])
def test_known_keys_may_be_cleared_where_they_are_not_given(override):
    assert validate(apply(read_text(DATA, "c.yaml"), [override]), Toy) == Toy.model_validate({"data": {"source": "x"}})


def test_all_problems_come_in_one_pass_ordered_by_place_overrides_last():
    text = "tags: [1.5]\nseed: x\ndata: {sorce: x}\nencoder: {widths: 1, widht: 2}\n"
    found = problems(text, "rate=2", "zzz=1")
    assert [str(p.place) for p in found][:6] == [
        "c.yaml:1:8",
        "c.yaml:2:7",
        "c.yaml:3:1",
        "c.yaml:3:8",
        "c.yaml:4:19",
        "c.yaml:4:22",
    ]
    assert {str(p.place) for p in found[6:]} == {"override:1:6", "override:1:1"}


def test_a_value_under_a_key_named_like_a_union_tag_keeps_its_place():
    class Inner(Spec):
        str: int = 0

    class Outer(Spec):
        value: Inner | str = ""

    (problem,) = problems("value: {str: x}\n", model=Outer)
    assert problem.message == "'str' must be a whole number, not text 'x'"
    assert problem.place
    assert problem.place.column == 14


def test_a_choice_that_was_not_meant_is_not_reported():
    class Outer(Spec):
        value: Literal["off"] | Annotated[Stop, "annotated"] | None = None

    (problem,) = problems("value: {patience: x}\n", model=Outer)
    assert problem.message == "'patience' must be a whole number, not text 'x'"


def test_problems_of_plain_values_name_the_key():
    with pytest.raises(
        UserError, match=r"config at encoder\.widths\.0: 'widths\.0' must be a whole number, not text 'x'"
    ):
        validate(from_value({"data": {"source": "x"}, "encoder": {"widths": ("x",)}}, "config"), Toy)


def test_parts_may_be_given_as_parts():
    toy = validate(from_value({"data": {"source": "x"}, "encoder": Dense(widths=(3,))}, "config"), Toy)
    assert toy.encoder == Dense(widths=(3,))


def test_a_good_config_is_its_model():
    text = DATA + "bottleneck: {kind: gaussian, size: 3, scale: {kind: linear, start: 0, end: 1}}\n"
    text += "decoder: mirror\nencoder: {widths: []}\nstop: {patience: 1}\n"
    text += "penalties: [l1, {kind: l1, weight: 1, on: bias}]\n"
    toy = validate(read_text(text, "c.yaml"), Toy)
    assert toy.bottleneck == Gaussian(size=3, scale=Schedule(kind="linear", start=0.0, end=1.0))
    assert (toy.encoder, toy.decoder) == (Dense(widths=()), Mirror())
    assert toy.penalties == (Penalty(), Penalty(weight=1.0, on="bias"))
    assert toy.stop == Stop(patience=1)


KEYS = st.sampled_from(["data", "source", "encoder", "kind", "widths", "bottleneck", "scale", "penalties", "stop", "x"])
LEAVES = st.sampled_from([None, True, 0, -1, 2.5, "dense", "gaussian", "none", "x", []])
ANY = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


@given(st.dictionaries(KEYS, ANY, max_size=5))
def test_any_value_is_a_config_or_refused(value):
    toy, found = attempt(validate, from_value(value, "config"), Toy)
    assert isinstance(toy, Toy) if toy else found
    assert all(problem.place for problem in found)


def test_the_ground_floor_needs_no_accelerator_library():
    code = (
        "import sys, aecli.config.validate, aecli.config.overrides, aecli.config.dump, aecli.config.schema;"
        "assert not {'jax', 'flax', 'optax', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_problems_of_form_overrides_and_schema_come_in_one_pass():
    from aecli.config.overrides import apply
    from aecli.config.reader import read_text

    text = "name: a\nname: b\nnmae: c\nseed: 013\n"
    document = apply(read_text(text, "c.yaml", partial=True), ["seedd=1", "nothing"], partial=True)
    with pytest.raises(UserError) as caught:
        validate(document, Toy)
    told = str(caught.value)
    for word in ("given twice", "unknown key 'nmae'", "begins with a zero", "unknown key 'seedd'", "has no '='"):
        assert word in told, word
