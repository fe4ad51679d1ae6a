"""A normalizing flow fitted to the codes of the training rows: a sampler for any autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.tasks.codes import training_codes
from aecli.tasks.kept import keep, kept
from aecli.training.trees import flatten, unflatten

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

    from aecli.training.executables import Executable
    from aecli.training.trained import Trained

FILE = "flow.npz"
BATCH, CHUNK = 256, 50  # codes of a step, steps between looks at the held-out codes
MOST, PATIENCE = 6000, 8  # steps; looks without a better one
RATE, DECAY = 1e-3, 1e-2  # of AdamW
JITTERS = (0.15, 0.0)  # of the whitened codes in training, against knowing few by heart: the held-out codes choose
FLOOR = 1e-6  # added to the correlations
HELD = 0.1  # share of the codes that tell when to stop
SEED = 0
SCALES = ("mean", "factor")


@dataclass(frozen=True)
class Flow:
    """p(z) of codes z = mean + F w; `parameters` are the RealNVP's of w, by name, and F F' is the codes' covariance."""

    parameters: dict[str, Float32[np.ndarray, "..."]]
    mean: Float[np.ndarray, " size"]
    factor: Float[np.ndarray, "size size"]

    def sample(self, count: int, seed: int) -> Float32[np.ndarray, " count size"]:
        """Independent draws."""
        noise = np.random.default_rng(seed).standard_normal((count, len(self.mean)), np.float32)
        drawn = np.asarray(_functions(len(self.mean)).draw(_nested(self.parameters, len(self.mean)), noise))
        return (self.mean + drawn.astype(np.float64) @ self.factor.T).astype(np.float32)

    def log_prob(self, z: Float[np.ndarray, "n size"]) -> Float[np.ndarray, " n"]:
        """Nats, of codes all of whose units vary."""
        white = np.linalg.solve(self.factor, (z - self.mean).T).T.astype(np.float32)
        found = _functions(len(self.mean)).log_prob(_nested(self.parameters, len(self.mean)), white)
        return np.asarray(found, np.float64) - np.log(np.diag(self.factor)).sum()


def fit(codes: Float[np.ndarray, " rows size"], say: Callable[[str], None] = lambda text: None) -> Flow:
    """Maximum likelihood by AdamW, stopped by a tenth of the codes that is held out; deterministic.

    It begins as the Gaussian of the codes' mean and covariance. What does not vary stays as it is. UserError for codes
    of one unit.
    """
    rows, size = codes.shape
    if size < 2:
        text = "a flow moves units by one another, and this code has one"
        raise UserError(Problem(text, hint="use --sampler mixture"))
    if rows < 2:
        raise UserError(Problem("a flow needs two training codes at least", hint="use --sampler mixture"))
    if not np.isfinite(codes).all():
        raise UserError(Problem("some training codes are not finite: no flow can be fitted to them"))
    mean, spread = codes.mean(axis=0, dtype=np.float64), codes.std(axis=0, dtype=np.float64)
    constant = codes.max(axis=0) == codes.min(axis=0)
    standard = (codes - mean) / np.where(constant, 1, spread)
    correlation = standard.T @ standard / rows + np.diag(constant + FLOOR)
    factor = np.linalg.cholesky(correlation)
    white = np.linalg.solve(factor, standard.T).T.astype(np.float32)
    shuffled = np.random.default_rng(SEED).permutation(white, axis=0)
    held = max(1, int(HELD * rows))
    tried = [_trained(_functions(size), shuffled[held:], shuffled[:held], jitter, say) for jitter in JITTERS]
    best = min(tried, key=lambda found: found[1])[0]
    return Flow(
        {name: np.asarray(array) for name, array in flatten(best).items()},
        mean,
        np.where(constant, 0, spread)[:, None] * factor,
    )


def flow_of(trained: Trained, say: Callable[[str], None] = lambda text: None) -> Flow:
    """The flow of a run's training codes: kept in its directory, fitted again for another checkpoint."""
    path, key = trained.run.path / FILE, {"version": 1, "model": trained.fingerprint}
    size = trained.model.bottleneck.size
    if found := kept(path, key, lambda arrays: _fits(arrays, size)):
        own = {name: array for name, array in found.items() if name not in SCALES}
        return Flow(own, found["mean"], found["factor"])
    flow = fit(training_codes(trained), say)
    keep(path, key, {**flow.parameters, "mean": flow.mean, "factor": flow.factor})
    return flow


