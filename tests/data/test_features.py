"""Features against scikit-learn's scalers, and back again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import preprocessing

from aecli.config.problems import UserError
from aecli.data.features import CHUNK, Features
from aecli.data.raw import Raw, raw_array

RNG = np.random.default_rng(0)
TABLE = np.column_stack([
    RNG.normal(3, 20, 200), RNG.exponential(1e3, 200), RNG.integers(0, 5, 200), np.full(200, 0.1),
    RNG.normal(1e6, 1e-2, 200), np.full(200, -7e8), np.r_[RNG.normal(0, 1, 10), np.zeros(190)],
])  # fmt: skip
SCALERS = {
    "standard": preprocessing.StandardScaler(), "minmax": preprocessing.MinMaxScaler(),
    "robust": preprocessing.RobustScaler(), "log1p": preprocessing.FunctionTransformer(np.log1p, np.expm1),
}  # fmt: skip
tables = hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(-1e6, 1e6))


@pytest.mark.parametrize("scale", SCALERS)
def test_scales_agree_with_scikit_learn(scale):
    x = np.abs(TABLE) if scale == "log1p" else TABLE
    rows = np.arange(150)
    features = Features.fit(Raw(x), rows, scale)
    scaler = SCALERS[scale].fit(x[rows])
    expected = scaler.transform(x)
    z = features.transform(x)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(features.inverse(expected), x, rtol=1e-12, atol=1e-9)
    assert features.constant_columns == (3, 5)


@given(x=tables, scale=st.sampled_from(["none", "standard", "minmax", "robust", "log1p", "auto"]))
def test_inverse_undoes_transform_and_survives_json(x, scale):
    x = np.abs(x) if scale == "log1p" else x
    features = Features.fit(Raw(x), scale=scale)
    try:
        z = features.transform(x)
    except UserError as error:
        assume("too large" not in str(error))  # a column whose quartiles agree but for 1e-40
        raise
    again = Features.from_dict(json.loads(json.dumps(features.to_dict())))
    assert again.to_dict() == features.to_dict()
    assert np.array_equal(again.transform(x), z)
    spread = np.ones(x.shape[1]) if features.spread is None else features.spread
    tolerance = 1e-6 * (np.abs(z) * spread + np.abs(x) + 1e-30) + 2e-38 * spread
    if scale == "log1p":
        tolerance = 1e-5 * (1 + x)
    assert (
        np.abs(again.inverse(z) - x) <= tolerance + 1e-9 * np.abs(features.shift if features.shift is not None else 0)
    ).all()


@pytest.mark.parametrize(
    ("x", "scale"),
    [
        (np.zeros((4, 3, 3), np.uint8), "none"),
        (np.zeros((4, 3, 3, 2)) - 5, "none"),
        (np.zeros((4, 9), np.uint8), "none"),
        (np.eye(4), "none"),
        (np.eye(4, dtype=bool), "none"),
        (np.eye(4) * 1.01, "standard"),
        (np.arange(12).reshape(4, 3), "standard"),
        (-np.eye(4), "standard"),
    ],
)
def test_auto_leaves_images_and_unit_values_alone(x, scale):
    assert Features.fit(raw_array(x)).scale == scale


def test_pixels_are_divided_and_tables_are_not():
    images, table = np.full((3, 2, 2), 51, np.uint8), np.full((3, 2), 51, np.int64)
    assert np.allclose(Features.fit(raw_array(images)).transform(images[..., None]), 0.2)
    assert np.allclose(Features.fit(raw_array(images, divisor=102)).transform(images[..., None]), 0.5)
    assert np.allclose(Features.fit(raw_array(images / 255.0)).transform(images[..., None] / 255.0), 0.2)
    assert np.allclose(Features.fit(raw_array(table), scale="none").transform(table), 51)


def test_fitting_sees_the_training_rows_alone():
    x = np.r_[np.arange(10.0), 1e9].reshape(-1, 1)
    features = Features.fit(Raw(x), np.arange(10), "standard")
    assert features.shift is not None
    assert features.shift[0] == 4.5


def test_chunks_change_nothing():
    x = RNG.normal(size=(3, CHUNK // 2)) * 5
    features = Features.fit(Raw(x), scale="minmax")
    whole = (x - features.shift) / features.spread
    assert np.array_equal(features.transform(x), whole.astype(np.float32))


def test_a_value_that_does_not_fit_is_named():
    x = np.array([[0.0, 1.0], [2.0, -3.0]])
    with pytest.raises(UserError, match=r"log1p takes no value below 0: row 2, column 'b' is -3"):
        Features.fit(Raw(x, columns=("a", "b")), scale="log1p").transform(x)
    with pytest.raises(UserError, match=r"too large for float32 once scaled: row 1, column 1 is 1e\+300"):
        Features.fit(Raw(x), scale="none").transform(np.array([[0.0, 1e300]]))
    with pytest.raises(UserError, match=r"column 0 \(from 0\) is too large to compute its standard scale"):
        Features.fit(Raw(np.array([[1e300], [-1e300]])), scale="standard")


def test_an_unseen_category_is_never_the_cheapest(monkeypatch):
    """Also where many were too rare to be kept: their share is spread over all of them."""
    from aecli.data import fitting
    from aecli.data.raw import Field

    monkeypatch.setattr(fitting, "MOST", 20)
    codes = np.r_[np.arange(60), np.arange(20)].astype(float)[:, None]
    raw = Raw(codes, fields=(Field("c", "categorical", tuple(f"{i:02d}" for i in range(60))),), columns=("c",))
    features = Features.fit(raw)
    layout = features.layout()
    assert layout.categories == (20,)
    known = -(layout.known[0] - np.log(20))  # what a uniform decoder charges
    assert layout.unseen[0] > known - 0.1
    total = 20 * np.exp(layout.known[0]) / 20 + 41 * np.exp(-layout.unseen[0])
    assert total == pytest.approx(1)
    new = features.transform(np.array([[0.0], [1.0]]), None, (Field("c", "categorical", ("00", "zz")),))
    assert new.ravel().tolist() == [1.0, 0.0]


def test_a_column_without_any_training_value_is_kept_out_of_everything():
    from aecli.data.raw import Field

    x = np.array([[1.0, np.nan, np.nan], [2.0, np.nan, np.nan], [4.0, np.nan, np.nan]])
    fields = (Field("a"), Field("b"), Field("c", "categorical", ()))
    features = Features.fit(Raw(x, fields=fields, columns=("a", "b", "c")))
    z = features.transform(x, None, fields)
    assert np.isfinite(z[:, 0]).all()
    assert np.isnan(z[:, 1:]).all()
    assert Features.from_dict(json.loads(json.dumps(features.to_dict()))).to_dict() == features.to_dict()
    assert features.layout().categories == (0, 0, 1)
    later = features.transform(np.array([[1.0, 5.0, 0.0]]), None, (*fields[:2], Field("c", "categorical", ("new",))))
    assert later[0, 2] == 0  # unknown
