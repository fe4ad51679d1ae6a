"""PyTorch, as its users would write the same training well: eager, channels_last, compile, bf16, joined by '+'."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def chain(layer, *sizes):
    """Layers from size to size, each followed by a relu."""
    return [m for a, b in pairwise(sizes) for m in (layer(a, b), nn.ReLU())]


class Autoencoder(nn.Module):
    """The workload's networks; `forward` gives the loss, mean over examples."""

    def __init__(self, work):
        super().__init__()
        self.work = work
        outputs = 2 * work.code if work.variational else work.code
        if work.kind == "mlp":
            down, up = chain(nn.Linear, *work.shape, *work.layers), chain(nn.Linear, work.code, *work.layers[::-1])
            self.encoder = nn.Sequential(*down, nn.Linear(work.layers[-1], outputs))
            self.decoder = nn.Sequential(*up, nn.Linear(work.layers[0], work.shape[0]))
        else:
            height, width, channels = work.shape
            depth = len(work.layers)
            small = (work.layers[-1], height >> depth, width >> depth)
            flat = small[0] * small[1] * small[2]
            sizes = (channels, *work.layers)
            down = chain(lambda a, b: nn.Conv2d(a, b, 4, 2, 1), *sizes)
            up = chain(lambda a, b: nn.ConvTranspose2d(a, b, 4, 2, 1), *sizes[::-1])
            self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, outputs))
            self.decoder = nn.Sequential(nn.Linear(work.code, flat), nn.ReLU(), nn.Unflatten(1, small), *up[:-1])
        for layer in self.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, x):
        h = self.encoder(x)
        if not self.work.variational:
            out = self.decoder(h)
            loss = torch.square(out.float() - x).flatten(1).sum(1).mean()
            return loss + self.work.contractive * self.squared_jacobian(x) if self.work.contractive else loss
        mean, log_variance = h.float().chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        bernoulli = (
            functional.binary_cross_entropy_with_logits(self.decoder(z).float(), x, reduction="none").flatten(1).sum(1)
        )
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
        return (bernoulli + kl).mean()

    def squared_jacobian(self, x):
        jacobian = torch.func.vmap(torch.func.jacrev(lambda row: self.encoder(row)))(x)
        return torch.square(jacobian).sum((1, 2)).mean()


def prepare(work, rows: np.ndarray, variant: str) -> Callable[[], float]:
    """A round: `updates` steps; the mean loss over them. The loss is read once a round."""
    torch.manual_seed(0)
    options = set(variant.split("+"))
    model, data = Autoencoder(work), torch.from_numpy(rows)
    if work.kind == "conv":
        data = data.permute(0, 3, 1, 2).contiguous()
        if "channels_last" in options:
            model, data = (
                model.to(memory_format=torch.channels_last),
                data.contiguous(memory_format=torch.channels_last),
            )
    optimizer = torch.optim.Adam(model.parameters(), work.rate, fused=True)
    loss_of = torch.compile(model) if "compile" in options else model
    held = {"order": torch.randperm(len(data)), "at": 0}

    def batch():
        if held["at"] + work.batch > len(data):
            held.update(order=torch.randperm(len(data)), at=0)
        index = held["order"][held["at"] : held["at"] + work.batch]
        held["at"] += work.batch
        return data[index]

    def round_of() -> float:
        total = torch.zeros(())
        for _ in range(work.updates):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in options):
                loss = loss_of(batch())
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return float(total) / work.updates

    return round_of
