"""Annealed importance sampling of -log p(x): Markov chains from the prior to the posterior, Hamiltonian moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from aecli.evaluation.noise import ANNEALED, row_keys
from aecli.model.sums import per_example

if TYPE_CHECKING:
    from aecli.training.trained import Trained

ROWS = 16  # rows at a time
SEGMENT = 50  # temperatures of one call: a second at most
SHARP = 4.0  # of the schedule, which is slow at both ends
WANTED, FASTER, SLOWER = 0.65, 1.05, 0.95  # share of moves taken, and what becomes of the step above and below it
FIRST = 0.5  # the first step, in the prior's own units


@dataclass(frozen=True)
class Annealing:
    """How many chains a row has, temperatures, leapfrog steps of each move, and of how many rows at most."""

    chains: int
    temperatures: int
    leapfrog: int
    rows: int

    @property
    def said(self) -> str:
        """For a unit: what it was, and what it costs, tuning included."""
        passes = 2 * self.chains * self.temperatures * (self.leapfrog + 1)
        return f"{self.chains} annealed chains of {self.temperatures} temperatures ({passes:,} decoder gradients each)"


@dataclass(frozen=True)
class Chains:
    """Of each row: z of its chains, their log weights, the step, and the sum of the shares of moves taken."""

    z: Float[np.ndarray, "rows chains size"]
    log_weights: Float[np.ndarray, "rows chains"]
    step: Float[np.ndarray, " rows"]
    taken: Float[np.ndarray, " rows"]


def annealed(
    trained: Trained,
    x: Float[np.ndarray, " n *shape"],
    rows: Int[np.ndarray, " n"],
    how: Annealing,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """-log p(x) in nats of each row, and the share of its moves that were taken.

    p_t(z) is p(z) p(x|z)^beta_t, beta from 0 to 1 along a sigmoid; log w sums (beta_t - beta_t-1) log p(x|z_t-1),
    and the estimate of p(x), the mean of w over chains, has no bias (Neal 2001; Wu et al. 2017). It knows nothing of
    the encoder. A first run of all chains finds each row's step at each temperature, a second one with fresh noise and
    these steps is what counts: steps that followed its own moves would bias it.
    """
    steps = _run(trained, x, rows, how, None, say)[1]
    chains, _ = _run(trained, x, rows, how, steps, say)
    highest = chains.log_weights.max(axis=1, keepdims=True)
    means = np.exp(chains.log_weights - highest).mean(axis=1)
    return -(highest[:, 0] + np.log(means)), chains.taken / how.temperatures


def _run(
    trained: Trained, x: Any, rows: Any, how: Annealing, steps: Any, say: Callable[[str], None]
) -> tuple[Chains, Float[np.ndarray, "rows temperatures"]]:
    """Chains at the last temperature, and the step at each: tuned where none are given."""
    count, tuned = len(x), steps is None
    seeds, numbers = np.full(count, trained.experiment.seed, np.uint32), np.asarray(rows, np.int32)
    name = f"evaluation.annealed {how.chains} {how.leapfrog}"
    begun = trained.mapped(f"{name} begin {tuned}", _begin(trained, how, tuned), seeds, numbers, batch=ROWS)
    chains = Chains(
        begun, np.zeros((count, how.chains), np.float64), np.full(count, FIRST, np.float32), np.zeros(count)
    )
    whole = -(-how.temperatures // SEGMENT) * SEGMENT
    given = np.zeros((count, whole), np.float32) if tuned else steps
    found = []
    for start in range(0, how.temperatures, SEGMENT):
        betas = np.tile(_betas(how.temperatures, start), (count, 1))
        first = np.full(count, start, np.int32)
        z, gained, step, taken, used = trained.mapped(
            f"{name} {tuned}", _segment(trained, how, tuned), x, seeds, numbers, first, betas, chains.z, chains.step,
            given[:, start : start + SEGMENT], batch=ROWS,
        )  # fmt: skip
        chains = Chains(z, chains.log_weights + gained, step, chains.taken + taken)
        found.append(used)
        what = "tuned" if tuned else "done"
        say(f"annealing {count} examples: {min(start + SEGMENT, how.temperatures)} of {how.temperatures} {what}")
    return chains, np.concatenate(found, axis=1)


def _betas(temperatures: int, start: int) -> Float[np.ndarray, " segment+1"]:
    """beta_start ... beta_(start + SEGMENT), 1 beyond the last."""
    t = np.minimum(np.arange(start, start + SEGMENT + 1), temperatures)
    sigmoid = 1 / (1 + np.exp(-SHARP * (2 * t / temperatures - 1)))
    low = 1 / (1 + np.exp(SHARP))
    return ((sigmoid - low) / (1 - 2 * low)).astype(np.float32)


def _key(seeds: Any, rows: Any, tuned: bool) -> Any:
    return jax.vmap(lambda key: jax.random.fold_in(key, int(tuned)))(row_keys(seeds, ANNEALED, rows))


def _begin(trained: Trained, how: Annealing, tuned: bool) -> Any:
    """Draws from the prior, [batch, chains, size]."""

    def begin(weights: Any, seeds: Any, rows: Any) -> Any:
        prior = trained.autoencoder.prior(weights)
        return jax.vmap(lambda key: prior.sample(jax.random.fold_in(key, 0), how.chains))(_key(seeds, rows, tuned))

    return begin


def _segment(trained: Trained, how: Annealing, tuned: bool) -> Any:
    """The function of a batch that takes its chains through SEGMENT temperatures."""
    autoencoder = trained.autoencoder

    def segment(
        weights: Any, x: Any, seeds: Any, rows: Any, first: Any, betas: Any, z: Any, step: Any, given: Any
    ) -> tuple[Any, ...]:
        prior, keys = autoencoder.prior(weights), _key(seeds, rows, tuned)
        repeated, batch = jnp.repeat(x, how.chains, axis=0), len(x)

        def log_likelihood(z: Any) -> Float[Array, "batch chains"]:
            output = autoencoder.decode(weights, z.reshape(batch * how.chains, -1))
            return per_example(output.log_prob(repeated)).reshape(batch, how.chains)

        def log_prob(z: Any, beta: Any) -> Float[Array, "batch chains"]:
            return jnp.sum(prior.log_prob(z), axis=-1) + beta * log_likelihood(z)

        def visit(state: tuple[Any, ...], at: tuple[Any, ...]) -> tuple[Any, Any]:
            z, gained, step, taken = state
            i, before, beta, own = at
            gained = gained + (beta - before) * log_likelihood(z)
            step = step if tuned else own
            on = jax.vmap(lambda key: jax.random.fold_in(key, first[0] + i + 1))(keys)
            z, share = _moved(lambda z: log_prob(z, beta), z, step[:, None, None], how.leapfrog, on)
            live = beta > before  # what fills the last segment moves nothing that counts
            used = step
            if tuned:
                step = step * jnp.where(share > WANTED, FASTER, SLOWER)
            return (z, gained, step, taken + jnp.where(live, share, 0)), used

        nothing = jnp.zeros((batch, how.chains))
        each = (jnp.arange(SEGMENT), betas[0, :-1], betas[0, 1:], given.T)
        (z, gained, step, taken), used = jax.lax.scan(visit, (z, nothing, step, nothing[:, 0]), each)
        return z, gained, step, taken, used.T

    return segment


def _moved(log_prob: Any, z: Any, step: Any, leapfrog: int, keys: Any) -> tuple[Any, Float[Array, " batch"]]:
    """One Hamiltonian move of every chain (Neal 2011), and each row's share of chains that took theirs."""
    slope = jax.grad(lambda z: jnp.sum(log_prob(z)))
    noise = jax.vmap(lambda key: jax.random.normal(jax.random.fold_in(key, 0), z.shape[1:]))(keys)
    chance = jax.vmap(lambda key: jax.random.uniform(jax.random.fold_in(key, 1), z.shape[1:2]))(keys)

    def leap(_: Any, state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        there, momentum, pull = state
        momentum = momentum + 0.5 * step * pull
        there = there + step * momentum
        pull = slope(there)
        return there, momentum + 0.5 * step * pull, pull

    there, momentum, _ = jax.lax.fori_loop(0, leapfrog, leap, (z, noise, slope(z)))
    kinetic = 0.5 * jnp.sum(jnp.square(noise) - jnp.square(momentum), axis=-1)
    gain = log_prob(there) - log_prob(z) + kinetic
    taken = jnp.log(chance) < gain  # never of a gain that is NaN
    return jnp.where(taken[..., None], there, z), jnp.mean(taken, axis=1)
