from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecli.config.document import Document
from aecli.config.overrides import apply, from_value
from aecli.config.problems import UserError
from aecli.config.reader import read_text
from tests.config.toy import attempt

CONFIG = """\
bottleneck: dense
encoder: {kind: dense, widths: [8, 4]}
rate: 1.0
stop: none
penalties:
  - {kind: l1, weight: 0.5}
  - l2
  - kl
"""


def applied(*overrides: str, text: str = CONFIG):
    return apply(read_text(text, "c.yaml"), overrides).value


@pytest.mark.parametrize(
    ("overrides", "path", "value"),
    [
        (["rate=2"], "rate", 2),
        (["rate=1e-3"], "rate", 1e-3),
        (["new.deep.key=[0, 1]"], "new", {"deep": {"key": [0, 1]}}),
        (["new.0.weight=1"], "new", [{"weight": 1}]),
        (["encoder={kind: conv, stride: 2}"], "encoder", {"kind": "conv", "stride": 2}),
        (["encoder.widths.1=16"], "encoder.widths", [8, 16]),
        (["encoder.widths.2=2"], "encoder.widths", [8, 4, 2]),
        (["encoder.widths.2=2", "encoder.widths.3=1"], "encoder.widths", [8, 4, 2, 1]),
        (["name=a=b"], "name", "a=b"),
        (["name='on'"], "name", "on"),
        # a bare word
        (["bottleneck.size=8"], "bottleneck", {"kind": "dense", "size": 8}),
        (["penalties.1.weight=3"], "penalties.1", {"kind": "l2", "weight": 3}),
        (["penalties.3=l4", "penalties.3.weight=3"], "penalties.3", {"kind": "l4", "weight": 3}),
        (["stop.patience=5"], "stop", {"patience": 5}),
        # a kind alone
        (["encoder.kind=conv"], "encoder", {"kind": "conv"}),
        (["bottleneck.kind=gaussian"], "bottleneck", {"kind": "gaussian"}),
        (["penalties.0.kind=l2"], "penalties.0", {"kind": "l2"}),
        (["penalties.3.kind=l2"], "penalties.3", {"kind": "l2"}),
        (["rate.kind=linear", "rate.start=0"], "rate", {"kind": "linear", "start": 0}),
        (["bottleneck.kind=gaussian", "bottleneck.size=8"], "bottleneck", {"kind": "gaussian", "size": 8}),
        (["bottleneck.size=8", "bottleneck.kind=gaussian"], "bottleneck", {"kind": "gaussian", "size": 8}),
        (["encoder.depth=8", "encoder.kind=conv"], "encoder", {"kind": "conv", "depth": 8}),
        (["encoder.kind=conv", "encoder.kind=mlp"], "encoder", {"kind": "mlp"}),
        (["encoder={kind: conv, a: 1}", "encoder.kind=mlp"], "encoder", {"kind": "mlp"}),
        (["new.kind=mlp"], "new", {"kind": "mlp"}),
        # null
        (["encoder.widths=null"], "encoder", {"kind": "dense"}),
        (["encoder.widths=~"], "encoder", {"kind": "dense"}),
        (["bottleneck.size=null"], "bottleneck", "dense"),
        (["stop.patience=null"], "stop", "none"),
        (["penalties.1=null"], "penalties", [{"kind": "l1", "weight": 0.5}, "kl"]),
        (["penalties.0=null", "penalties.1=null"], "penalties", ["kl"]),
        (["penalties.0=null", "penalties.2.weight=3"], "penalties", ["l2", {"kind": "kl", "weight": 3}]),
        (["penalties.0=null", "penalties.0=l3"], "penalties", ["l3", "l2", "kl"]),
        (["penalties.0=null", "penalties.0.kind=l3"], "penalties", [{"kind": "l3"}, "l2", "kl"]),
        (["penalties.0=null", "penalties=null"], "penalties", None),
        (["penalties.0=null", "penalties=[l9]"], "penalties", ["l9"]),
        (["penalties.0.weight=null", "penalties.0.weight=2"], "penalties.0", {"kind": "l1", "weight": 2}),
    ],
)
def test_overrides_combine(overrides, path, value):
    found = applied(*overrides)
    for key in path.split("."):
        found = found[int(key)] if isinstance(found, list) else found.get(key)
    assert found == value


def test_what_is_not_overridden_stays_and_the_document_is_not_changed():
    document = read_text(CONFIG, "c.yaml")
    before = read_text(CONFIG, "c.yaml").value
    after = apply(document, ["encoder.widths.0=1", "bottleneck.size=2", "penalties.0=null"]).value
    assert document.value == before
    assert {k: after[k] for k in ("rate", "stop")} == {k: before[k] for k in ("rate", "stop")}


