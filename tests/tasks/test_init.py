"""What a config is made of when there are only data: roles of columns, sizes, and a text that reads back."""

from __future__ import annotations

import gzip
from csv import writer
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from aecli.config.problems import UserError
from aecli.config.reader import read_text
from aecli.config.validate import validate
from aecli.data.describe import describe
from aecli.experiment import Experiment, load
from aecli.tasks.init import copied, draft, recipes, save
from aecli.tasks.init import look as looking
from aecli.tasks.init.choice import Choice
from aecli.tasks.init.look import look
from aecli.tasks.init.rules import EPOCHS, code_size, epochs_of, run_name, widths_of
from aecli.tasks.init.text import comment, render, scalar

ROWS = 120


def config(source: object, *overrides: str) -> Experiment:
    """The config that is written for a source, read back."""
    return validate(read_text(draft(str(source), list(overrides)).text, "c.yaml"), Experiment)


def csv(columns: dict[str, list[object]], name: str = "t.csv", *, header: bool = True) -> Path:
    """A table of these columns."""
    with Path(name).open("w", newline="") as file:
        write = writer(file)
        write.writerows([columns] if header else [])
        write.writerows(zip(*columns.values(), strict=True))
    return Path(name)


def numbers(count: int, seed: int = 0) -> list[float]:
    """Numbers that look like measurements."""
    return [round(float(v), 3) for v in np.random.default_rng(seed).normal(size=count)]


def cycled(*words: object) -> list[object]:
    """A column of these words, again and again."""
    return [words[i % len(words)] for i in range(ROWS)]


BASE = {"a": numbers(ROWS, 1), "b": numbers(ROWS, 2), "c": numbers(ROWS, 3)}
DISTINCT = [f"row {i}" for i in range(ROWS)]


@pytest.mark.parametrize(
    ("extra", "label", "ids"),
    [
        ({}, None, None),
        ({"species": cycled("x", "y", "z")}, "species", None),
        ({"Class": cycled(0, 1)}, "Class", None),
        ({"y": cycled(0, 1, 2)}, "y", None),
        ({"y": numbers(ROWS, 4)}, None, None),  # something to regress on is no label
        ({"y": cycled(1, 1)}, None, None),  # nor is a constant
        ({"label": list(range(ROWS))}, None, None),
        ({"target": cycled("x", "y"), "label": cycled("u", "v")}, "label", None),
        ({"Diagnosis": cycled("x", "", "y")}, None, None),  # a label has no holes
        ({"id": list(range(ROWS))}, None, "id"),
        ({"ID": DISTINCT}, None, "ID"),
        ({"customer_id": DISTINCT}, None, "customer_id"),
        ({"PassengerId": list(range(1, ROWS + 1))}, None, "PassengerId"),
        ({"id": cycled(1, 2)}, None, None),
        ({"id": numbers(ROWS, 5)}, None, None),
        ({"humid": list(range(ROWS))}, None, None),
        ({"uuid": DISTINCT, "category": cycled("p", "q")}, "category", "uuid"),
    ],
)
def test_label_and_id_by_name_and_values(extra, label, ids):
    data = config(csv({**extra, **BASE})).data
    assert (data.label, data.id) == (label, ids)


def test_the_last_column_of_a_table_without_names_is_its_label():
    rows = {**BASE, "kind": cycled("state", "private"), "income": cycled("<=50K", ">50K")}
    data = config(csv(rows, header=False)).data
    assert (data.label, data.header, data.source) == (4, False, "t.csv")
    found = describe(data)
    assert found.rows == ROWS
    assert set(found.labels["train"]) == {"<=50K", ">50K"}


def test_an_index_without_a_name_is_the_id():
    Path("t.csv").write_text(",a,b\n" + "".join(f"{i},{a},{-a}\n" for i, a in enumerate(numbers(ROWS))))
    assert config("t.csv").data.id == 0
    Path("t.csv").write_text("a,,b\n" + "1,2,3\n" * ROWS)
    with pytest.raises(UserError, match=r"column 1 .* has no name"):
        draft("t.csv")


def test_text_is_carried_and_many_categories_too():
    often = [f"value {i % 30}" for i in range(ROWS)]
    data = config(csv({"note, free": DISTINCT, "city": often, "few": cycled("a", "b"), **BASE})).data
    assert data.columns == {"note, free": "carry", "city": "carry"}
    assert draft("t.csv").text.count("# text that differs from row to row") == 1
    assert config("t.csv", "data.columns.few=drop").data.columns == {**data.columns, "few": "drop"}


