"""PyTorch, as its users would write the same training well, on a GPU where there is one.

Variants, joined by '+': eager, channels_last, compile, graphs (compile that replays CUDA graphs), bf16, tf32 of a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from initial import kernels, order, smallest
from torch import nn
from torch.nn import functional
from workloads import KERNEL, STRIDE

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def chain(layer, *sizes):
    """Layers from size to size, each followed by a relu."""
    return [m for a, b in pairwise(sizes) for m in (layer(a, b), nn.ReLU())]


def down(inputs, outputs):
    return nn.Conv2d(inputs, outputs, KERNEL, STRIDE, 1)


def up(inputs, outputs):
    return nn.ConvTranspose2d(inputs, outputs, KERNEL, STRIDE, 1)


@torch.no_grad()
def start(layer, kernel: np.ndarray, image: tuple[int, int, int] | None = None) -> None:
    """The layer's weights from a kernel of initial.py, its biases zero.

    `image`: height, width and channels of what a linear layer comes from or leads to; here channels lie first.
    """
    weight = torch.from_numpy(kernel)
    if image is not None:
        flat = torch.arange(math.prod(image)).reshape(image).permute(2, 0, 1).reshape(-1)
        weight = weight[flat] if len(weight) == len(flat) else weight[:, flat]
    layer.weight.copy_(weight.T if weight.ndim == 2 else weight.permute(3, 2, 0, 1))
    layer.bias.zero_()


class Autoencoder(nn.Module):
    """The workload's networks; `forward` gives the loss, mean over examples."""

    def __init__(self, work, seed):
        super().__init__()
        self.work = work
        if work.kind == "mlp":
            encoder, decoder = (
                chain(nn.Linear, *work.shape, *work.layers),
                chain(nn.Linear, work.code, *work.layers[::-1]),
            )
            head, last = nn.Linear(work.layers[-1], work.outputs), nn.Linear(work.layers[0], work.shape[0])
        else:
            height, width, deepest = smallest(work)
            flat, channels = height * width * deepest, work.shape[-1]
            encoder = [*chain(down, channels, *work.layers), nn.Flatten()]
            decoder = [
                *chain(nn.Linear, work.code, flat),
                nn.Unflatten(1, (deepest, height, width)),
                *chain(up, *work.layers[::-1]),
            ]
            head, last = nn.Linear(flat, work.outputs), up(work.layers[0], channels)
        self.encoder, self.decoder = nn.Sequential(*encoder, head), nn.Sequential(*decoder, last)
        drawn = kernels(work, seed)
        image = None if work.kind == "mlp" else smallest(work)
        flattened = {id(head), id(self.decoder[0])}  # next to an image, where there is one
        layers = [layer for layer in self.modules() if hasattr(layer, "weight")]
        for layer, kernel in zip(layers, (*drawn.encoder, drawn.head, *drawn.decoder), strict=True):
            start(layer, kernel, image if id(layer) in flattened else None)

    def forward(self, x):
        h = self.encoder(x)
        if not self.work.variational:
            loss = torch.square(self.decoder(h).float() - x).flatten(1).sum(1).mean()
            return loss + self.work.contractive * self.squared_jacobian(x) if self.work.contractive else loss
        mean, log_variance = h.float().chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        logits = self.decoder(z).float()
        bernoulli = functional.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
        return (bernoulli + kl).mean()

    def squared_jacobian(self, x):
        jacobian = torch.func.vmap(torch.func.jacrev(self.encoder))(x)
        return torch.square(jacobian).sum((1, 2)).mean()


class Batches:
    """Epoch after epoch; what is left of one after its last whole batch is passed over."""

    def __init__(self, data: torch.Tensor, batch: int, seed: int):
        self.data, self.batch, self.seed = data, batch, seed
        self.epoch, self.at = -1, len(data)

    def next(self) -> torch.Tensor:
        if self.at + self.batch > len(self.data):
            self.epoch, self.at = self.epoch + 1, 0
            self.order = torch.from_numpy(order(len(self.data), self.seed, self.epoch)).to(self.data.device)
        index = self.order[self.at : self.at + self.batch]
        self.at += self.batch
        return self.data[index]


def trainer(optimizer, loss_of: Callable[[], torch.Tensor]) -> Callable[[int], float]:
    """So many updates, and their mean loss: it is read once, at their end."""

    def train(updates: int) -> float:
        total = torch.zeros((), device=DEVICE)
        for _ in range(updates):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of()
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return float(total) / updates

    return train


def _compiles(options: set[str]) -> bool:
    return bool(options & {"compile", "graphs"})


def prepare(work, rows: np.ndarray, variant: str, seed: int) -> Callable[[int], float]:
    torch.manual_seed(seed)
    options = set(variant.split("+"))
    model, data = Autoencoder(work, seed).to(DEVICE), torch.from_numpy(rows).to(DEVICE)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = "tf32" in options
    if work.kind == "conv":
        layout = torch.channels_last if "channels_last" in options else torch.contiguous_format
        data = data.permute(0, 3, 1, 2).contiguous(memory_format=layout)
        model = model.to(memory_format=layout)
    compiled = (
        torch.compile(model, mode="reduce-overhead" if "graphs" in options else None) if _compiles(options) else model
    )
    batches = Batches(data, work.batch, seed)

    def loss_of() -> torch.Tensor:
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled="bf16" in options):
            return compiled(batches.next())

    return trainer(torch.optim.Adam(model.parameters(), work.rate, fused=True), loss_of)
