from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aecli.config.problems import UserError
from aecli.config.reader import MAX_BYTES, read_file, read_text
from tests.config.toy import attempt

BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{y}: &{y} [{', '.join(['*' + x] * 9)}]\n" for x, y in zip("abcdefgh", "bcdefghi", strict=True)
)

# text, part of the message, line, column
BROKEN = [
    ("a: 1\nb: 2\na: 3\n", "the key 'a' is given twice", 3, 1),
    ("a: {b: 1, b: 2}\n", "the key 'b' is given twice", 1, 11),
    ("a: on\n", "'on' is not read as true or false", 1, 4),
    ("a:\n  b: Off\n", "'Off' is not read as true or false", 2, 6),
    ("a: [yes]\n", "'yes' is not read as true or false", 1, 5),
    ("a: NO\n", "'NO' is not read as true or false", 1, 4),
    ("a: True\n", "not in lower case", 1, 4),
    ("a: 12:30:45\n", "base-60", 1, 4),
    ("a: 010\n", "begins with a zero", 1, 4),
    ("a: 0x1F\n", "not decimal", 1, 4),
    ("a: 0o17\n", "not decimal", 1, 4),
    ("a: 1_000\n", "'_'", 1, 4),
    ("a: 2024-01-01\n", "date", 1, 4),
    ("a: .inf\n", "finite", 1, 4),
    ("a: -.nan\n", "finite", 1, 4),
    ("a: 1e999\n", "too large", 1, 4),
    ("a: !!python/object/apply:os.system [ls]\n", "the tag '!!python/object/apply:os.system' is not", 1, 4),
    ("a: !foo 1\n", "the tag '!foo' is not read here", 1, 4),
    ("a: !!str 1\n", "the tag '!!str' is not read here", 1, 4),
    ("a: !x!y 1\n", "tags are not read here", 1, 4),
    ("!!map\na: 1\n", "the tag '!!map' is not read here", 1, 1),
    # 1 + 9 items, 1 + 9 * 10, 1 + 9 * 91, 1 + 9 * 820: the first *d of the fifth line is too much
    (BOMB, "more than 10000 values", 5, 8),
    ("a: &a [*a]\n", "'*a' refers to itself", 1, 8),
    ("a: &a {b: {c: *a}}\n", "'*a' refers to itself", 1, 15),
    ("a: *b\n", "there is no anchor '&b' before this", 1, 4),
    ("a: &x {b: 1}\nc:\n  <<: *x\n", "merge keys are not read here", 3, 3),
    ("[" * 2000, "nested deeper than 32 levels", 1, 33),
    ("a: " + "{b: " * 2000, "nested deeper than 32 levels", 1, 128),
    ("a: &a " + "[" * 20 + "]" * 20 + "\nb: " + "[" * 20 + "*a" + "]" * 20, "deeper than 32", 2, 24),
    ("? " * 2000, "nested deeper than 32 levels", 1, 65),
    ("", "is empty", None, None),
    ("# only a comment\n", "is empty", None, None),
    ("---\n", "must be a mapping of keys to values, not null", 2, 1),
    ("- a\n", "must be a mapping of keys to values, not a list", 1, 1),
    ("\njust text\n", "must be a mapping of keys to values, not text 'just text'", 2, 1),
    ("a: 1\n---\nb: 2\n", "a second document begins here", 2, 1),
    ("1: a\n", "a key must be text, not 1", 1, 1),
    ("a: {true: 1}\n", "a key must be text, not true", 1, 5),
    ("~: a\n", "a key must be text, not null", 1, 1),
    ("[a, b]: c\n", "a key must be text", 1, 1),
    ("a: &a b\n*a : c\n", "a key must be text", 2, 1),
    ("a: b\x00c\n", "control character '\\x00'", 1, 5),
    ("a: 1\nb: \x1b[31m\n", "control character '\\x1b'", 2, 4),
    ("a: b\ufeffc\n", "control character '\\ufeff'", 1, 5),
    ("a: \ud800\n", "control character '\\ud800'", 1, 4),
    ('a: "\\0"\n', "control character '\\x00'", 1, 4),
    ('a: "\\ud83d\\ude00"\n', "control character '\\ud83d'", 1, 4),
    ('a: "\\UFFFFFFFF"\n', "a number out of range", 1, None),
    ("a: [1, 2\n", "a ',' or a closing bracket is missing", 2, 1),
    ("a: 'b\n", "a quote is not closed", 2, 1),
    ("a: 1\n\tb: 2\n", "a tab stands where spaces should", 2, 1),
    ("a: b: c\n", "no ': ' is expected here", 1, 5),
    ("a: 1\n  b: 2\n", "no ': ' is expected here", 2, 4),
    ("a: 1\nb\nc: 2\n", "a key without ': ' after it", 3, 1),
    ("a:\n  b: 1\n c: 2\n", "does not line up", 3, 2),
    ("a: @b\n", "cannot begin with this character", 1, 4),
    ('a: "\\q"\n', "unknown escape", 1, 6),
    ("%YAML 1." + "1" * 5000 + "\n---\na: 1\n", "out of range", 1, None),
    ("a: " + "x" * MAX_BYTES, "larger than 1 MiB", None, None),
]


@pytest.mark.parametrize(("text", "message", "line", "column"), BROKEN)
def test_a_broken_text_is_reported_at_its_place(text, message, line, column):
    with pytest.raises(UserError) as error:
        read_text(text, "c.yaml")
    first = error.value.problems[0]
    assert message in first.message
    assert first.place
    assert first.place.file == "c.yaml"
    assert first.place.line == line
    if column:
        assert first.place.column == column


