"""Models that no memory holds: refused in words, before a compiler meets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import done, refused

CONFIG = "name: t/sizes\ndata: {source: digits}\nmodel: {bottleneck: {size: 2}}\ntraining: {epochs: 0}\n"


@pytest.fixture
def config():
    """A config whose data were trained on before: their layout is known before they are read."""
    path = Path("c.yaml")
    path.write_text(CONFIG)
    done("--quiet", "train", path)
    return path


@pytest.mark.parametrize("channels", ["[1000000000]", "[200000000, 200000000]", "[20000, 20000]"])
@pytest.mark.parametrize("command", ["check", "train"])
def test_absurd_channels_are_refused_with_what_they_need(config, command, channels):
    said = refused("--quiet", command, config, f"model.encoder={{kind: resnet, channels: {channels}}}")
    assert "c.yaml:3:8: parameters and optimiser need" in said
    assert "make layers narrower" in said


def test_check_takes_a_config_for_another_machine(config):
    done("check", config, "training.device=tpu")
