"""What stands beside results: ids, labels, and the columns of the data that are no features."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from aecli.data.dataset import Split


def beside(
    block: Split, own: Container[str] = (), id_name: str = "id", label_name: str = "label"
) -> dict[str, np.ndarray | None]:
    """`id`, `label` and the carried columns of rows; one that is called like a result's is named `input.<name>`."""
    taken = {id_name, label_name}
    carried: dict[str, Any] = {
        (f"input.{name}" if name in own or name in taken else name): values for name, values in block.carried.items()
    }
    return {id_name: block.ids, label_name: block.labels, **carried}
