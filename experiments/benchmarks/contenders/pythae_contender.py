"""pythae's VAE with the same networks, in a plain loop: its own trainer adds to this."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from torch import nn
from torch_contender import chain


class Encoder(BaseEncoder):
    def __init__(self, work):
        super().__init__()
        widths = (*work.shape, *work.layers)
        self.layers = nn.Sequential(*chain(nn.Linear, *widths))
        self.mean, self.log_variance = nn.Linear(widths[-1], work.code), nn.Linear(widths[-1], work.code)

    def forward(self, x):
        h = self.layers(x)
        return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))


class Decoder(BaseDecoder):
    def __init__(self, work):
        super().__init__()
        widths = (work.code, *work.layers[::-1])
        self.layers = nn.Sequential(*chain(nn.Linear, *widths), nn.Linear(widths[-1], *work.shape), nn.Sigmoid())

    def forward(self, z):
        return ModelOutput(reconstruction=self.layers(z))


def prepare(work, rows: np.ndarray, variant: str) -> Callable[[], float]:
    """A round of `updates` steps."""
    if work.kind != "mlp" or not work.variational or work.narrow:
        raise SystemExit("pythae runs the MLP VAE in float32 alone")
    torch.manual_seed(0)
    config = VAEConfig(input_dim=work.shape, latent_dim=work.code, reconstruction_loss="bce")
    model, data = VAE(config, encoder=Encoder(work), decoder=Decoder(work)), torch.from_numpy(rows)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(model.parameters(), work.rate, fused=True)
    held = {"order": torch.randperm(len(data)), "at": 0}

    def round_of() -> float:
        total = torch.zeros(())
        for _ in range(work.updates):
            if held["at"] + work.batch > len(data):
                held.update(order=torch.randperm(len(data)), at=0)
            index = held["order"][held["at"] : held["at"] + work.batch]
            held["at"] += work.batch
            optimizer.zero_grad(set_to_none=True)
            loss = model({"data": data[index]}).loss
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return float(total) / work.updates

    return round_of