def test_what_is_asked_for_is_kept_and_marked():
    table = csv({"species": cycled("x", "y"), "id": DISTINCT, **BASE})
    found = config(table, "data.label=null", "data.id=c", "training.epochs=3", "model.bottleneck.kind=gaussian")
    assert (found.data.label, found.data.id, found.training.epochs) == (None, "c", 3)
    assert found.model.bottleneck.kind == "gaussian"
    text = draft(str(table), ["training.epochs=3"]).text
    assert "  # as the command line says\n  epochs: 3\n" in text
    assert "# as the command line says\nseed: 7\n" in draft(str(table), ["seed=7"]).text


def test_codes_are_probed_only_where_labels_differ():
    table = csv({"class": cycled(0, 1), **BASE})
    assert config(table).evaluation.metrics == ("reconstruction", "representation")
    assert config(table, "data.classes=[0]").evaluation.metrics == ("reconstruction",)
    assert config(csv(BASE)).evaluation.metrics == ("reconstruction",)


def test_which_array_of_several_is_said_on_the_command_line():
    np.savez("two.npz", images=np.arange(50 * 64).reshape(50, 8, 8) % 256, kinds=np.arange(50) % 3)
    with pytest.raises(UserError, match=r"which of the arrays 'images', 'kinds' is x"):
        draft("two.npz")
    data = config("two.npz", "data.key=images", "data.label=kinds").data
    assert (data.key, data.label) == ("images", "kinds")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.label=spices"], "override:1:12: data.label: the file has no column 'spices'"),
        (["data.lable=species"], "did you mean 'label'"),
        (["model.bottleneck.size=x"], "must be a whole number"),
        (["data.source=other.csv"], "no file 'other.csv'"),
    ],
)
def test_mistakes_in_overrides(overrides, message):
    table = csv({"species": cycled("x", "y"), **BASE})
    with pytest.raises(UserError) as caught:
        draft(str(table), overrides)
    assert message in str(caught.value)


@pytest.mark.parametrize("n", [20, 150, 999, 1000, 7000])
@pytest.mark.parametrize("d", [1, 2, 3, 8, 40])
def test_sizes_stay_in_their_bounds(n, d):
    np.save("x.npy", np.random.default_rng(0).normal(size=(n, d)))
    found = look("x.npy", {})
    first, second = widths_of(found)
    assert 1 <= code_size(found) <= max(1, min(16, d - 1))
    assert second * 2 == first <= 256
    assert EPOCHS[0] <= epochs_of(found) <= EPOCHS[1]
    held = found.dataset.validation
    assert held is not None
    assert len(held) == max(1, round(n * (0.2 if n < 1000 else 0.1)))
    rate = config("x.npy").anomaly.false_positive_rate
    assert rate * (len(held) + 1) >= 1 or rate == 0.2


@pytest.mark.parametrize("shape", [(200, 12), (30, 90)])
def test_components_are_those_of_pca(shape):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(shape[0], 4)) @ rng.normal(size=(4, shape[1])) + 0.3 * rng.normal(size=shape)
    np.save("x.npy", x * np.arange(1, shape[1] + 1))
    found = look("x.npy", {})
    train = StandardScaler().fit_transform(x[found.dataset.train.rows])
    assert found.components == PCA(0.95, svd_solver="full").fit(train).n_components_


def test_holes_and_constants_do_not_count_as_components():
    x = np.random.default_rng(0).normal(size=(300, 3))
    x = np.column_stack([x, x, np.full(300, 7.0)])
    x[::5, 1] = np.nan
    np.save("x.npy", x)
    found = look("x.npy", {})
    assert 3 <= found.components <= 5
    text = draft("x.npy").text
    assert "holes: they count nowhere in the loss" in text
    assert "most holes: " in text
    assert "constant in training: 6" in text


def test_images_are_sampled_from_and_dark_ones_are_scaled():
    rng = np.random.default_rng(0)
    np.save("dark.npy", rng.integers(0, 3, (60, 8, 8), dtype=np.uint8))
    np.save("colour.npy", rng.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8))
    assert config("dark.npy").data.scale == "minmax"
    found = config("colour.npy")
    assert (found.data.scale, found.model.bottleneck.kind) == ("auto", "gaussian")


