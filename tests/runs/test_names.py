from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecli.config.names import check_name, name_problem
from aecli.config.problems import Exit, Place, UserError


@pytest.mark.parametrize("name", ["a", "fashion-mnist/vae", "A_1.b/c..d", "latest", "0", "a" * 100])
def test_good_names(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", "/", "/etc/x", "a/", "a//b", "..", "../x", "a/../b", ".hidden", "a/.b",
        ".", "a b", "a\\b", "a\0b",
        "a\nb", "a:b", "~", "$HOME", "größe", "\u202eabc", "\ud800", "a" * 101, "x/20260131-093000-ab12cd",
    ],
)  # fmt: skip
def test_bad_names(name):
    with pytest.raises(UserError, match="letters") as caught:
        check_name(name, Place("c.yaml", 1, 7))
    assert str(caught.value).startswith("c.yaml:1:7: the name ")
    assert caught.value.exit_code == Exit.INPUT
    assert str(caught.value).isascii()


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=12))
def test_an_accepted_name_stays_within_its_folder(name):
    if name_problem(name) is None:
        path = (Path("/outputs") / name).resolve()
        assert path.is_relative_to("/outputs")
        assert path != Path("/outputs")
        assert path.relative_to("/outputs").as_posix() == name