@dataclass(frozen=True)
class _Functions:
    """What is compiled for codes of one size."""

    init: Executable
    log_prob: Executable
    draw: Executable
    chunk: Executable


@cache
def _functions(size: int) -> _Functions:
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

    from aecli.model.coupling import RealNVP
    from aecli.training.executables import Executable

    graph = nnx.split(nnx.eval_shape(lambda: RealNVP(size, jax.random.key(0))), nnx.Param)[0]
    rule = optax.adamw(optax.cosine_decay_schedule(RATE, MOST), weight_decay=DECAY)

    def log_prob(parameters: Any, z: Any) -> Any:
        return nnx.merge(graph, parameters).log_prob(z)

    def init(seed: Any) -> Any:
        parameters = nnx.to_pure_dict(nnx.split(RealNVP(size, jax.random.key(seed)), nnx.Param)[1])
        return parameters, rule.init(parameters)

    def chunk(parameters: Any, state: Any, codes: Any, held: Any, first: Any, jitter: Any) -> Any:
        """CHUNK steps, and -log p of the held-out codes after them."""

        def step(carried: Any, number: Any) -> Any:
            parameters, state = carried
            key = jax.random.fold_in(jax.random.key(SEED), number)
            rows = jax.random.randint(jax.random.fold_in(key, 0), (BATCH,), 0, len(codes))
            noise = jitter * jax.random.normal(jax.random.fold_in(key, 1), (BATCH, size))
            slope = jax.grad(lambda p: -log_prob(p, codes[rows] + noise).mean())(parameters)
            updates, state = rule.update(slope, state, parameters)
            return (optax.apply_updates(parameters, updates), state), None

        (parameters, state), _ = jax.lax.scan(step, (parameters, state), first + jnp.arange(CHUNK))
        return parameters, state, -log_prob(parameters, held).mean()

    made = {"init": init, "log_prob": log_prob, "chunk": chunk}
    made["draw"] = lambda parameters, noise: nnx.merge(graph, parameters).of(noise)
    return _Functions(**{name: Executable(f"flow_{name}", call, f"flow {size}") for name, call in made.items()})


def _trained(
    functions: _Functions, codes: np.ndarray, held: np.ndarray, jitter: float, say: Callable[[str], None]
) -> tuple[Any, float]:
    """The parameters that were best on the held-out codes, and -log p of these."""
    parameters, state = functions.init(np.uint32(SEED))
    best, lowest, since = parameters, np.inf, 0
    for first in range(0, MOST, CHUNK):
        parameters, state, nll = functions.chunk(parameters, state, codes, held, np.int32(first), np.float32(jitter))
        say(f"fitting the flow: step {first + CHUNK} of at most {MOST}, {float(nll):.4g} nats a held-out code")
        if not np.isfinite(nll):
            break
        since = 0 if float(nll) < lowest else since + 1
        if not since:
            best, lowest = parameters, float(nll)
        if since >= PATIENCE:
            break
    return best, lowest


def _like(size: int) -> Any:
    """The parameters' shapes and types, nested as they are."""
    return _functions(size).init.shapes(np.uint32(SEED))[0]


def _nested(parameters: Mapping[str, np.ndarray], size: int) -> Any:
    return unflatten(dict(parameters), _like(size))


def _fits(found: Mapping[str, np.ndarray], size: int) -> bool:
    """Whether kept arrays are a flow of codes of this size."""
    own = {name: array for name, array in found.items() if name not in SCALES}
    scales = {name: (a.shape, a.dtype) for name, a in found.items() if name in SCALES}
    if scales != {"mean": ((size,), np.float64), "factor": ((size, size), np.float64)}:
        return False
    if not all(np.isfinite(array).all() for array in found.values()):
        return False
    try:
        _nested(own, size)
    except UserError:
        return False
    return True
