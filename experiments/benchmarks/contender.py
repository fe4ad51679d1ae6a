"""Contenders: processes that train a round whenever they are told to, and wait while another works."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from results import Series

HERE = Path(__file__).parent
OURS = ("aecli", "products")  # run in aecli's own environment
PACKAGES = ("torch", "pythae", "keras", "pyod")


def installed(python: str | None) -> set[str]:
    """Which of the peers' packages this python finds."""
    if python is None:
        return set()
    code = f"import importlib.util as u; print(*(p for p in {PACKAGES} if u.find_spec(p)))"
    return set(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def package(contender: str) -> str | None:
    """The peer's package that a contender needs; None of aecli's own."""
    name = contender.partition("-")[0]
    return None if name in OURS else {"torch_products": "torch"}.get(name, name)


class Contender:
    """A process that answers each line it is written with one of JSON."""

    def __init__(self, python: str, name: str, workload: str, seed: int = 0):
        self.series = Series(name, workload)
        command = [python, str(HERE / "contenders" / "worker.py"), name, workload, str(seed)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        ready = self._answer()
        self.alive = ready is not None
        if ready is not None:
            self.series.first = ready["first"]

    def _answer(self) -> dict[str, Any] | None:
        """The next line of JSON (libraries may print others), or None where the process has ended."""
        assert self.process.stdout is not None
        return next((json.loads(line) for line in self.process.stdout if line.startswith("{")), None)

    def _ask(self, word: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        if answer is None:
            raise RuntimeError(f"{self.series.contender} ended while it worked on {self.series.workload}")
        return answer

    def go(self) -> None:
        """A round."""
        found = self._ask("go")
        self.series.speeds.append(found["examples"] / found["seconds"])
        self.series.loss = found["loss"]

    def end(self) -> None:
        """Ended, and its memory noted."""
        self.series.peak = self._ask("end")["peak_gib"]
        self.process.wait()


def in_turn(entries: Sequence[tuple[str, str]], peers: str | None, repeats: int) -> list[Series]:
    """(contender, workload) each in a process, and `repeats` rounds of A B A B; those that cannot run are told of."""
    there, running = installed(peers), []
    for name, workload in entries:
        needs = package(name)
        if needs is not None and needs not in there:
            print(f"{name}: {needs} is not installed")
            continue
        contender = Contender(sys.executable if needs is None else str(peers), name, workload)
        if contender.alive:
            running.append(contender)
        else:
            print(f"{name}: could not start (its error is above)")
    for _ in range(repeats):
        for contender in running:
            contender.go()
    for contender in running:
        contender.end()
    return [contender.series for contender in running]
