"""Broken configs, overrides and data files through the real commands: exit 2, one clear message, its place."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import aecli, done, refused, written
from tests.data.files import idx_bytes, npy_bytes, npy_header, zip_file

SOUND = "data: {source: digits}\n"
BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
DEEP = "data: " + "[" * 50 + "]" * 50 + "\n"

# What is written -> where it is wrong (line:column), and what the message must say.
CONFIGS: dict[str, tuple[str | bytes, str, str]] = {
    "wrong type": (SOUND + "seed: many\n", "2:7", "'seed' must be a whole number, not text 'many'"),
    "number in quotes": (SOUND + "seed: '3'\n", "2:7", "write it without quotes"),
    "float for a whole number": (SOUND + "training: {epochs: 1.5}\n", "2:20", "must be a whole number, not 1.5"),
    "boolean for a number": (SOUND + "training: {epochs: true}\n", "2:20", "'epochs' must be a whole number, not true"),
    "text for a list": (SOUND + "model:\n  encoder:\n    widths: 512\n", "4:13", "'widths' must be a list, not 512"),
    "list for a section": (SOUND + "model: [1, 2]\n", "2:8", "'model' must be a mapping of keys to values, not a list"),
    "null for a section": (SOUND + "training:\n", "2:10", "'training' must be a mapping of keys to values, not null"),
    "unknown key": (SOUND + "trainning: {}\n", "2:1", "unknown key 'trainning'\n.*\n.*\n  did you mean 'training'?"),
    "unknown inner key": (
        SOUND + "training:\n  epocs: 3\n", "3:3", "unknown key 'epocs'\n.*\n.*\n  did you mean 'epochs'?",
    ),
    "key of another part": (
        SOUND + "model:\n  bottleneck: {kind: dense, size: 2, prior: standard_normal}\n", "3:38", "unknown key 'prior'",
    ),
    "unknown part": (
        SOUND + "model: {bottleneck: gausian}\n",
        "2:21", "no bottleneck is called 'gausian'\n.*\n.*\n  did you mean 'gaussian'?",
    ),
    "unknown part in a mapping": (
        SOUND + "objective: {penalties: [{kind: l3, weight: 1}]}\n", "2:32", "no penalty is called 'l3'",
    ),
    "part without a kind": (SOUND + "objective: {penalties: [{weight: 1}]}\n", "2:25", "a penalty needs a `kind`"),
    "duplicate key": (SOUND + "seed: 1\nseed: 2\n", "3:1", "'seed' is given twice(\n.*){2}\n  the first is on line 2"),
    "python tag": (
        SOUND + "seed: !!python/object/apply:os.system ['true']\n",
        "2:7", "the tag '!!python/object/apply:os.system' is not read here",
    ),
    "alias bomb": (BOMB, r"\d+:\d+", "holds more than 10000 values"),
    "deep nesting": (DEEP, r"1:\d+", "is nested deeper than 32 levels"),
    "alias of itself": ("data: &a [*a]\n", "1:11", r"'\*a' refers to itself"),
    "merge key": ("x: &x {source: digits}\ndata: {<<: *x}\n", "2:8", "merge keys are not read here"),
    "name that climbs": ("name: ../../x\n" + SOUND, "1:7", r"'\.\./\.\./x' has the component '\.\.'"),
    "absolute name": ("name: /tmp/x\n" + SOUND, "1:7", "'/tmp/x' is absolute"),
    "name with a space": ("name: my run\n" + SOUND, "1:7", "'my run' has the character ' '"),
    "no data": ("seed: 1\n", "1:1", "'data' is required"),
    "no source": ("data:\n  label: y\n", "1:1", "'source' is required"),
    "missing source": ("data:\n  source: digitz\n", "2:11", "no file 'digitz'\n.*\n.*\n  did you mean 'digits'"),
    "missing file": ("data:\n  source: no/where.csv\n", "2:11", "no file 'no/where.csv'(\n.*){2}\n  .* no folder 'no'"),
    "a source of no known kind": ("data:\n  source: c.yaml\n", "2:11", "'c.yaml' ends like no file that is read here"),
    "empty file": ("", "", "is empty"),
    "only comments": ("# nothing\n", "", "is empty"),
    "a list": ("- 1\n- 2\n", "1:1", "must be a mapping of keys to values, not a list"),
    "a word": ("hello\n", "1:1", "must be a mapping of keys to values, not text 'hello'"),
    "two documents": (SOUND + "---\n" + SOUND, "2:1", "a second document begins here"),
    "a tab": ("data:\n\tsource: digits\n", "2:1", "a tab stands where spaces should"),
    "open bracket": ("data: {source: digits\nseed: 1\n", r"2:\d+", "not valid YAML"),
    "open quote": ("name: 'x\n" + SOUND, r"\d+:\d+", "not valid YAML: a quote is not closed"),
    "bad indentation": ("data:\n  source: digits\n label: y\n", r"3:\d+", "does not line up"),
    "on and off": (SOUND + "model: {encoder: {gated: on}}\n", "2:26", "'on' is not read as true or false"),
    "base 60": (SOUND + "seed: 12:30\n", "2:7", "'12:30' would be a base-60 number"),
    "octal": (SOUND + "seed: 010\n", "2:7", "'010' begins with a zero"),
    "infinity": (SOUND + "training: {optimizer: {learning_rate: .inf}}\n", "2:39", "'.inf' is not a finite number"),
    "too large a number": (SOUND + "seed: 99999999999999999999\n", "2:7", "is too large a whole number"),
    "latin-1": ("name: caf\xe9\n".encode("latin-1") + SOUND.encode(), "1:10", "is not UTF-8 text"),
    "control character": ("name: x\x07\n" + SOUND, "1:8", "holds the control character"),
    "binary": (b"\x89PNG\r\n\x1a\n", "1:1", "is not UTF-8 text"),
    "negative": (SOUND + "training: {epochs: -1}\n", "2:20", "'epochs' must be at least 0, not -1"),
    "zero batch": (SOUND + "training: {batch_size: 0}\n", "2:24", "'batch_size' must be at least 1, not 0"),
    "zero width": (SOUND + "model: {encoder: {widths: [8, 0]}}\n", "2:31", "'widths.1' must be greater than 0, not 0"),
    "a rate above 1": (
        SOUND + "objective:\n  corruption: {kind: masking, rate: 1.5}\n", "3:37", "'rate' must be at most 1, not 1.5",
    ),
    "a fraction of 1": ("data: {source: digits, split: {validation: 1.0}}\n", "1:44", "must be less than 1, not 1"),
    "a schedule without its start": (
        SOUND + "objective: {rate: {weight: {kind: linear, end: 1}}}\n", r"2:\d+", "'start' is required",
    ),
    "unknown metric group": (
        SOUND + "evaluation: {metrics: [likelyhood]}\n", "2:24", "(\n.*){2}\n  did you mean 'likelihood'?",
    ),
    "early stop on nothing": (
        "data: {source: digits, split: {validation: 0.0}}\ntraining: {stop_early: {metric: validation/loss}}\n",
        r"2:\d+", "there is no validation split to measure validation/loss on",
    ),
    "tied and no mirror": (
        SOUND + "model: {encoder: {tied: true}, decoder: mlp}\n", "2:25", "tied weights need `decoder: mirror`",
    ),
    "a rate where there is none": (
        SOUND + "objective:\n  rate: {weight: 0.5}\n",
        "3:18", "a dense bottleneck has no rate, so that this has no effect",
    ),
    "likelihood without a density": (
        SOUND + "anomaly: {score: likelihood}\n", "2:18", "a likelihood needs a stochastic bottleneck",
    ),
    "bernoulli on standardised data": (
        "data: {source: digits, scale: standard}\nobjective: {reconstruction: bernoulli}\n",
        "2:29", "bernoulli needs features between 0 and 1",
    ),
    "no such class": ("data: {source: digits, classes: [0, 12]}\n", "1:33", "no row of digits has the label '12'"),
    "no classes": ("data: {source: digits, classes: []}\n", "1:33", "data.classes is an empty list"),
    "a label where they are given": ("data: {source: digits, label: y}\n", "1:31", "data.label cannot be read here"),
    "nothing left to train on": (
        "data: {source: digits, split: {validation: 0.6, test: 0.6}}\n", "1:31", "0 would be left to train on",
    ),
    "binarised beyond 1": (
        "data: {source: digits, scale: standard, binarize: static}\n", "1:51", "data.binarize: values must lie in",
    ),
}  # fmt: skip


def test_a_rate_without_effect_is_refused_only_where_it_asks_for_something():
    Path("c.yaml").write_text(SOUND)
    err = refused("check", "c.yaml", "objective.rate.free_bits=0.1", "--config-only")
    assert re.match(r"error: override:1:26: a dense bottleneck has no rate", err), err
    kept = done("check", "c.yaml", "--config-only").out
    assert "weight: 1.0" in kept
    Path("kept.yaml").write_text(kept)
    assert done("check", "kept.yaml", "--config-only").out == kept
    done("check", "c.yaml", "objective.rate.weight=0.5", "model.bottleneck=gaussian", "--config-only")


@pytest.mark.parametrize("case", CONFIGS)
def test_a_broken_config_is_one_clear_message_at_its_place(case):
    text, where, message = CONFIGS[case]
    Path("c.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    err = refused("check", "c.yaml")
    assert re.match(rf"error: c\.yaml:{where}{':' if where else ''} ", err), err
    assert re.search(message, err), err
    assert err.count("error: ") == 1, err
    assert refused("train", "c.yaml") == err
    assert [path.name for path in Path().iterdir()] == ["c.yaml"]


def test_there_are_thirty_broken_configs_and_twenty_broken_data_files():
    assert len(CONFIGS) >= 30
    assert len(DATA) >= 20


OVERRIDES = {
    "no equals sign": ("seed", "1:5", "has no '='"),
    "no value": ("seed=", "1:6", "has no value after '='"),
    "no key": ("=3", "1:1", "the key has an empty word"),
    "unknown key": ("trainng.epochs=3", "1:1", "unknown key 'trainng'\n.*\n.*\n  did you mean 'training'?"),
    "unknown inner key": ("training.epoch=3", "1:10", "unknown key 'epoch'"),
    "unknown key cleared": ("training.epoch=null", "1:10", "unknown key 'epoch'"),
    "wrong type": ("training.epochs=many", "1:17", "'epochs' must be a whole number, not text 'many'"),
    "out of range": ("training.batch_size=0", "1:21", "must be at least 1"),
    "unknown part": ("model.bottleneck=gausian", "1:18", "no bottleneck is called 'gausian'"),
    "unknown kind": ("model.bottleneck.kind=gausian", "1:23", "no bottleneck is called 'gausian'"),
    "no list": ("seed.0=3", "1:6", "'seed' is 1, which has no key '0'"),
    "no index": ("objective.penalties.first.weight=1", "1:11", "'penalties' must be a list, not a mapping"),
    "a hole in a list": ("objective.penalties.3.weight=1", "1:21", "there is no item 3: the list has 0 items"),
    "broken YAML": ("data.classes=[0, 1", r"1:\d+", "not valid YAML"),
    "a tag": ("seed=!!python/name:os.system x", "1:6", "the tag '!!python/name:os.system' is not read here"),
    "a bad name": ("name=../x", "1:6", r"has the component '\.\.'"),
    "a missing source": ("data.source=nowhere.csv", "1:13", "no file 'nowhere.csv'"),
    "required": ("data.source=null", None, "'source' is required"),
}


@pytest.mark.parametrize("case", OVERRIDES)
def test_a_broken_override_is_one_clear_message_at_its_place(case):
    override, where, message = OVERRIDES[case]
    written(SOUND + "seed: 1\n")
    err = refused("check", "c.yaml", override)
    assert re.match(rf"error: override:{where}: " if where else r"error: c\.yaml:1:1: ", err), err
    assert re.search(message, err), err
    assert err.count("error: ") == 1, err
    assert refused("train", "c.yaml", override) == err


ROWS = np.random.default_rng(0).normal(size=(40, 3))


def holed(value: float) -> np.ndarray:
    x = ROWS.copy()
    x[4, 1] = value
    return x


def lines(*changes: tuple[int, str]) -> bytes:
    """A sound CSV with other lines in the place of some (counted from 1)."""
    text = ["a,b,c", *(",".join(map(str, row)) for row in ROWS.tolist())]
    for number, line in changes:
        text[number - 1] = line
    return ("\n".join(text) + "\n").encode()


def npz(**arrays: np.ndarray) -> Callable[[Path], object]:
    return lambda path: np.savez(path, **arrays)  # pyright: ignore[reportArgumentType]


def files(**members: bytes) -> Callable[[Path], object]:
    return lambda path: zip_file(path, members)


# The file -> what it holds, the place (`@`: the config's data.source), and what the message must say.
DATA: dict[str, tuple[bytes | Callable[[Path], object], str, str]] = {
    "ragged.csv": (lines((3, "1,2"), (9, "1,2,3,4")), "ragged.csv:3", "row 2 has 2 cells, the header 3"),
    "text.csv": (lines((5, "1,two,3")), "text.csv:5", "row 4, column 'b': 'two' is not a number"),
    "holes.csv": (b"a,b\n,\n,\nNA,nan\n", "holes.csv", "x holds nothing but holes"),
    "inf.csv": (lines((2, "inf,2,3")), "inf.csv:2", "row 1, column 'a' is inf"),
    "twice.csv": (lines((1, "a,b,a")), "twice.csv:1", "two columns have one name: 'a'"),
    "unnamed.csv": (lines((1, "a,,c")), "unnamed.csv:1", r"column 1 \(from 0\) has no name"),
    "empty.csv": (b"", "empty.csv", "the file is empty"),
    "blank.csv": (b"\n\n\n", "blank.csv", "only blank lines"),
    "header.csv": (b"a,b\n", "header.csv", "x has no rows"),
    "infinite.tsv": (b"a\tb\n1e999\t1\n1e999\t2\n", "infinite.tsv:2", "x: 2 values are not finite"),
    "one.csv": (b"a,b\n1,2\n", "@", "of 1 row, .* 0 would be left to train on"),
    "one.npy": (npy_bytes(ROWS[:1]), "@", "of 1 row, .* 0 would be left to train on"),
    "latin.csv": ("a,é\n1,2\n3,4\n".encode("latin-1"), "latin.csv:1", "is no table of comma-separated text"),
    "binary.csv": (npy_bytes(ROWS), r"binary.csv:\d+", "is no table of comma-separated text"),
    "semicolons.csv": (b"a;b\n1;2\n1;x\n", "semicolons.csv:3", "'x' is not a number"),
    "inf.npy": (npy_bytes(holed(-np.inf)), "inf.npy", "row 5, column 1 is -inf"),
    "huge.npy": (npy_bytes(holed(1e300)), "@|huge.npy", "too large"),
    "empty.npy": (b"", "empty.npy", "the file is empty"),
    "no_rows.npy": (npy_bytes(ROWS[:0]), "no_rows.npy", "x has no rows"),
    "lying.npy": (npy_header((2**40, 2)), "lying.npy", r"the header announces 17,592,186,044,416 bytes .* 0 are"),
    "cut.npy": (npy_bytes(ROWS)[:-7], "cut.npy", "announces 960 bytes of data, but 953 are there"),
    "pickled.npy": (npy_bytes(np.array([[1], [None]], object)), "pickled.npy", r"holds Python objects \(a pickle\)"),
    "code.npy": (npy_header((2, 2), "__import__('os')"), "code.npy", r"is no \.npy array"),
    "text.npy": (b"hello", "text.npy", r"is no \.npy array"),
    "vector.npy": (npy_bytes(ROWS[0]), "vector.npy", r"x has shape \[3\] \(1-D\)"),
    "words.npy": (npy_bytes(np.array([["a", "b"]])), "words.npy", "x holds text"),
    "complex.npy": (npy_bytes(ROWS * 1j), "complex.npy", "holds complex numbers"),
    "which.npz": (npz(a=ROWS, b=ROWS), "which.npz", r"which of the arrays 'a', 'b' is x\?"),
    "labels.npz": (npz(x=ROWS, y=np.arange(3)), "labels.npz", "3 labels for the 40 rows of x"),
    "pickled.npz": (npz(x=np.array([[None]])), "pickled.npz", "'x' holds Python objects"),
    "lying.npz": (files(**{"x.npy": npy_header((2**40,))}), "lying.npz", "'x' announces 8,796,093,022,208 bytes"),
    "text.npz": (b"a,b\n1,2\n", "text.npz", "cannot be unpacked"),
    "shape.npz": (npz(x_train=ROWS, x_test=ROWS[:, :2]), "shape.npz", "the shape of a row differs"),
    "nothing.npz": (files(**{"a.txt": b"x"}), "nothing.npz", "holds no array"),
    "lying-idx3-ubyte": (
        idx_bytes(np.zeros((4, 2, 2), np.uint8), (2**31, 28, 28)), "lying-idx3-ubyte", "announces .* but 16 are",
    ),
    "text-ubyte": (b"hello, world", "text-ubyte", "is no IDX file"),
    "plain-idx3-ubyte.gz": (idx_bytes(np.zeros((4, 2, 2), np.uint8)), "plain-idx3-ubyte.gz", "[Nn]ot a gzipped file"),
    "cut-idx3-ubyte.gz": (
        gzip.compress(idx_bytes(np.random.default_rng(0).integers(0, 256, (50, 8, 8), np.uint8)))[:-400],
        "cut-idx3-ubyte.gz", "cannot be unpacked",
    ),
    "photo.jpg": (b"\xff\xd8\xff", "@", "ends like no file that is read here"),
    "folder": (lambda path: path.mkdir(), "@", "the folder 'folder' holds no train-images-idx3-ubyte"),
}  # fmt: skip


@pytest.mark.parametrize("name", DATA)
def test_a_broken_data_file_is_one_clear_message_at_its_place(name):
    content, where, message = DATA[name]
    if isinstance(content, bytes):
        Path(name).write_bytes(content)
    else:
        content(Path(name))
    written(f"seed: 1\ndata:\n  source: {name}\n")
    err = refused("train", "c.yaml")
    assert re.match(f"error: ({where.replace('@', 'c.yaml:3:11')}): ", err), err
    assert re.search(message, err), err
    checked = aecli("check", "c.yaml")
    assert (checked.code, checked.err) == (2, err)
    assert not Path("outputs").exists()


def test_every_problem_of_a_table_is_named_with_its_line():
    Path("ragged.csv").write_bytes(lines((3, "1,2"), (9, "1,2,3,4"), (11, "1,x,3")))
    err = refused("check", written("data: {source: ragged.csv}\n"))
    assert re.findall(r"error: ragged\.csv:(\d+): row (\d+)", err) == [("3", "2"), ("9", "8"), ("11", "10")]


@pytest.mark.parametrize(
    ("data", "where", "message"),
    [
        ("label: kind", "1:30", "data.label: the file has no column 'kind'"),
        ("id: 7", "1:27", r"data\.id: the file has no column 7"),
        ("key: x", "1:28", "data.key cannot be read here"),
        ("classes: [1]", "1:32", "data.classes is set, but t.csv has no labels"),
    ],
)
def test_what_a_config_asks_of_a_sound_file_is_placed_in_the_config(data, where, message):
    Path("t.csv").write_bytes(lines())
    err = refused("check", written(f"data: {{source: t.csv, {data}}}\n"))
    assert re.match(rf"error: c\.yaml:{where}: {message}", err), err


def test_a_config_that_is_no_file():
    Path("folder").mkdir()
    written(SOUND, "config.yaml")
    assert refused("check", "folder") == "error: folder: is a folder, not a file\n"
    assert "did you mean 'config.yaml'?" in refused("train", "confg.yaml")
    assert refused("train", "nothing") == "error: nothing: there is no such file\n"
