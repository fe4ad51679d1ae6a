"""The one size and number of channels that the pictures of a folder are brought to."""

from __future__ import annotations

from collections import Counter
from math import isclose
from typing import Any

from aecli.config.problems import Place, Problem, UserError
from aecli.data.sources.images import Survey, survey
from aecli.tasks.init.choice import Choice, Choices

LARGEST = 64  # pixels a side: an mlp has a weight for every pixel and unit
SIZES = (8, 16, 32, LARGEST)  # of the longer side
SAME = 0.02  # relative difference of two aspect ratios that are one


def picture_choices(source: str, given: dict[str, Any]) -> Choices:
    """`data.image` for a folder, where sizes or channels differ or are large. UserError for broken pictures."""
    found = survey(source)
    if found.broken:
        count = f"{len(found.broken)} of {found.count} pictures cannot be read: {'; '.join(found.broken[:5])}"
        raise UserError(Problem(count, Place(source), "mend them or take them out of the folder"))
    if "image" in given or found.size is None:
        return {}
    image, why = _image(found)
    return {"data.image": Choice(image, "; ".join(why))} if image else {}


def _image(found: Survey) -> tuple[dict[str, Any], list[str]]:
    image: dict[str, Any] = {}
    why: list[str] = []
    height, width = found.size or (1, 1)
    if len(found.sizes) > 1 or max(height, width) > LARGEST:
        image["size"] = _size(height, width)
        sides = sorted(found.sizes)
        (h0, w0), (h1, w1) = sides[0], sides[-1]
        several = f"from {h0} x {w0} to {h1} x {w1} pixels, {height} x {width} in the middle"
        one = f"they are {height} x {width} pixels: smaller ones train faster"
        why.append(several if len(found.sizes) > 1 else one)
        if not _one_ratio(found, image["size"]):
            image["fit"] = "crop"
            why.append("the centre of each, as their shapes differ: nothing is stretched")
    if len(found.channels) > 1:
        image["channels"] = 3 if max(found.channels) >= 3 else 1
        kinds = ", ".join(f"{n} with {c}" for c, n in sorted(Counter(found.channels).items()))
        why.append(f"channels differ ({kinds}): all are made {'RGB' if image['channels'] == 3 else 'grey'}")
    return image, why


def _size(height: int, width: int) -> int | list[int]:
    """The nearest of SIZES for the longer side, and the other in proportion: one number where both are equal."""
    longer = min(SIZES, key=lambda side: abs(side - min(max(height, width), LARGEST)))
    sides = [max(4, round(longer * side / max(height, width) / 4) * 4) if side < max(height, width) else longer
             for side in (height, width)]  # fmt: skip
    return sides[0] if sides[0] == sides[1] else sides


def _one_ratio(found: Survey, size: int | list[int]) -> bool:
    height, width = (size, size) if isinstance(size, int) else size
    return all(isclose(h / w, height / width, rel_tol=SAME) or h == w == height for h, w in found.sizes)
