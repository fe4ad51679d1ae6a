"""What kind of work an instruction is, and which symbol of the equation it belongs to.

A fusion is all of what it is fused of: it counts as the part that most of its numbers are made by, but as a product
if there is one in it, and as a copy only if it does nothing else.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable

from aecli.training.profile.hlo import Instruction, Module

PRODUCTS, CONVOLUTIONS = "matrix products", "convolutions"
OPTIMIZER, ELEMENTWISE, RANDOM = "optimizer update", "loss and elementwise", "random numbers"
BATCH, COPIES = "batch gather", "copies and transposes"
OTHER = "other programs"  # one draws an epoch's order of rows
BETWEEN, HOST, UNKNOWN = "between operations", "Python and dispatch", "unattributed"
PARTS = (PRODUCTS, CONVOLUTIONS, OPTIMIZER, ELEMENTWISE, RANDOM, BATCH, COPIES, OTHER, BETWEEN, HOST, UNKNOWN)

REST = "rest of the step"
SYMBOLS = (
    "batch", "augment", "binarize", "corruption", "encoder", "bottleneck", "decoder", "reconstruction", "rate",
    "optimizer",
)  # fmt: skip

_WEIGHT = {PRODUCTS: 1e12, CONVOLUTIONS: 1e12, COPIES: 1e-12}
_SILENT = ("parameter", "constant", "bitcast", "tuple", "get-tuple-element", "broadcast", "iota", "reshape")
_MOVING = (
    "copy", "transpose", "pad", "concatenate", "slice", "dynamic-slice", "dynamic-update-slice", "reverse",
    "copy-start", "copy-done",
)  # fmt: skip
_CONTAINERS = ("while", "conditional", "call")  # what they hold has events of its own
_RANDOM = re.compile(
    r"threefry|random_|rng_|jit\(_(?:uniform|normal|truncated_normal|bernoulli|randint|shuffle|permutation|gamma)"
)
_GEMM, _CONV = re.compile(r"gemm|matmul|\bdot", re.IGNORECASE), re.compile(r"conv", re.IGNORECASE)
_SYMBOL = re.compile(rf"(?:^|[/(])({'|'.join(SYMBOLS)}|penalties\.\d+\.\w+)(?=[/)])")


def parts_of(module: Module) -> dict[str, str]:
    """The part of each instruction."""
    return {name: _most(module, each, _part) or BETWEEN for name, each in module.instructions.items()}


def symbols_of(module: Module) -> dict[str, str]:
    """The symbol of each instruction, forward and backward alike: that of the outermost scope that is one."""
    return {name: _most(module, each, _symbol) or REST for name, each in module.instructions.items()}


def _most(module: Module, instruction: Instruction, name: Callable[[Instruction], str | None]) -> str | None:
    """The name that weighs most among an instruction's leaves; None where nothing of it is work."""
    votes: defaultdict[str, float] = defaultdict(float)
    for leaf in module.leaves(instruction):
        part = _part(leaf)
        if part is not None and (named := name(leaf)) is not None:
            votes[named] += leaf.elements * _WEIGHT.get(part, 1)
    return max(votes, key=lambda named: votes[named]) if votes else None


def _part(leaf: Instruction) -> str | None:
    if leaf.opcode in _SILENT or leaf.opcode in _CONTAINERS:
        return None
    target = leaf.target if leaf.opcode == "custom-call" else ""
    if leaf.opcode == "convolution" or _CONV.search(target):
        return CONVOLUTIONS
    if leaf.opcode in ("dot", "ragged-dot") or _GEMM.search(target):
        return PRODUCTS
    if leaf.opcode.startswith("rng") or _RANDOM.search(leaf.scopes):
        return RANDOM
    symbol = _symbol(leaf)
    if leaf.opcode not in _MOVING and symbol in ("optimizer", "batch"):
        return OPTIMIZER if symbol == "optimizer" else BATCH
    if leaf.opcode in _MOVING:
        return COPIES
    return ELEMENTWISE


def _symbol(leaf: Instruction) -> str | None:
    found = _SYMBOL.search(leaf.scopes)
    return found[1] if found else REST
