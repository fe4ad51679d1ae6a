"""Cases that were found by chance and are met again each time, before those that chance brings now."""

from __future__ import annotations

from typing import Any

from tests.torture.files import Case
from tests.torture.mutations import Edit

# HDF5 2.0 comes to no end of the attributes of this file.
ENDLESS = Case(
    ".sparse.h5ad",
    (),
    (
        Edit("set", "tail", 0.0178, 0.01, b")"),
        Edit("set", "tail", 0.0177, 0.0278, b"8\x03\x86\xfay'\x91q\"\xd2\xff"),
        Edit("zero", "anywhere", 0.0904, 0.0494, b"\xed"),
    ),
)
# And takes 2 GiB for a text of this one.
GREEDY = Case(
    ".sparse.h5ad",
    (),
    (
        Edit("flip", "anywhere", 0.733673095703125, 0.51904296875, b"\x80" + bytes(7)),
        Edit("flip", "anywhere", 0.0526275634765625, 0.51904296875, b"\x80" + bytes(7)),
    ),
)
# Was traced for half a minute.
DEEP = b"""data: {source: digits}
model: {encoder: {kind: resnet, channels: [2, 2], blocks: 64, norm: batch}, bottleneck: {size: 2}}
"""
LONG = b"data: {source: " + b"x" * 5000 + b"}\n"
FOUND: dict[str, list[Any]] = {
    "configs": [LONG, DEEP],
    "data": [(ENDLESS, "check"), (ENDLESS, "eval"), (GREEDY, "reconstruct")],
    "runs": [],
}
