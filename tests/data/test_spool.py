"""Streamed data are the data that memory would hold: splits, features, ids, bytes."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aecli.config.problems import UserError
from aecli.data import binarize, permutation, splits, spool, statistics
from aecli.data.dataset import load, read_rows, row_blocks
from aecli.data.residency import _cgroup, _meminfo, choose
from aecli.data.spec import Data
from aecli.data.tables.scan import scan

RNG = np.random.default_rng(5)
KINDS = np.array(["red", "green", "blue", "rare"])


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AECLI_CACHE", str(tmp_path / "cache"))


def mixed(path="mixed.csv", n=400):
    """Numbers with holes, categories, dates, truth values, an id, a label and a comment a row."""
    kinds = KINDS[RNG.choice(4, n, p=[0.5, 0.3, 0.19, 0.01])]
    with open(path, "w", newline="") as file:  # noqa: PTH123
        out = csv.writer(file)
        out.writerow(["key", "a", "b", "kind", "day", "ok", "label", "note"])
        for i in range(n):
            a = "" if i % 7 == 0 else f"{RNG.normal(50, 9):.4f}"
            day = f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}"
            kind = "" if i % 31 == 0 else kinds[i]
            out.writerow([f"r{i}", a, f"{RNG.normal():.5f}", kind, day, "yes" if i % 3 else "no", i % 2, f"free {i}"])
    return path


def spec(source, **keys):
    return Data.model_validate({"source": source, **keys})


def same_splits(a, b):
    assert a.splits().keys() == b.splits().keys()
    for name, one in a.splits().items():
        other = b.splits()[name]
        np.testing.assert_array_equal(one.x, other.x[:], err_msg=name)
        assert [str(i) for i in one.ids] == [str(i) for i in np.asarray(other.ids)]
        np.testing.assert_array_equal(one.rows, np.asarray(other.rows))
        if one.labels is not None:
            np.testing.assert_array_equal(one.labels, np.asarray(other.labels))
        assert one.carried.keys() == other.carried.keys()
        for key, values in one.carried.items():
            np.testing.assert_array_equal(values, np.asarray(other.carried[key]))


def sources():
    pixels = RNG.integers(0, 256, (300, 5, 4), dtype=np.uint8)
    np.save("pixels.npy", pixels)
    np.save("table.npy", RNG.normal(size=(500, 6)))
    return {
        "mixed": spec(mixed(), id="key", label="label"),
        "one class": spec(mixed("two.csv"), id="key", label="label", classes=[0]),
        "robust": spec("table.npy", scale="robust"),
        "pixels": spec("pixels.npy"),
        "static": spec("pixels.npy", binarize="static"),
        "dynamic": spec("pixels.npy", binarize="dynamic", split={"test": 0.2}),
    }


@pytest.mark.parametrize("name", ["mixed", "one class", "robust", "pixels", "static", "dynamic"])
@pytest.mark.parametrize("block", [97, 2**22])
def test_streamed_is_what_memory_holds(name, block, monkeypatch):
    wanted = sources()[name]
    whole = load(wanted)
    monkeypatch.setattr(spool, "VALUES", block)
    streamed = load(wanted.model_copy(update={"residency": "streamed"}))
    assert streamed.residency.place == "streamed"
    assert streamed.features.to_dict() == whole.features.to_dict()
    assert streamed.sha256 == whole.sha256
    assert streamed.class_names == whole.class_names
    same_splits(whole, streamed)


def test_a_spool_is_used_again_and_made_again_for_other_content(monkeypatch):
    wanted = spec(mixed(), residency="streamed")
    load(wanted)
    (made,) = spool.cache_folder().iterdir()
    stamp = (made / "train.rows").stat().st_mtime_ns
    load(wanted)
    assert (made / "train.rows").stat().st_mtime_ns == stamp
    mixed(n=401)
    load(wanted)
    assert len(list(spool.cache_folder().iterdir())) == 2


def test_a_problem_in_the_last_block_leaves_nothing_behind(monkeypatch):
    x = RNG.normal(size=(2000, 3))
    x[1995, 1] = np.inf
    np.save("bad.npy", x)
    monkeypatch.setattr(spool, "VALUES", 100)
    with pytest.raises(UserError, match="row 1996, column 1 is inf"):
        load(spec("bad.npy", residency="streamed"))
    assert not list(spool.cache_folder().iterdir())


@pytest.mark.parametrize("size", [1, 7, 130, 5000])
def test_rows_of_a_file_come_in_blocks(size):
    data = load(spec(mixed(), id="key", label="label"))
    whole = read_rows(mixed("new.csv"), data.features, data.spec)
    blocks = list(row_blocks("new.csv", data.features, data.spec, size))
    assert [len(b) for b in blocks[:-1]] == [size] * (len(blocks) - 1)
    np.testing.assert_array_equal(np.concatenate([b.x for b in blocks]), whole.x)
    assert np.concatenate([b.ids for b in blocks]).tolist() == whole.ids.tolist()
    np.testing.assert_array_equal(np.concatenate([b.labels for b in blocks]), whole.labels)
    assert np.concatenate([b.carried["note"] for b in blocks]).tolist() == whole.carried["note"].tolist()


def test_rows_that_are_streamed_for_a_run_are_its_rows():
    data = load(spec(mixed(), id="key", label="label"))
    whole = read_rows(mixed("new.csv"), data.features, data.spec)
    streamed = read_rows("new.csv", data.features, data.spec.model_copy(update={"residency": "streamed"}))
    assert not isinstance(streamed.x, np.ndarray)
    np.testing.assert_array_equal(streamed.x[:], whole.x)
    assert [len(b) for b in streamed.blocks(150)] == [150, 150, 100]


def test_many_rows_are_divided_by_a_bijection(monkeypatch):
    monkeypatch.setattr(splits, "MANY", 100)
    wanted = spec("table.npy", split={"validation": 0.2, "test": 0.1})
    sources()
    whole, streamed = load(wanted), load(wanted.model_copy(update={"residency": "streamed"}))
    assert {name: len(split) for name, split in whole.splits().items()} == {"train": 350, "validation": 100, "test": 50}
    same_splits(whole, streamed)
    assert permutation.MANY == 2**24


def test_statistics_do_not_depend_on_how_rows_arrive(monkeypatch):
    monkeypatch.setattr(statistics, "VALUES", 64)
    x = RNG.normal(3, 2, (101, 4))
    x[::9, 1] = np.nan
    parts = {
        size: statistics.measured(
            (x[i : i + size] for i in range(0, 101, size)), (0,) * 4, 3, lambda block: block.astype(float)
        )
        for size in (1, 5, 16, 101)
    }
    first = parts[1]
    for found in parts.values():
        for name in ("known", "mean", "squares", "low", "high"):
            np.testing.assert_array_equal(getattr(found, name), getattr(first, name))
        np.testing.assert_array_equal(found.quantiles([25, 50]), first.quantiles([25, 50]))
    np.testing.assert_allclose(first.mean, np.nanmean(x, axis=0), rtol=1e-13)
    np.testing.assert_allclose(first.deviation, np.nanstd(x, axis=0), rtol=1e-13)
    np.testing.assert_allclose(first.quantiles([50])[0], np.nanpercentile(x[::3], 50, axis=0))


def test_draws_continue_over_blocks():
    x = RNG.random((50, 7)).astype(np.float32)
    drawer = binarize.Drawer("train")
    np.testing.assert_array_equal(np.concatenate([drawer(x[:13]), drawer(x[13:])]), binarize.drawn(x, "train"))


@pytest.mark.parametrize(
    ("asked", "size", "free", "place"),
    [
        ("auto", None, 10**9, "device"), ("auto", 10**6, 10**6, "device"), ("auto", 2 * 10**9, 10**10, "streamed"),
        ("auto", 10**9, 10**11, "device"), ("host", 1, 10**9, "host"), ("streamed", None, None, "streamed"),
        ("device", 10**12, 10**9, "device"),
    ],
)  # fmt: skip
def test_the_place_of_rows_is_chosen_by_what_is_free(asked, size, free, place):
    found = choose(asked, size, free)
    assert found.place == place
    assert found.why


def test_free_memory_is_read_where_the_system_tells_it(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 8 kB\nMemAvailable:   2048 kB\n")
    assert _meminfo(tmp_path / "meminfo") == 2048 * 1024
    assert _meminfo(tmp_path / "none") is None
    for name, text in {"memory.max": "1000\n", "memory.current": "700\n", "memory.stat": "inactive_file 300\n"}.items():
        (tmp_path / name).write_text(text)
    assert _cgroup(tmp_path) == 600
    (tmp_path / "memory.max").write_text("max\n")
    assert _cgroup(tmp_path) is None


def test_a_source_that_is_read_whole_keeps_its_test_set_when_streaming_is_asked():
    x = RNG.normal(size=(140, 3))
    np.savez("given.npz", x_train=x[:100], x_test=x[100:])
    for source in ("given.npz", "digits"):
        whole, asked = (load(spec(source, residency=place)) for place in ("auto", "streamed"))
        assert asked.residency.place == "host"
        assert "read whole" in asked.residency.why
        same_splits(whole, asked)
    assert len(load(spec("given.npz", residency="streamed")).test or ()) == 40


def test_a_block_of_holes_is_no_fault_of_a_file():
    x = RNG.normal(size=(300, 3))
    np.save("train.npy", x)
    x[100:] = np.nan
    np.save("gap.npy", x)
    data = load(spec("train.npy"))
    assert sum(map(len, row_blocks("gap.npy", data.features, data.spec, 50))) == 300
    whole, streamed = (load(spec("gap.npy", residency=place)) for place in ("auto", "streamed"))
    same_splits(whole, streamed)


def test_a_damaged_spool_is_made_again():
    wanted = spec(mixed(), residency="streamed")
    expected = load(wanted).train.x[:]
    (made,) = spool.cache_folder().iterdir()
    (made / "train.rows").write_bytes(b"short")
    np.testing.assert_array_equal(load(wanted).train.x[:], expected)
    (made / "meta.json").unlink()
    np.testing.assert_array_equal(load(wanted).train.x[:], expected)


def test_data_that_change_while_they_are_read_are_refused(monkeypatch):
    np.save("x.npy", RNG.normal(size=(50, 3)))
    own = spool._write_dataset

    def write(*args):
        own(*args)
        np.save("x.npy", RNG.normal(size=(51, 3)))

    monkeypatch.setattr(spool, "_write_dataset", write)
    with pytest.raises(UserError, match="changed while they were read"):
        load(spec("x.npy", residency="streamed"))
    assert not list(spool.cache_folder().iterdir())


def test_one_row_of_a_split_is_one_row():
    data = load(spec(mixed(), id="key", label="label", residency="streamed"))
    assert data.train.ids[3] == np.asarray(data.train.ids)[3]
    np.testing.assert_array_equal(data.train.x[3], data.train.x[3:4][0])


@pytest.mark.parametrize("residency", ["auto", "streamed"])
def test_categories_are_not_binarised_and_holes_stay(residency):
    with pytest.raises(UserError, match="some columns are categories"):
        load(spec(mixed(), binarize="static", residency=residency))
    x = RNG.random((60, 3))
    x[::7, 1] = np.nan
    np.save("grey.npy", x)
    data = load(spec("grey.npy", binarize="static", residency=residency, scale="none"))
    drawn, rows = data.train.x[:], np.asarray(data.train.rows)
    np.testing.assert_array_equal(np.isnan(drawn), np.isnan(x[rows]))
    assert set(np.unique(drawn[~np.isnan(drawn)])) == {0.0, 1.0}


def test_a_wrong_class_is_told_before_anything_is_fitted():
    for residency in ("auto", "streamed"):
        with pytest.raises(UserError, match="no row of"):
            load(spec(mixed(), label="label", classes=["maybe"], scale="robust", residency=residency))


def test_rows_that_were_kept_are_not_those_of_another_reading_of_the_same_file():
    Path("t.csv").write_text("n;c\n" + "".join(f"{i};1.{100 + i}\n" for i in range(40)))
    wanted = spec("t.csv", scale="none")
    plain = scan("t.csv")
    features = tuple((i, replace(field, format=",")) for i, field in plain.plan.features)
    thousands = replace(plain, fields=tuple(f for _, f in features), plan=replace(plain.plan, features=features))
    values = [spool.spooled(found, wanted).train.x[:][:, 1] for found in (plain, thousands)]
    np.testing.assert_allclose(values[1], 1000 * values[0], rtol=1e-6)