def test_all_problems_of_the_tree_come_in_one_pass_and_in_order():
    text = "a: on\nb: {c: 010, c: 1}\n2: x\nd: !t [12:30, *no]\n"
    with pytest.raises(UserError) as error:
        read_text(text, "c.yaml")
    places = [(p.place.line, p.place.column) for p in error.value.problems if p.place]
    assert places == [(1, 4), (2, 8), (2, 13), (3, 1), (4, 4), (4, 8), (4, 15)]


def test_values_before_a_syntax_error_are_reported_too():
    with pytest.raises(UserError) as error:
        read_text("a: on\nb: [1\n", "c.yaml")
    assert [p.place.line for p in error.value.problems if p.place] == [1, 3]


def test_the_caret_stands_below_the_value_even_after_tabs_and_escape_characters():
    with pytest.raises(UserError) as error:
        read_text("a: {b: '\t\u202e1', c: on}\n", "c.yaml")
    _, line, caret, _ = str(error.value).splitlines()
    assert line[caret.index("^") :] == "on}"
    assert line.isprintable()


def test_long_lines_are_cut():
    with pytest.raises(UserError) as error:
        read_text("a: on # " + "x" * 500 + "\n", "c.yaml")
    assert max(map(len, str(error.value).splitlines())) < 200


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1e-3\nb: [1, .5, true, null, ~, x]", {"a": 1e-3, "b": [1, 0.5, True, None, None, "x"]}),
        ("a:\nb: ''\n", {"a": None, "b": ""}),
        ("on: kernel\nyes: 1\n", {"on": "kernel", "yes": 1}),
        ("a: 'on'\nb: \"010\"\n", {"a": "on", "b": "010"}),
        ("'1': x\n", {"1": "x"}),
        ("a: &w [1, 2]\nb: *w\nc: {d: *w}\n", {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2]}}),
        ("\ufeffa: 1\n", {"a": 1}),
        ("%YAML 1.2\n---\na: 1\n...\n", {"a": 1}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
    ],
)
def test_a_good_text_is_read(text, value):
    assert read_text(text, "c.yaml").value == value


def test_aliases_do_not_share_what_they_stand_for():
    value = read_text("a: &w [1, 2]\nb: *w\n", "c.yaml").value
    assert value["a"] is not value["b"]


PLACED = "model:\n  encoder: {kind: mlp, widths: [1, 2]}\n  same: &x\n    - {y: 1}\nalias: *x\n"


@pytest.mark.parametrize(
    ("loc", "key", "line", "column"),
    [
        ((), False, 1, 1),
        (("model",), False, 2, 3),
        (("model",), True, 1, 1),
        (("model", "encoder"), False, 2, 12),
        (("model", "encoder"), True, 2, 3),
        (("model", "encoder", "widths", 1), False, 2, 36),
        (("model", "encoder", "widths", 1), True, 2, 36),
        (("model", "encoder", "widths", 7), False, 2, 32),
        (("model", "encoder", "absent", "deeper"), False, 2, 12),
        (("absent",), False, 1, 1),
        (("alias",), False, 5, 8),
        (("alias", 0, "y"), True, 4, 8),
    ],
)
def test_every_value_and_key_has_its_place(loc, key, line, column):
    place = read_text(PLACED, "c.yaml").place(loc, key=key)
    assert place
    assert (place.file, place.line, place.column) == ("c.yaml", line, column)
    assert place.text == PLACED.splitlines()[line - 1]


def test_a_file_is_read(tmp_path):
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfa: \xc3\xa9\n")
    document = read_file(tmp_path / "c.yaml")
    assert document.value == {"a": "é"}
    assert document.file == str(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("confg.yaml", "there is no such file", "config.yaml'?"),
        ("config", "there is no such file", "config.yaml'?"),
        ("zzz.yaml", "there is no such file", None),
        ("absent/config.yaml", "there is no such file", None),
        ("folder", "is a folder", None),
        ("config.yaml/x", "not a directory", None),
        ("a\0b", "null", None),
        ("x" * 5000, "too long", None),
        ("latin.yaml", "not UTF-8", "UTF-8"),
        ("utf16.yaml", "not UTF-8", "UTF-8"),
        ("big.yaml", "larger than 1 MiB", "kilobytes"),
    ],
)
def test_what_is_no_readable_file_says_so(tmp_path, name, message, hint):
    (tmp_path / "config.yaml").write_text("a: 1\n")
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    (tmp_path / "utf16.yaml").write_bytes("a: 1\n".encode("utf-16"))
    (tmp_path / "big.yaml").write_text("#" * (MAX_BYTES + 1))
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError) as error:
        read_file(tmp_path / name)
    (problem,) = error.value.problems
    assert message in problem.message
    assert hint in problem.hint if hint and problem.hint else problem.hint is None
    if name == "latin.yaml":
        assert problem.place
        assert (problem.place.line, problem.place.column) == (2, 4)


YAMLISH = st.text(st.sampled_from(list("ab01:,-?&*!|>'\"%@`#{}[]\\ \n\t~.<=é\r\x85\u2028\0")), max_size=60)


@settings(max_examples=400, deadline=2000)
@given(st.one_of(st.text(max_size=60), YAMLISH))
@example("%")
@example("&")
@example("!<")
@example("? ")
@example('"\\x')
@example("a: |9\n")
def test_any_text_is_read_or_refused(text):
    document, found = attempt(read_text, text, "c.yaml")
    assert isinstance(document.value, dict) if document else found
    assert all(problem.place for problem in found)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff\ufffe\uffff"))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.from_regex("k[a-z]{0,6}", fullmatch=True)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_json_means_itself(value):
    # JSON is YAML, and its own reader is the oracle.
    text = json.dumps({"k": value}, ensure_ascii=False)
    assert read_text(text, "c.yaml").value == json.loads(text)
