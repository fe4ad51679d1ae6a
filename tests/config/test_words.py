"""What reaches a terminal: nothing that steers it, and nothing lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecli.config.words import harmless, harmless_json

STEERING = ["\0", "\x07", "\x08", "\r", "\x0b", "\x1b", "\x7f", "\x80", "\x9b", "\x9f", "\u061c", "\u200e", "\u200f",
            "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069", "\ud800", "\udcff"]  # fmt: skip


@pytest.mark.parametrize("character", STEERING)
def test_what_steers_a_terminal_is_written_as_an_escape(character):
    assert harmless(f"a{character}b") == f"a{character.encode('unicode_escape').decode()}b"


def test_text_lines_and_tabs_stay():
    for text in ("plain\n\ttext", "Grüße, 数字, עברית, 🙂", "e\u0301", ""):
        assert harmless(text) == text


@given(st.text(st.characters(exclude_categories=[])))
def test_no_steering_character_is_left_and_the_text_can_be_encoded(text):
    shown = harmless(text)
    assert not set(STEERING) & set(shown)
    assert all(c in "\n\t" or not 0 <= ord(c) < 0x20 for c in shown)
    shown.encode()


@given(st.dictionaries(st.text(st.characters(exclude_categories=[])), st.text(st.characters(exclude_categories=[]))))
def test_harmless_json_means_what_it_meant(value):
    text = harmless_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert not set(STEERING) & set(text)
