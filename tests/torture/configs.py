"""Mutated configs: trees of sound ones with odd values in them, and their text with odd characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.torture.mutations import SHARES, Edit, edited, edits, grafted, grafts, pick

DENSE = """
name: t/dense
seed: 3
data:
  source: digits
  split: {validation: 0.1, test: 0.1, seed: 1}
  scale: standard
  augment: {shift: 1, flip: horizontal, rotate: 5.0, crop: 0.1}
model:
  encoder: {kind: mlp, widths: [8, 4], activation: tanh, norm: layer, dropout: 0.1, gated: false, tied: false}
  bottleneck: {kind: dense, size: 2, activation: sigmoid}
  decoder: mirror
objective:
  corruption: {kind: masking, rate: 0.2, emphasis: 0.5}
  reconstruction: squared_error
  penalties:
    - {kind: contractive, weight: 0.1, method: probes}
    - {kind: weight_l2, weight: 1e-4, on: kernel}
    - {kind: code_kl, weight: 0.1, target: 0.1}
training: {epochs: 1, batch_size: 512, checkpoint: {every: 1, keep: 1}, average: {kind: ema, decay: 0.9}}
"""
GAUSSIAN = """
data: {source: digits, classes: [0, 1], binarize: dynamic}
model: {encoder: {widths: [8]}, bottleneck: {kind: gaussian, size: 2, prior: standard}, decoder: mlp}
objective:
  reconstruction: bernoulli
  rate: {weight: {kind: linear, start: 0.0, end: 1.0, steps: 20}, free_bits: 0.1}
training:
  epochs: 1
  batch_size: 128
  optimizer: {kind: adamw, learning_rate: {kind: cosine, start: 1e-3, end: 1e-5, steps: 10}}
  stop_early: {metric: validation/loss, patience: 2}
  precision: bfloat16
evaluation: {every: 1, metrics: [reconstruction, likelihood, representation]}
anomaly: {score: likelihood, false_positive_rate: 0.05}
"""
CONV = """
data: {source: digits, residency: host}
model:
  encoder: {kind: conv, channels: [2, 4], kernel: 3, stride: 2, padding: same, norm: batch, upsample: transposed}
  bottleneck: {kind: dense, size: 3}
objective: {corruption: {kind: gaussian, scale: 0.1}, penalties: [{kind: code_l1, weight: 0.1}]}
training: {epochs: 1, batch_size: 512, optimizer: {kind: sgd, learning_rate: 0.1}, device: cpu}
"""
RESNET = """
data: {source: digits}
model:
  encoder: {kind: resnet, channels: [2, 2], blocks: 1, kernel: 3, stride: 2}
  bottleneck: {kind: gaussian, size: 2}
objective: {corruption: {kind: salt_and_pepper, rate: 0.1}, reconstruction: {kind: gaussian, variance: learned}}
training: {epochs: 1, batch_size: 1000}
"""
ROLL = """
data: {source: swiss-roll, rows: 300, split: {validation: 0.2, test: 0.2}, residency: device, columns: {x: numeric}}
model: {encoder: {widths: []}, bottleneck: {size: 2}}
training: {epochs: 2, batch_size: 64}
"""
TABLE = """
data:
  source: people.csv
  label: kind
  id: who
  header: true
  columns: {age: categorical, weight: numeric}
  scale: robust
  split: {validation: 0.2, test: given}
model: {encoder: {widths: [4]}, bottleneck: {kind: dense, size: 1, activation: sigmoid}}
training: {epochs: 2, batch_size: 16, optimizer: rmsprop}
evaluation: {metrics: [reconstruction, representation]}
"""
STACKED = """
data: {source: digits}
model: {encoder: {widths: [8], activation: sigmoid, tied: true}, bottleneck: {kind: batch_top_k, size: 6, k: 2}}
training:
  epochs: 1
  batch_size: 512
  pretrain: {kind: greedy, epochs: 1, corruption: {kind: masking, rate: 0.2}}
  supervised: {epochs: 1}
evaluation: {metrics: [classification, jacobian, sparsity]}
"""
SPARSE = """
data: {source: digits}
model:
  encoder: {widths: []}
  bottleneck: {kind: jump_relu, size: 8, threshold: 0.1, bandwidth: 0.1}
  decoder: {kind: unit_norm}
