"""The autoencoder: the equation's parts composed into pure functions."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Key

from aecli.layout import HIDDEN, UNKNOWN, Layout, layout_of
from aecli.model.bottlenecks.bottleneck import Given
from aecli.model.bottlenecks.code import Code
from aecli.model.forward import Drawn, Pass, Weights
from aecli.model.mixed import Columns
from aecli.model.networks.keys import Keys
from aecli.model.networks.layers import Linear, Mode
from aecli.model.networks.network import Precision
from aecli.model.spec import Model, Objective

ROOTS = ("encoder", "head", "bottleneck", "decoder", "reconstruction", "classifier")  # of the parameters' names
CORRUPTION, ENCODER, BOTTLENECK, DECODER, PENALTY, HIDING = range(6)  # the streams of one step's key


class Modules(nnx.Module):
    """Everything that is learned: encoder, head (to the bottleneck's outputs), decoder, and what bottleneck and
    reconstruction have of their own. Of rows with classes also the classifier, logits = W z + c.
    """

    def __init__(self, model: Model, objective: Objective, layout: Layout, precision: Precision, rngs: Keys):
        size = model.bottleneck.size
        self.encoder = model.encoder.encoder(layout.input_shape, precision, rngs)
        width, turned = self.encoder.width, self.encoder.turned
        self.head = Linear(width, model.bottleneck.outputs, "linear", precision, rngs, turned=turned)
        self.bottleneck = nnx.Dict(model.bottleneck.own(layout.input_shape, rngs))
        self.decoder = model.decoding.decoder(size, layout.output_shape, precision, rngs)
        own = objective.reconstruction.initial(layout.numbers_shape)
        self.reconstruction = nnx.Dict({name: nnx.Param(value) for name, value in own.items()})
        if layout.classes:
            self.classifier = Linear(size, layout.classes, "linear", precision, rngs)


class Autoencoder:
    """A model and an objective for examples of one layout. It holds no array: `Weights` come as arguments."""

    def __init__(
        self, model: Model, objective: Objective, rows: Layout | tuple[int, ...], precision: Precision = "float32"
    ):
        self.model, self.objective, self.layout = model, objective, layout_of(rows)
        self.shape = self.layout.shape
        self.precision: Precision = precision
        self.omegas = [penalty.build(model) for penalty in objective.penalties]
        self.corrupt = objective.corruption.build()

    @cached_property
    def graph(self) -> Any:
        """How the modules hang together, without their arrays."""
        return nnx.split(nnx.eval_shape(lambda: self._modules(jax.random.key(0))), nnx.Param, ...)[0]

    def _modules(self, key: Key[Array, ""]) -> Modules:
        return Modules(self.model, self.objective, self.layout, self.precision, Keys(key))

    def init(self, key: Key[Array, ""]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Parameters and other variables at random."""
        _, parameters, variables = nnx.split(self._modules(key), nnx.Param, ...)
        return nnx.to_pure_dict(parameters), nnx.to_pure_dict(variables)

    def kept(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Parameters after an update, put back where the decoder says that its own must lie."""
        own = parameters.get("decoder", {})
        kept = self.model.decoding.kept(own)
        return parameters if kept is own else parameters | {"decoder": kept}

    def encode(self, weights: Weights, x: Float[Array, " batch *features"], key: Key[Array, ""] | None = None) -> Code:
        """The code of x in evaluation mode; drawn where a key is given, else at its mean."""
        modules = self.merged(weights)
        return self._code(modules, weights, self.layout.inputs(x, jnp), key, self._mode(weights, "encoder"))

    def mean_code(self, weights: Weights, inputs: Float[Array, " batch *inputs"]) -> Float[Array, "batch size"]:
        """The mean code of what the encoder sees (`layout.inputs` of rows): what a penalty differentiates."""
        return self._code(self.merged(weights), weights, inputs, None, self._mode(weights, "encoder")).mean

    def decode(self, weights: Weights, z: Float[Array, "batch size"]) -> Any:
        """p(x | z) in evaluation mode: a distribution with `mean`, `sample` and `log_prob`."""
        return self.output(weights, self._decoded(self.merged(weights), z, self._mode(weights, "decoder")))

    def reconstruct(self, weights: Weights, x: Float[Array, " batch *features"]) -> Float[Array, " batch *features"]:
        """x_hat = g(mean of b(f(x)))."""
        return self.decode(weights, self.encode(weights, x).mean).mean

    def logits(
        self, weights: Weights, x: Float[Array, " batch *features"], mode: Mode | None = None
    ) -> tuple[Float[Array, "batch classes"], dict[str, Any]]:
        """W z + c of the mean code of clean rows, and the variables after it; in evaluation mode but for another."""
        modules = self.merged(weights)
        mode = self._mode(weights, "encoder") if mode is None else mode
        code = self._code(modules, weights, self.layout.inputs(x, jnp), None, mode)
        with jax.named_scope("classifier"):
            found = modules.classifier(code.mean)
        _, _, after = nnx.split(modules, nnx.Param, ...)
        return found, nnx.to_pure_dict(after)

    def training_mode(self, weights: Weights, key: Key[Array, ""], mask: Bool[Array, " batch"]) -> Mode:
        """That of the encoder in a step of training."""
        return self._mode(weights, "encoder", True, key, mask)

    def forward(
        self,
        weights: Weights,
        x: Float[Array, " batch *features"],
        key: Key[Array, ""],
        *,
        train: bool,
        mask: Bool[Array, " batch"],
    ) -> tuple[Pass, dict[str, Any]]:
        """The pass through corruption, encoder, bottleneck and decoder, and the variables after it."""
        keys = [jax.random.fold_in(key, stream) for stream in range(6)]
        with jax.named_scope("corruption"):
            corrupted, touched = self._corrupted(weights, x, keys, train)
        modules = self.merged(weights)
        encoding = self._mode(weights, "encoder", train, keys[ENCODER], mask)
        h = self._encoded(modules, self.layout.inputs(corrupted, jnp), encoding)
        draws = self.objective.samples
        every = self.bottleneck(modules, weights, repeated(h, draws), keys[BOTTLENECK], encoding)
        weight = weights.numbers.get("objective", {}).get("rate", {}).get("weight", 1.0)
        seen, apart = self.objective.estimator.entering(every, draws, weight)
        decoding = self._mode(weights, "decoder", train, keys[DECODER], repeated(mask, draws))
        raw = self._decoded(modules, seen.value, decoding)
        drawn = Drawn(seen, self.output(weights, raw), self._prior(modules, weights), apart)
        code, output = every, drawn.outputs
        if draws > 1:
            code, output = jax.tree.map(lambda a: a[: len(x)], every), self.output(weights, raw[: len(x)])
        _, _, after = nnx.split(modules, nnx.Param, ...)
        variables = nnx.to_pure_dict(after)
        still = weights._replace(variables=variables)
        held = still._replace(parameters=jax.lax.stop_gradient(weights.parameters))
        passed = Pass(
            x, self.layout.inputs(x, jnp), corrupted, touched, h, code, output, drawn, keys[PENALTY], mask,
            encode=lambda a: self.mean_code(still, a), decode=lambda z: self.decode(still, z),
            held=lambda z: self.decode(held, z), loss=self.loss,
        )  # fmt: skip
        return passed, variables

    def loss(self, x: Float[Array, " batch *features"], output: Any) -> Float[Array, " batch *features"]:
        """The reconstruction's loss of each feature; of a category column -log p in nats, of a hole 0."""
        likelihood = self.objective.reconstruction
        if not self.layout.table:
            return likelihood.loss(x, output)
        return output.charged(x, lambda u: likelihood.loss(u, output.numbers), -1.0)

    def _corrupted(
        self, weights: Weights, x: Float[Array, " batch *features"], keys: list[Any], train: bool
    ) -> tuple[Float[Array, " batch *features"], Bool[Array, " batch *features"]]:
        """C's draw. A category that it replaces becomes unknown; one it adds to stays. A hole stays a hole.

        In training a small share of categories is hidden besides: else the inputs of unknown ones were never trained.
        """
        numbers = weights.numbers.get("objective", {}).get("corruption", {})
        corrupted, touched = self.corrupt(x, keys[CORRUPTION], numbers)
        if not self.layout.table:
            return corrupted, touched
        corrupted = jnp.where(jnp.isnan(x), x, corrupted)
        if not self.layout.mixed:
            return corrupted, touched
        category = jnp.asarray(np.array(self.layout.categories) > 0)
        lost = touched if self.objective.corruption.replaces else jnp.zeros_like(touched)
        if train:
            lost = lost | (jax.random.uniform(keys[HIDING], x.shape) < HIDDEN)
        categories = jnp.where(lost & ~jnp.isnan(x), UNKNOWN, x)
        hidden = category & lost & ~jnp.isnan(x)
        return jnp.where(category, categories, corrupted), (touched & ~category) | hidden

    def merged(self, weights: Weights) -> Modules:
        """The modules with these arrays in them."""
        return nnx.merge(self.graph, weights.parameters, weights.variables, copy=True)

    def _mode(self, weights: Weights, side: str, train: bool = False, key: Any = None, mask: Any = None) -> Mode:
        numbers = weights.numbers.get("model", {})
        mirrored = side == "decoder" and self.model.decoder.kind == "mirror"
        return Mode(train, key, numbers.get("encoder" if mirrored else side, {}), mask)

    def _encoded(self, modules: Modules, x: Any, mode: Mode) -> Float[Array, "batch outputs"]:
        """What the encoder gives."""
        with jax.named_scope("encoder"):
            return modules.head(modules.encoder(x, mode))

    def _code(self, modules: Modules, weights: Weights, x: Any, key: Any, mode: Mode) -> Code:
        """The code of what the encoder sees."""
        return self.bottleneck(modules, weights, self._encoded(modules, x, mode), key, mode)

    def prior(self, weights: Weights) -> Any:
        """p(z) of a stochastic bottleneck, a `Density`."""
        return self._prior(self.merged(weights), weights)

    def _prior(self, modules: Modules, weights: Weights) -> Any:
        """p(z), or None; pseudo-inputs of one are encoded in evaluation mode."""
        bottleneck: Any = self.model.bottleneck
        if not bottleneck.stochastic:
            return None
        own = dict(modules.bottleneck.items()).get("prior", {})
        resting = self._mode(weights, "encoder")
        with jax.named_scope("prior"):
            return bottleneck.prior.density(
                bottleneck.size, own, lambda u: bottleneck.posterior(self._encoded(modules, u, resting))
            )

    def bottleneck(
        self, modules: Modules, weights: Weights, h: Float[Array, "batch outputs"], key: Any, mode: Mode
    ) -> Code:
        """b applied to what the head gives."""
        numbers = weights.numbers.get("model", {}).get("bottleneck", {})
        with jax.named_scope("bottleneck"):
            return self.model.bottleneck.code(h, Given(numbers, dict(modules.bottleneck.items()), mode, key))

    def _decoded(self, modules: Modules, z: Any, mode: Mode) -> Float[Array, " batch *outputs"]:
        """What the decoder's last layer gives."""
        with jax.named_scope("decoder"):
            return modules.decoder(z, mode, self.tied_kernels(modules))

    def tied_kernels(self, modules: Modules) -> list[Float[Array, "inputs outputs"]] | None:
        """The kernels of a tied decoder, first layer first; None where it has its own."""
        if not self.model.tied:
            return None
        code_kernel = modules.head.kernel[...][:, : self.model.bottleneck.size]
        return [k.T for k in (*modules.encoder.kernels(), code_kernel)][::-1]

    def output(self, weights: Weights, raw: Float[Array, " batch *outputs"]) -> Any:
        """p(x | z) by what the decoder's last layer gives."""
        numbers = weights.numbers.get("objective", {}).get("reconstruction", {})
        own = weights.parameters.get("reconstruction", {})
        layout, likelihood = self.layout, self.objective.reconstruction
        if not layout.table:
            return likelihood.distribution(raw, own, numbers)
        logits = tuple(raw[:, part] for part in layout.logit_slices())
        known = raw[:, : len(layout.numeric)]
        return Columns(likelihood.distribution(known, own, numbers), logits, layout)


def repeated(rows: Float[Array, " batch *rest"], draws: int) -> Float[Array, " rows *rest"]:
    """All rows once for each draw, draw after draw."""
    return rows if draws == 1 else jnp.tile(rows, (draws, *[1] * (rows.ndim - 1)))
