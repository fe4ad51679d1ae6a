from __future__ import annotations

import numpy as np
import pytest

from aecli.evaluation.bound import Bound
from aecli.evaluation.reconstruction import Reconstruction
from aecli.evaluation.terms import Terms, shared_terms, term_values

ROWS = np.random.default_rng(2).random((700, 6)).astype(np.float32)
DENSE = {"encoder": {"widths": [5]}, "bottleneck": {"kind": "dense", "size": 2, "activation": "sigmoid"}}
VAE = {"encoder": {"widths": [5]}, "bottleneck": {"kind": "gaussian", "size": 4}}
PENALTIES = [
    {"kind": "weight_l2", "weight": 0.5},
    {"kind": "code_kl", "weight": 2.0, "target": 0.1},
    {"kind": "contractive", "weight": 0.25},
    {"kind": "code_l1", "weight": {"kind": "linear", "start": 9.0, "end": 3.0}},
]


def test_the_loss_is_the_weighted_sum_of_its_terms_with_schedules_at_their_end(make):
    found = make.metrics(Terms(make.build((6,), DENSE, {"penalties": PENALTIES})), ROWS)
    names = ["penalties.0.weight_l2", "penalties.1.code_kl", "penalties.2.contractive", "penalties.3.code_l1"]
    assert list(found) == ["loss", "reconstruction", *names]
    total = found["reconstruction"].value
    total += sum(w * found[name].value for w, name in zip((0.5, 2.0, 0.25, 3.0), names, strict=True))
    assert found["loss"].value == pytest.approx(total, rel=1e-5)


def test_terms_that_are_one_number_have_no_standard_error(make):
    trained = make.build((6,), DENSE, {"penalties": PENALTIES})
    assert shared_terms(trained) == {"penalties.0.weight_l2": 0.5, "penalties.1.code_kl": 2.0}
    found, values = make.metrics(Terms(trained), ROWS), term_values(trained, ROWS)
    without = [name for name, metric in found.items() if metric.stderr is None]
    assert without == ["penalties.0.weight_l2", "penalties.1.code_kl"]
    own = values["reconstruction"] + 0.25 * values["penalties.2.contractive"]
    own = (own + 3.0 * values["penalties.3.code_l1"]).astype(np.float64)
    assert found["loss"].stderr == pytest.approx(own.std(ddof=1) / np.sqrt(700), rel=1e-4)


def test_penalties_against_numpy(make):
    trained = make.build((6,), DENSE, {"penalties": PENALTIES})
    found = make.metrics(Terms(trained), ROWS)
    kernels = [trained.weights.parameters["encoder"]["layers"][0]["linear"]["kernel"]]
    kernels += [trained.weights.parameters["head"]["kernel"]]
    kernels += [trained.weights.parameters["decoder"]["layers"][0]["linear"]["kernel"]]
    kernels += [trained.weights.parameters["decoder"]["last"]["kernel"]]
    squares = sum(float(np.square(np.asarray(k, np.float64)).sum()) for k in kernels)
    assert found["penalties.0.weight_l2"].value == pytest.approx(squares, rel=1e-5)
    codes, parts = trained.encode(ROWS).astype(np.float64), []
    for batch in (codes[:512], codes[512:]):  # a batch's mean activation, padding left out
        mean = batch.mean(axis=0)
        kl = 0.1 * np.log(0.1 / mean) + 0.9 * np.log(0.9 / (1 - mean))
        parts += [kl.sum()] * len(batch)
    assert found["penalties.1.code_kl"].value == pytest.approx(np.mean(parts), rel=1e-4)
    assert found["penalties.3.code_l1"].value == pytest.approx(np.abs(codes).sum(axis=1).mean(), rel=1e-5)


def test_without_noise_the_reconstruction_term_is_the_squared_error(make):
    trained = make.build((6,), DENSE, {})
    term, metric = (
        make.metrics(Terms(trained), ROWS)["reconstruction"],
        make.metrics(Reconstruction(trained), ROWS)["squared_error"],
    )
    assert term[::2] == pytest.approx(metric[::2], rel=1e-5)


@pytest.mark.parametrize(
    ("objective", "charged"),
    [
        ({}, False),
        ({"rate": {"weight": 4.0}}, False),
        ({"rate": {"free_bits": 0.0}}, False),
        ({"rate": {"free_bits": 0.3}}, True),
        ({"corruption": "masking"}, True),
    ],
)
def test_the_charged_rate_is_a_term_only_where_it_is_another_number(make, objective, charged):
    found = make.metrics(Terms(make.build((6,), VAE, objective)), ROWS)
    assert "rate" not in found
    assert ("rate_charged" in found) == charged


def test_free_bits_against_numpy(make):
    trained = make.build((6,), VAE, {"rate": {"free_bits": 0.05}})
    code = trained.mapped("code", lambda w, x: trained.autoencoder.encode(w, x), ROWS)
    mean, log_variance = (np.asarray(a, np.float64) for a in (code.posterior.mean, code.posterior.log_variance))
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)
    assert kl.min() < 0.05 < kl.max()  # or the free bits would change nothing
    found = make.metrics(Terms(trained), ROWS)["rate_charged"].value
    assert found == pytest.approx(np.maximum(kl, 0.05).sum(axis=1).mean(), rel=1e-5)
    assert make.metrics(Bound(trained), ROWS)["rate"].value == pytest.approx(kl.sum(axis=1).mean(), rel=1e-5)


@pytest.mark.parametrize("count", [1, 100, 512, 513])
def test_the_terms_of_a_row_do_not_depend_on_later_rows(make, count):
    trained = make.build((6,), VAE, {"corruption": "masking"})
    whole, some = term_values(trained, ROWS), term_values(trained, ROWS[:count])
    assert set(whole) == {"loss", "reconstruction", "rate"}
    for name, values in some.items():
        assert np.array_equal(whole[name][:count], values)


def test_terms_are_a_function_of_the_seed(make):
    values = [make.metrics(Terms(make.build((6,), VAE, {})), ROWS)["loss"].value for _ in range(2)]
    assert values[0] == values[1]
    other = make.build((6,), VAE, {}, seed=1)
    other.weights = make.build((6,), VAE, {}).weights
    assert make.metrics(Terms(other), ROWS)["loss"].value != values[0]