objective:
  penalties:
    - {kind: code_l0, weight: 1e-3}
    - {kind: revival, weight: 0.1, units: 4}
    - {kind: contractive_hessian, weight: 0.1, sigma: 0.1, samples: 1, method: probes}
training: {epochs: 1, batch_size: 512}
"""
SEEDS = (DENSE, GAUSSIAN, CONV, RESNET, ROLL, TABLE, STACKED, SPARSE)
WORDS = (
    "digits", "swiss-roll", "two-spirals", "people.csv", "mnist", "nothing.csv", ".", "config.yaml", "mlp", "conv",
    "resnet", "mirror", "dense", "gaussian", "bernoulli", "squared_error", "standard", "log1p", "minmax", "static",
    "linear", "cosine", "constant", "adam", "lion", "kind", "who", "age", "carry", "drop", "date", "streamed", "gpu",
    "train/loss", "reconstruction", "latent_distance", "relu", "batch",
)  # fmt: skip
PARTS: tuple[Any, ...] = (
    *({"kind": kind} for kind in WORDS[8:18]), {"kind": "cosine", "start": 1.0, "end": -1.0, "steps": 0},
    {"kind": "linear", "start": 1e30, "end": 1e30}, {"kind": "conv", "channels": [1] * 20},
    {"kind": "mlp", "widths": [3] * 500}, {"kind": "mlp", "widths": [10**6, 10**6]}, [10**9], [1] * 3000,
)  # fmt: skip
LINES = (
    b"\t", b"\xef\xbb\xbf", b"\xff\xfe", b"\x07", b"&a ", b"*a", b"<<: *a\n", b"--- ", b"\n...\n", b"!!int ", b"{",
    b"]", b"'", b'"', b": ", b"- ", b"#", b"|\n", b">\n", b"%YAML 9.9\n", b"? ", b"a: &a [*a, *a]\n", b"x" * 3000,
    b"\r", b"\xe2\x80\xa8", b"\xc2\x85", b"\\U0011ffff", b"`", b"@", b"\n" * 500, b"[" * 100, b" " * 2000,
)  # fmt: skip


@dataclass(frozen=True)
class Lines:
    """One change of a text by its lines."""

    action: str
    where: float
    value: bytes

    def applied(self, data: bytes) -> bytes:
        """The changed text."""
        lines = data.split(b"\n")
        at = min(int(self.where * len(lines)), len(lines) - 1)
        middle = len(lines[at]) // 2
        new = {
            "remove": [],
            "double": [lines[at]] * 2,
            "indent": [b"  " + lines[at]],
            "dedent": [lines[at].lstrip()],
            "before": [self.value + lines[at]],
            "within": [lines[at][:middle] + self.value + lines[at][middle:]],
            "later": [*lines[at + 1 : at + 2], lines[at]],
        }[self.action]
        return b"\n".join(lines[:at] + new + lines[at + 1 :])


def lines() -> st.SearchStrategy[Lines]:
    """A change of a text."""
    actions = ["remove", "double", "indent", "dedent", "before", "within", "later"]
    return st.builds(Lines, pick(actions), SHARES, pick(LINES))


def dumped(tree: Any, flow: bool | None = None) -> bytes:
    """A tree as YAML, whatever its texts hold."""
    text = yaml.safe_dump(tree, allow_unicode=True, sort_keys=False, default_flow_style=flow)
    return text.encode("utf-8", "surrogatepass")


@st.composite
def configs(draw: st.DrawFn) -> bytes:
    """The bytes of a config that is a little wrong, or only odd."""
    text = draw(pick(SEEDS))
    kind = draw(pick(["tree"] * 6 + ["text", "text", "both"]))
    data = text.encode()
    if kind != "text":
        other = yaml.safe_load(draw(pick(SEEDS)))
        values = pick([*WORDS, *PARTS, *other.values()])
        changes = draw(st.lists(grafts(values), min_size=1, max_size=draw(pick([1, 1, 1, 2, 3]))))
        data = dumped(grafted(yaml.safe_load(text), tuple(changes)), draw(pick([None, False, True])))
    if kind != "tree":
        damage: list[Edit | Lines] = draw(
            st.lists(pick([lines(), edits()]).flatmap(lambda chosen: chosen), min_size=1, max_size=3)
        )
        for change in damage:
            data = edited(data, (change,)) if isinstance(change, Edit) else change.applied(data)
    return data
