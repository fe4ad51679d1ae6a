"""All of it: `python -m tests.torture.mutate --configs 5000 --data 2000 --runs 500`; exit 1 where anything was found.

Each batch of cases is a process of its own, its memory bounded: a crash of a library costs one batch, and is a finding
too. What one case does wrong stops no other; equal findings are told once, with the first case that shows them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

BATCH = 100  # cases a process
REPEATED = 5  # so many examples are drawn for one that is new, at most
BOUND = 12 * 2**30  # bytes of data a process may have
PATIENCE = 1800  # seconds that a batch may take
FIRST = 10**6  # between the seeds of whole runs: the first batch of one meets what was found before
CALM = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
KINDS = ("configs", "data", "runs")


@dataclass
class Findings:
    """How often each exit code came, and what went wrong: by its place, how often, and an example."""

    cases: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[Any]] = field(default_factory=dict)

    def fault(self, place: str, text: str, times: int = 1) -> None:
        """One more at this place."""
        self.faults.setdefault(place, [0, text])[0] += times

    def add(self, other: dict[str, Any]) -> None:
        """Those of another process."""
        self.cases += other["cases"]
        self.codes.update(other["codes"])
        for place, (times, text) in other["faults"].items():
            self.fault(place, text, times)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for kind, count in zip(KINDS, (5000, 2000, 500), strict=True):
        parser.add_argument(f"--{kind}", type=int, default=count, help="how many to make")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", help=argparse.SUPPRESS)  # the kind of cases of this process, one of many
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.batch:
        _say(json.dumps(vars(_batch(asked.batch, getattr(asked, asked.batch), asked.seed, asked.folder))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AECLI_CACHE"], os.environ["AECLI_MIRROR"] = f"{folder}/cache", "off"
        _train(Path(folder))
        found = [_all(kind, getattr(asked, kind), asked.seed, Path(folder)) for kind in KINDS]
        return int(any(found))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _train(folder: Path) -> None:
    """The runs that all processes misuse."""
    from tests.cli.conftest import trained, trained_runs
    from tests.torture.properties import MIXED

    runs = trained_runs(folder)
    found = {name: str(path) for name, path in vars(runs).items()}
    found["mixed"] = str(trained(folder, MIXED.format(path=runs.csv), "train"))
    (folder / "runs.json").write_text(json.dumps(found))


def _all(kind: str, count: int, first: int, folder: Path) -> bool:
    """All cases of a kind, in batches; whether there were faults."""
    found = Findings()
    for start in range(0, count, BATCH):
        words = [f"--{kind}", str(min(BATCH, count - start)), "--seed", str(first * FIRST + start)]
        line = [sys.executable, "-m", "tests.torture.mutate", "--batch", kind, "--folder", str(folder), *words]
        done = subprocess.run(line, stdout=subprocess.PIPE, text=True, timeout=PATIENCE)
        if done.returncode == 0:
            found.add(json.loads(done.stdout.splitlines()[-1]))
        else:
            found.fault(f"the process ended with {done.returncode}", (folder / "now").read_text())
        sys.stderr.write(f"\r{kind}: {found.cases} of {count}, {len(found.faults)} faults ")
    codes = ", ".join(f"{found.codes[code]} with {code}" for code in sorted(found.codes))
    _say(f"\n{kind}: {found.cases} cases, of whose commands ended {codes or 'none'}")
    for place, (times, text) in found.faults.items():
        _say(f"--- {times} times: {place}\n{text}")
    return bool(found.faults)


def _batch(kind: str, count: int, start: int, folder: Path) -> Findings:
    """Cases in this process."""
    from tests.cli.conftest import Runs
    from tests.torture.found import FOUND
    from tests.torture.properties import COMMANDS, Torture

    resource.setrlimit(resource.RLIMIT_DATA, (BOUND, BOUND))
    paths = {name: Path(path) for name, path in json.loads((folder / "runs.json").read_text()).items()}
    torture = Torture(mixed=paths.pop("mixed"), runs=Runs(**paths))
    strategy, act = _property(kind, torture, COMMANDS)
    found, seen = Findings(), set()

    def meet(case: Any) -> None:
        if repr(case) in seen or found.cases == count:
            return  # hypothesis repeats itself
        seen.add(repr(case))
        found.cases += 1
        (folder / "now").write_text(repr(case))
        try:
            act(case)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            found.fault(*_told(error, case))

    @seed(start)
    @settings(
        max_examples=REPEATED * count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=CALM,
    )
    @given(case=strategy)
    def each(case: Any) -> None:
        meet(case)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for case in FOUND[kind] if start % FIRST == 0 else []:
            meet(case)
        each()
    found.codes = Counter({str(code): times for code, times in torture.tally.items()})
    return found


def _property(
    kind: str, torture: Any, commands: tuple[str, ...]
) -> tuple[st.SearchStrategy[Any], Callable[[Any], None]]:
    from tests.torture import configs, files, folders
    from tests.torture.mutations import pick

    return {
        "configs": lambda: (configs.configs(), torture.config),
        "data": lambda: (st.tuples(files.cases(), pick(commands)), lambda case: torture.data(*case)),
        "runs": lambda: (folders.cases(), torture.run),
    }[kind]()


def _told(error: BaseException, case: Any) -> tuple[str, str]:
    """Where it went wrong (the last line of aecli's own), and all that is known of it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "/aecli/" in f.filename and "/site-packages/" not in f.filename]
    last = own[-1] if own and not isinstance(error, AssertionError) else frames[-1]
    words = str(error).splitlines() or [""]
    head = words[0].split(": ")[0] if isinstance(error, AssertionError) else ""
    place = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno} {head}"
    return place, f"{case!r}\n{''.join(traceback.format_exception(error))[-3000:]}"


if __name__ == "__main__":
    sys.exit(main())
