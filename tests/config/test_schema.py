from __future__ import annotations

import json

import jsonschema
import pytest

from aecli.config.problems import UserError
from aecli.config.reader import read_text
from aecli.config.schema import json_schema
from aecli.config.validate import validate
from tests.config.toy import Toy

SCHEMA = json_schema(Toy)
DATA = "data: {source: x}\n"


@pytest.fixture(scope="module")
def checker():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "encoder: dense",
        "encoder: {widths: [3]}",
        "encoder: {kind: dense, widths: []}",
        "decoder: mirror",
        "bottleneck: {kind: gaussian, size: 3}",
        "bottleneck: {kind: gaussian, size: 3, scale: 2}",
        "bottleneck: {kind: gaussian, size: 3, scale: {kind: linear, start: 0, end: 1}}",
        "penalties: [l1, {kind: l1, weight: 1}]",
        "tags: [1, a]",
        "stop: none",
        "stop: {patience: 1}",
        "rate: 0",
    ],
)
def test_what_is_valid_fits_the_schema(checker, text):
    document = read_text(DATA + text, "c.yaml")
    validate(document, Toy)
    checker.validate(document.value)


@pytest.mark.parametrize(
    "text",
    [
        "x: 1",
        "encoder: dens",
        "encoder: {widht: [3]}",
        "bottleneck: gaussian",
        "bottleneck: {size: 3}",
        "decoder: {widths: [1]}",
        "bottleneck: {kind: gaussian}",
        "bottleneck: {kind: gaussian, size: 0}",
        "bottleneck: {kind: gaussian, size: 1, scale: x}",
        "bottleneck: {kind: gaussian, size: 1, scale: {kind: linear}}",
        "penalties: l1",
        "penalties: [{weight: 1}]",
        "seed: -1",
        "rate: 1",
        "fast: 1",
        "stop: noen",
    ],
)
def test_what_is_invalid_does_not_fit_the_schema(checker, text):
    document = read_text(DATA + text, "c.yaml")
    with pytest.raises(UserError):
        validate(document, Toy)
    assert not checker.is_valid(document.value)


def test_the_schema_is_described_and_always_the_same():
    assert SCHEMA["$schema"].endswith("2020-12/schema")
    assert (SCHEMA["title"], SCHEMA["description"]) == ("Toy", "A whole toy config.")
    assert SCHEMA["$defs"]["Dense"]["description"] == "Fully connected.\nW x + b"
    assert json.dumps(json_schema(Toy)) == json.dumps(SCHEMA)