def test_codes_of_coloured_images_are_brought_to_the_prior():
    rng = np.random.default_rng(0)
    np.save("colour.npy", rng.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8))
    found = config("colour.npy")
    encoder, decoder = (part.model_dump() for part in (found.model.encoder, found.model.decoder))
    assert (encoder["norm"], decoder["norm"]) == ("batch", "none")
    assert encoder["widths"] == decoder["widths"][::-1]
    steps = found.training.epochs * -(-found_rows("colour.npy") // found.training.batch_size)
    weight = found.objective.rate.model_dump()["weight"]
    assert (weight["start"], weight["end"], weight["steps"]) == (50.0, 1.0, steps // 2)
    stop, every = found.training.stop_early, found.evaluation.every
    assert not isinstance(stop, str)
    assert 2 * stop.patience * every >= found.training.epochs  # no stop while the rate is dear
    train = look("colour.npy", {}).dataset.train.x.reshape(-1, 192)
    sixteenth = np.linalg.eigvalsh(np.cov(train.T, bias=True))[-16]
    assert found.objective.reconstruction.model_dump()["variance"] == pytest.approx(sixteenth / 10, rel=0.2)


def test_grey_images_are_left_as_they_are():
    np.save("grey.npy", np.random.default_rng(0).integers(0, 256, (60, 16, 16), dtype=np.uint8))
    found = config("grey.npy")
    assert found.objective.reconstruction.kind == "bernoulli"
    assert found.model.encoder.model_dump()["norm"] == "none"
    assert found.objective.rate.model_dump()["weight"] == 1.0


def found_rows(source: str) -> int:
    """Its training rows."""
    return len(look(source, {}).dataset.train)


@pytest.mark.parametrize(
    ("sizes", "modes", "image"),
    [
        ([(8, 8)], ["L"], {}),
        ([(30, 30), (34, 34)], ["L"], {"size": 32}),
        ([(200, 100)], ["RGB"], {"size": (32, 64)}),
        ([(40, 20), (20, 40), (30, 30)], ["L"], {"size": 32, "fit": "crop"}),
        ([(16, 16)], ["L", "RGB"], {"channels": 3}),
        ([(16, 16)], ["L", "LA"], {"channels": 1}),
    ],
)
def test_pictures_get_one_size_and_one_number_of_channels(sizes, modes, image):
    for i in range(24):
        path = Path("pictures") / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise(sizes[i % len(sizes)], 50).convert(modes[i // 2 % len(modes)]).save(path)
    data = config("pictures").data
    assert data.image.model_dump(exclude_defaults=True) == image
    assert describe(data).labels["train"].keys() == {"a", "b"}


def test_broken_pictures_are_named():
    Path("p").mkdir()
    Image.effect_noise((9, 9), 50).save("p/good.png")
    Path("p/bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(UserError, match=r"1 of 2 pictures cannot be read: bad\.png"):
        draft("p")


def test_of_streamed_rows_only_the_first_are_looked_at(monkeypatch):
    monkeypatch.setattr(looking, "SAMPLE", 50)
    table = csv({"id": list(range(ROWS)), **BASE})
    found = look(str(table), {"residency": "streamed"})
    assert (found.rows, found.looked) == (ROWS, 50)
    made = draft(str(table), ["data.residency=streamed"])
    assert "only the first 50 were looked at" in made.text
    assert f"{ROWS} rows of 3" in made.lines[0]


def test_a_packed_table_is_a_table():
    path = csv({"label": cycled("x", "y"), **BASE})
    Path("t.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    found = config("t.csv.gz")
    assert (found.name, found.data.label) == ("t", "label")


@pytest.mark.parametrize(
    ("source", "name"),
    [("data.csv.gz", "data"), ("a/b c.npy", "b-c"), ("pictures/", "pictures"), ("...", "run"), ("ä.csv", "run")],
)
def test_names_of_runs(source, name):
    assert run_name(source) == name


# A byte-order mark within a text is refused by the reader of configs, and so by init, by name.
TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn"), exclude_characters="\ufeff"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | TEXT | st.floats(1e-9, 1e9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(TEXT, VALUES, min_size=1, max_size=3))
def test_what_is_rendered_is_read_back(mapping):
    choices = {key: Choice(None, "why") for key in mapping}
    assert read_text(render(mapping, choices, ["a head"]), "c.yaml").value == mapping


@given(st.text(max_size=300))
def test_a_comment_stays_one(text):
    assert all(line.startswith("  #") for line in comment(text, "  "))
    assert all(line.isprintable() for line in comment(text))


@pytest.mark.parametrize(("value", "text"), [(1e-3, "1e-3"), (2e-3, "2e-3"), (0.0, "0.0"), (0.05, "0.05")])
def test_numbers_are_written_as_people_do(value, text):
    assert scalar(value) == text
    assert yaml.safe_load(f"[{text.replace('e', '.0e')}]") == [value] or float(text) == value


@pytest.mark.parametrize("recipe", [r.name for r in recipes()])
def test_a_recipe_for_other_data_changes_where_it_names_its_own_only(recipe):
    np.save("my own.npy", np.random.default_rng(0).uniform(size=(20, 8, 8)))
    there = next(r for r in recipes() if r.name == recipe)
    own = load(there.path).experiment.model_dump()
    text = copied(recipe, "my own.npy")
    Path("c.yaml").write_text(text)
    found = load("c.yaml").experiment.model_dump()
    assert found["data"].pop("source") == "my own.npy"
    assert found.pop("name") == f"my-own/{recipe.rsplit('/', 1)[-1]}"
    del own["name"], own["data"]["source"]
    own["data"] |= dict.fromkeys(("label", "id", "classes"))
    assert found == own
    before = [line for line in there.path.read_text().splitlines() if line.startswith("#")]
    assert [line for line in text.splitlines() if line in before] == before


def test_a_recipe_takes_the_label_and_leaves_out_what_is_not_there():
    csv({"species": cycled("x", "y"), "row_id": DISTINCT, **BASE}, "iris.csv")
    said: list[str] = []
    text = copied("adult", "iris.csv", said.append)
    data = validate(read_text(text, "c.yaml"), Experiment).data
    assert (data.source, data.label, data.id) == ("iris.csv", "species", "row_id")
    assert "  # by its name, 2 values: not learned" in text
    assert said == []
    text = copied("galaxies", "iris.csv", said.append)
    assert validate(read_text(text, "c.yaml"), Experiment).data.augment is None
    assert said == ["left out the recipe's data.augment={flip: both, rotate: 180}: these data have none such"]
    assert said[0] in text


def test_a_recipe_keeps_what_other_data_have_too():
    csv(BASE)
    np.savez("two.npz", x=np.arange(120 * 64).reshape(120, 8, 8) % 256, y=np.arange(120) % 5)
    csv({"id": DISTINCT, **BASE}, "known.csv")
    assert validate(read_text(copied("digits_anomaly", "two.npz"), "c.yaml"), Experiment).data.classes == (3,)
    assert validate(read_text(copied("digits_anomaly", "t.csv"), "c.yaml"), Experiment).data.classes is None
    assert validate(read_text(copied("streaming", "known.csv"), "c.yaml"), Experiment).data.id == "id"
    assert validate(read_text(copied("streaming", "t.csv"), "c.yaml"), Experiment).data.id is None


def test_a_recipe_for_pictures_sets_their_size():
    for i in range(24):
        path = Path("pictures") / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((30 + i % 2, 34), 50).save(path)
    data = validate(read_text(copied("vae", "pictures"), "c.yaml"), Experiment).data
    assert data.image.size == (32, 28)


@pytest.mark.parametrize(
    ("rows", "said"), [(5, "1 row is held out, and this rate needs 4"), (20, "held-out rows supp")]
)
def test_the_false_positive_rate_is_one_that_the_rows_support_or_says_that_it_is_not(rows, said):
    np.save("x.npy", np.random.default_rng(0).normal(size=(rows, 3)))
    assert said in draft("x.npy").text


def test_recipes_by_their_short_name():
    assert copied("vae") == copied("lecture/vae") == copied("experiments/lecture/vae.yaml")
    with pytest.raises(UserError, match=r"did you mean '(lecture/)?sparse'"):
        copied("sparze")
    with pytest.raises(UserError, match=r"no file 'nowhere\.csv'"):
        copied("vae", "nowhere.csv")
    assert all(len(r.purpose) > 10 for r in recipes())


def test_a_name_that_no_config_can_hold_is_refused():
    Path("t.csv").write_text("a,b,\x07note\n" + "".join(f"{i % 7},{i % 5},text {i}\n" for i in range(ROWS)))
    with pytest.raises(UserError, match="cannot stand in a config: holds the control character"):
        draft("t.csv")


def test_save_replaces_nothing_unasked():
    save(Path("c.yaml"), "name: a\n")
    with pytest.raises(UserError, match=r"'c\.yaml' exists"):
        save(Path("c.yaml"), "name: b\n")
    save(Path("c.yaml"), "name: b\n", force=True)
    assert Path("c.yaml").read_text() == "name: b\n"


def test_data_that_cannot_be_trained_on_get_no_config():
    Path("t.csv").write_text("a,b\n" + "1,2\n3,inf\n" * 20)
    with pytest.raises(UserError, match="not finite"):
        draft("t.csv")
    Path("t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"of 1 row, .* 0 would be left to train on"):
        draft("t.csv")


@pytest.mark.parametrize(("columns", "said"), [
    ({"x": numbers(ROWS), "c": cycled("a", "b")}, ["1 principal component explains", "1 column holds categories"]),
    ({"c": cycled("a", "b"), "d": cycled("u", "v", "w")}, ["2 columns hold categories"]),
])  # fmt: skip
def test_one_is_said_of_one_and_more_of_more(columns, said):
    text = " ".join(line.strip(" #") for line in draft(str(csv(columns))).text.splitlines())
    assert [words for words in said if words not in text] == []
