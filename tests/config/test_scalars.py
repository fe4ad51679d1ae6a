from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecli.config.reader import read_text
from aecli.config.scalars import RefusedError, means_itself, plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        (".5", 0.5),
        ("5.", 5.0),
        ("+1.5", 1.5),
        ("-2e+3", -2000.0),
        ("0.0", 0.0),
        ("0e5", 0.0),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("9223372036854775807", 2**63 - 1),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("relu", "relu"),
        ("y", "y"),
        ("n", "n"),
        ("none", "none"),
        ("1e", "1e"),
        ("e5", "e5"),
        (".", "."),
        ("-", "-"),
        ("inf", "inf"),
        ("nan", "nan"),
        ("localhost:80", "localhost:80"),
        ("1.2.3", "1.2.3"),
        ("٣", "٣"),
        ("=", "="),
    ],
)
def test_a_plain_scalar_means_what_it_looks_like(text, value):
    found = plain(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [(word, "true or false") for word in ("on", "off", "yes", "no", "On", "OFF", "Yes", "NO")]
    + [(word, "lower case") for word in ("True", "FALSE", "Null")]
    + [(word, "base-60") for word in ("12:30", "12:30:45", "1:2.5")]
    + [(word, "date") for word in ("2024-01-01", "2024-1-1 10:00:00", "2024-01-01T10:00:00Z")]
    + [(word, "not decimal") for word in ("0x1F", "0o17", "0b101")]
    + [(word, "zero") for word in ("010", "-010", "00", "01.5")]
    + [(word, "'_'") for word in ("1_000", "0_1")]
    + [(word, "finite") for word in (".inf", "-.INF", ".nan", ".NaN")]
    + [("9223372036854775808", "large"), ("1" * 5000, "large"), ("1e999", "large"), ("1e-999", "small")],
)
def test_what_readers_disagree_about_is_refused(text, message):
    with pytest.raises(RefusedError) as error:
        plain(text)
    assert message in error.value.message
    assert error.value.hint


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_is_read_back(value):
    found = plain(repr(value))
    assert isinstance(found, float)
    assert found == value
    assert math.copysign(1, found) == math.copysign(1, value)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_every_64_bit_integer_is_read_back(value):
    assert plain(str(value)) == value


@given(st.from_regex(r"[a-z0-9._+-]{1,12}", fullmatch=True))
def test_unquoted_text_that_means_itself_is_text_in_a_file(text):
    if means_itself(text) and text[0].isalpha():
        assert read_text(f"key: {text}", "f").value == {"key": text}
