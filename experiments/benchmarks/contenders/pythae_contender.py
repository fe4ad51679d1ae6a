"""pythae's VAE with the same networks, in a plain loop: its own trainer adds to this."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from initial import kernels
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from torch import nn
from torch_contender import Batches, chain, start, trainer


class Encoder(BaseEncoder):
    def __init__(self, work, drawn):
        super().__init__()
        self.layers = nn.Sequential(*chain(nn.Linear, *work.shape, *work.layers))
        self.mean, self.log_variance = (nn.Linear(work.layers[-1], work.code) for _ in range(2))
        start(self.mean, drawn.head[:, : work.code])
        start(self.log_variance, drawn.head[:, work.code :])
        for layer, kernel in zip(self.layers[::2], drawn.encoder, strict=True):
            start(layer, kernel)

    def forward(self, x):
        h = self.layers(x)
        return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))


class Decoder(BaseDecoder):
    def __init__(self, work, drawn):
        super().__init__()
        hidden, last = chain(nn.Linear, work.code, *work.layers[::-1]), nn.Linear(work.layers[0], *work.shape)
        for layer, kernel in zip((*hidden[::2], last), drawn.decoder, strict=True):
            start(layer, kernel)
        self.layers = nn.Sequential(*hidden, last, nn.Sigmoid())

    def forward(self, z):
        return ModelOutput(reconstruction=self.layers(z))


def prepare(work, rows: np.ndarray, variant: str, seed: int) -> Callable[[int], float]:
    if work.kind != "mlp" or not work.variational or work.narrow:
        raise SystemExit("pythae runs the MLP VAE in float32 alone")
    torch.manual_seed(seed)
    drawn = kernels(work, seed)
    config = VAEConfig(input_dim=work.shape, latent_dim=work.code, reconstruction_loss="bce")
    model = VAE(config, encoder=Encoder(work, drawn), decoder=Decoder(work, drawn))
    batches = Batches(torch.from_numpy(rows), work.batch, seed)
    optimizer = torch.optim.Adam(model.parameters(), work.rate, fused=True)
    return trainer(optimizer, lambda: model({"data": batches.next()}).loss)
