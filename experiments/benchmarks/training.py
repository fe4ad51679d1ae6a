"""Rows that compare trainings: speeds in turn, and what part of a step its bare products are."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from contender import in_turn
from results import BARE, Series, cells, of, ratios, share_of_peak, spread, table
from shapes import operations
from workloads import named

TORCH = ("torch-eager", "torch-compile")
LAST = ("torch-channels_last", "torch-channels_last+compile")
LIBRARIES = {"products": "XLA's", "torch_products": "PyTorch's"}
CONTENDERS = {
    "mlp_vae": ("aecli", *TORCH, "pythae", "keras", *BARE),
    "mlp_vae_bf16": ("aecli", "torch-bf16", "torch-compile+bf16", *TORCH, *BARE),
    "conv_ae": ("aecli", *TORCH, *LAST, *BARE),
    "conv_vae": ("aecli", *TORCH, *LAST, *BARE),
}
OURS = ("aecli", "aecli-tensorfloat32")
GPU = (*OURS, "torch-eager", "torch-graphs", "torch-graphs+tf32", "torch-channels_last+graphs+tf32")
LONGER = {"mlp_vae": 20, "mlp_vae_bf16": 20, "conv_ae": 50, "conv_vae": 100}  # rounds of a GPU, in those of a CPU


def gpu(workload: str, peers: str | None, repeats: int) -> None:
    """A table of one workload on a GPU: the same work, rounds long enough to be measured there."""
    import jax

    if jax.default_backend() != "gpu":
        print("no GPU is here, or JAX is not installed for it")
        return
    names = [name.replace("tf32", "bf16") if "bf16" in workload else name for name in GPU]
    if "bf16" in workload:
        names.remove("aecli-tensorfloat32")
    kept = [name for name in names if workload.startswith("conv") or "channels_last" not in name]
    found = in_turn([(name, f"{workload},longer={LONGER[workload]}") for name in kept], peers, repeats)
    print(table([cells(found, one) for one in found]))


def compare(workload: str, peers: str | None, repeats: int) -> None:
    """A table of one workload."""
    found = in_turn([(name, workload) for name in CONTENDERS[workload]], peers, repeats)
    print(table([cells(found, one) for one in found]))
    for line in peak_lines(found):
        print(line)


def contractive(peers: str | None, repeats: int) -> None:
    """The exact penalty, and how many steps without it one with it costs."""
    names = [(name, workload) for workload in ("contractive", "plain") for name in ("aecli", *TORCH)]
    found = in_turn(names, peers, repeats)
    print(table([cells(found, one) for one in found]))
    for name in dict.fromkeys(series.contender for series in found):
        with_it, without = of(found, name, "contractive"), of(found, name, "plain")
        if with_it and without:
            cost = spread(ratios(without.speeds, with_it.speeds))
            print(f"{name}: a step with the penalty costs {cost} of its steps without")


def peak_lines(found: Sequence[Series]) -> list[str]:
    """How long the products alone take, and each training's share of the speed that they would allow."""
    bare = [series for series in found if not series.trains]
    lines = []
    for series in bare:
        work, speed = named(series.workload), statistics.median(series.speeds)
        rate = operations(work) * speed / work.batch / 1e9
        name = LIBRARIES[series.contender]
        lines.append(f"{name} products alone: {1e3 * work.batch / speed:.2f} ms a step, {rate:,.0f} GFLOP/s")
    for series in found:
        if series.trains and bare:
            own, best = (spread([100 * s for s in share_of_peak(part, series)], ".0f") for part in (bare[:1], bare))
            first = LIBRARIES[bare[0].contender]
            lines.append(f"{series.contender} reaches {own} % of {first} products' speed, {best} % of the faster's")
    return lines