BROKEN = [
    ("rate", "has no '='", 5),
    ("rate=", "has no value after '='", 6),
    ("rate=  ", "has no value after '='", 6),
    ("rate=# 1", "has no value after '='", 6),
    ("=1", "the key has an empty word", 1),
    ("a..b=1", "the key has an empty word", 3),
    ("a.b.=1", "the key has an empty word", 5),
    ("a\x1bb=1", "the key has the word 'a\\x1bb'", 1),
    ("rate=on", "'on' is not read as true or false", 6),
    ("encoder={a: 1, a: 2}", "the key 'a' is given twice", 16),
    ("encoder.widths=[1", "a ',' or a closing bracket is missing", 18),
    ("encoder.widths=[1, 010]", "begins with a zero", 20),
    ("rate=!!python/name:os.system", "the tag", 6),
    ("rate=*x", "there is no anchor", 6),
    ("rate=a\x00", "control character", 7),
    ("rate.start=0", "'rate' is 1.0, which has no key 'start'", 6),
    ("rate.start=null", "'rate' is 1.0, which has no key 'start'", 6),
    ("encoder.widths.3=1", "there is no item 3: the list has 2 items", 16),
    ("encoder.widths.2=null", "there is no item 2", 16),
    ("encoder.widths.-1=1", "'-1' is no index of a list", 16),
    ("penalties.kind=l1", "'kind' is no index of a list", 11),
    ("penalties.l1.weight=1", "'l1' is no index of a list", 11),
    ("penalties.99999999999999999999=1", "is no index of a list", 11),
]


@pytest.mark.parametrize(("override", "message", "column"), BROKEN)
def test_a_bad_override_is_reported_at_its_place(override, message, column):
    with pytest.raises(UserError) as error:
        applied(override)
    (problem,) = error.value.problems
    assert message in problem.message
    assert problem.place
    assert str(problem.place) == f"override:1:{column}"
    assert problem.place.text is not None
    assert len(problem.place.text) == len(override)


def test_all_bad_overrides_come_in_one_pass():
    with pytest.raises(UserError) as error:
        applied(*(override for override, _, _ in BROKEN))
    assert len(error.value.problems) == len(BROKEN)


def test_a_plain_number_hints_at_the_whole():
    with pytest.raises(UserError, match=re.escape("set it whole: rate={kind: ..., start: ...}")):
        applied("rate.start=0")


def test_what_is_overridden_has_the_place_of_the_override():
    document = apply(read_text(CONFIG, "c.yaml"), ["encoder.depth=[5, 6]", "bottleneck.size=3", "new.key=1"])

    def place(*loc: str | int, key: bool = False) -> str:
        found = document.place(loc, key=key)
        return f"{found} {found.text}" if found else ""

    assert place("encoder", "depth") == "override:1:15 encoder.depth=[5, 6]"
    assert place("encoder", "depth", key=True) == "override:1:9 encoder.depth=[5, 6]"
    assert place("encoder", "depth", 1) == "override:1:19 encoder.depth=[5, 6]"
    assert place("encoder", "widths") == "c.yaml:2:32 encoder: {kind: dense, widths: [8, 4]}"
    assert place("bottleneck", "kind") == "c.yaml:1:13 bottleneck: dense"
    assert place("bottleneck", "size", key=True) == "override:1:12 bottleneck.size=3"
    assert place("new", key=True) == "override:1:1 new.key=1"


def test_places_move_up_with_the_items_of_a_list():
    document = apply(read_text(CONFIG, "c.yaml"), ["penalties.0=null"])
    assert str(document.place(("penalties", 0))) == "c.yaml:7:5"
    assert str(document.place(("penalties", 1))) == "c.yaml:8:5"


def test_a_document_from_values_names_keys():
    document = from_value({"model": {"widths": (1, 2)}}, "config")
    assert document.value == {"model": {"widths": [1, 2]}}
    assert str(document.place(("model", "widths", 1))) == "config at model.widths.1"
    assert str(document.place(())) == "config"
    assert str(apply(document, ["model.size=2"]).place(("model", "size"))) == "override:1:12"


def test_a_document_from_nothing():
    assert apply(Document.empty("none"), ["a.b=1", "c=d"]).value == {"a": {"b": 1}, "c": "d"}


WORDS = st.sampled_from(["a", "b", "0", "1", "kind", "penalties", "encoder", "widths", "", "x y"])
VALUES = st.sampled_from(["1", "null", "none", "[1, 2]", "{kind: l1}", "word", "", "{"])


@given(st.lists(st.tuples(st.lists(WORDS, max_size=4), VALUES), max_size=5))
def test_any_overrides_are_applied_or_refused(pairs):
    overrides = [f"{'.'.join(words)}={value}" for words, value in pairs]
    document, found = attempt(apply, read_text(CONFIG, "c.yaml"), overrides)
    assert (document is None) == bool(found)
    for loc in document.spots if document else ():
        value = document.value
        for key in loc:  # every place is that of a value which exists
            value = value[key]


@given(st.text(max_size=30))
def test_any_text_is_an_override_or_refused(text):
    value, found = attempt(applied, text)
    assert (value is None) == bool(found)
    assert all(problem.place for problem in found)
