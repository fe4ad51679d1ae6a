"""What a training needs once its rows are there, begun while they are read."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import Any

from aecli.data.dataset import Dataset
from aecli.experiment import Experiment, Loaded
from aecli.layout import Layout


def ahead(loaded: Loaded) -> Thread:
    """Import JAX, start its devices and make the training's programs, in a thread: reading leaves a processor idle.

    Programs need to know how many rows of which layout there will be: as many as there were last time (`remember`).
    Were they others, the programs are made anew once they are there. To be joined before JAX is asked for anything.
    What fails here fails there again, and is told there.
    """
    thread = Thread(target=_started, args=(loaded.experiment,), name="ahead")
    thread.start()
    return thread


def remember(experiment: Experiment, dataset: Dataset) -> None:
    """Keep what the next training on this data can begin with before it has read it."""
    known = {"layout": asdict(dataset.features.layout()), "rows": len(dataset.train), "place": dataset.residency.place}
    path = _path(experiment)
    text = json.dumps(known)
    with suppress(OSError):  # the next training waits a moment longer
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def _path(experiment: Experiment) -> Path:
    from aecli.training.devices import cache_root

    labels = "\nlabels" if experiment.training.supervised else ""
    said = f"{Path.cwd()}\n{experiment.data.model_dump_json()}{labels}"
    return cache_root() / "layouts" / f"{hashlib.sha256(said.encode()).hexdigest()[:32]}.json"


def _remembered(experiment: Experiment) -> tuple[Layout, int] | None:
    """Layout and number of the training rows as they were, if they were all on the device."""
    try:
        known = json.loads(_path(experiment).read_text())
        told: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in known["layout"].items()
        }
        return (Layout(**told), int(known["rows"])) if known["place"] == "device" else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _started(experiment: Experiment) -> None:
    with suppress(Exception):  # tried again by the training itself, which says what is wrong
        import jax

        import aecli.training.loop  # noqa: F401
        from aecli.training.devices import choose, use_cache
        from aecli.training.program import program
        from aecli.training.stages import numbers_in, stages

        use_cache()
        jax.devices()
        known = _remembered(experiment)
        if known is not None:
            each = program(experiment, *known).steps_per_epoch
            first = stages(experiment, each)[0]
            made, numbers = program(experiment, *known, first.part), numbers_in(first, experiment, each)
            made.prepare(numbers, choose(experiment.training.device))
