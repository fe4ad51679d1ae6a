"""A disk that is full, one that may not be written, and data that are cut short while they are streamed.

    python -m tests.torture.disk

Needs to be root, or `unshare` to be in a name space of its own: a file system of 20 MB is mounted. Each says what went
wrong in a message and an exit code, and what was saved before is loaded afterwards.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
LARGE = "{encoder: {widths: [600, 300]}, bottleneck: {size: 8}}"  # its checkpoint takes 3 MB: three, and one on its way
FULL = f"""
data: {{source: digits}}
model: {LARGE}
training: {{epochs: 40, batch_size: 256, checkpoint: {{keep: 9}}}}
"""
STREAM = """
data: {source: rows.npy, residency: streamed}
model: {encoder: {widths: [64]}, bottleneck: {size: 4}}
training: {epochs: 500, batch_size: 64}
"""


def aecli(*words: object, cache: Path) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AECLI_CACHE": str(cache)}
    command = [sys.executable, "-m", "aecli", "--quiet", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


@contextmanager
def mounted(folder: Path, options: str):
    """A file system in memory."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "aecli", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def check(name: str, wrong: dict[str, bool]) -> list[str]:
    """What does not hold of these, said so."""
    failed = [what for what, holds in wrong.items() if not holds]
    print(f"{name}: {'as it should be' if not failed else 'WRONG: ' + ', '.join(failed)}")
    return failed


def last_line(found: subprocess.CompletedProcess[str]) -> str:
    """What was said, in short."""
    print("   ", found.returncode, found.stderr.strip().replace("\n", "\n      "))
    return found.stderr


def full(folder: Path) -> list[str]:
    """Checkpoints until 20 MB are full; then room is made, and the run goes on to its end."""
    config = folder / "full.yaml"
    config.write_text(FULL)
    with mounted(folder / "small", "size=20m") as small:
        ballast = small / "ballast"
        ballast.write_bytes(bytes(2**20))
        ended = aecli("train", config, "--output", small, cache=folder / "cache")
        text = last_line(ended)
        (run,) = [path.parent for path in small.rglob("run.json")]
        loaded = aecli("eval", run, "--json", cache=folder / "cache")
        last_line(loaded)
        ballast.unlink()
        status, steps = json.loads((run / "run.json").read_text())["status"], list((run / "checkpoints").iterdir())
        resumed = aecli("resume", run, "training.checkpoint.keep=1", cache=folder / "cache")
        last_line(resumed)
        return check("full disk", {
            "exit code 2": ended.returncode == 2, "the reason is said": "No space left on device" in text,
            "no traceback": "Traceback" not in text, "what was saved is loaded": loaded.returncode == 0,
            "run.json says so": status == "failed", "nothing half written": all(p.name.isdecimal() for p in steps),
            "it goes on once there is room": resumed.returncode == 0,
        })  # fmt: skip


def read_only(folder: Path) -> list[str]:
    """A folder that may not be written to, and a run in it."""
    config = folder / "full.yaml"
    config.write_text(FULL.replace("epochs: 40", "epochs: 2"))
    with mounted(folder / "locked", "size=60m") as locked:
        trained = aecli("train", config, "--output", locked, cache=folder / "cache")
        last_line(trained)
        (run,) = [path.parent for path in locked.rglob("run.json")]
        subprocess.run(["mount", "-o", "remount,ro", str(locked)], check=True)
        again, resumed = (
            aecli("train", config, "--output", locked, cache=folder / "cache"),
            aecli("resume", run, "training.epochs=3", cache=folder / "cache"),
        )
        texts = last_line(again), last_line(resumed)
        loaded = aecli("eval", run, "--json", cache=folder / "cache")
        last_line(loaded)
        return check("read-only folder", {
            "trained before": trained.returncode == 0, "exit code 2": again.returncode == resumed.returncode == 2,
            "the reason is said": all("Read-only file system" in text for text in texts),
            "no traceback": not any("Traceback" in text for text in texts),
            "what was saved is loaded": loaded.returncode == 0,
        })  # fmt: skip


def cut_short(folder: Path) -> list[str]:
    """Rows on disk are cut to a half while they are trained on; once they are whole again, the run goes on."""
    rows = np.random.default_rng(0).normal(size=(20_000, 16)).astype(np.float32)
    np.save(folder / "rows.npy", rows)
    config, cache = folder / "stream.yaml", folder / "rows-cache"
    config.write_text(STREAM)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AECLI_CACHE": str(cache)}
    command = [sys.executable, "-m", "aecli", "train", str(config), "--output", str(folder / "runs")]
    child = subprocess.Popen(command, cwd=folder, env=environment, text=True, stderr=subprocess.PIPE, stdout=-3)
    while not any(path.stat().st_size for path in (folder / "runs").rglob("metrics.jsonl")):
        assert child.poll() is None, child.stderr
    (spooled,) = cache.rglob("train.rows")
    os.truncate(spooled, spooled.stat().st_size // 2)
    _, text = child.communicate(timeout=120)
    print("   ", child.returncode, text.strip().splitlines()[-2:])
    (run,) = [path.parent for path in (folder / "runs").rglob("run.json")]
    os.chdir(folder)
    resumed = aecli("resume", run, "training.epochs=20", cache=cache)
    last_line(resumed)
    return check("data cut short", {
        "exit code 2": child.returncode == 2, "the file is named": "train.rows" in text,
        "no traceback": "Traceback" not in text, "it goes on from what was saved": resumed.returncode == 0,
    })  # fmt: skip


def main() -> int:
    """All of it."""
    if os.geteuid() and "AECLI_UNSHARED" not in os.environ:
        os.environ["AECLI_UNSHARED"] = "yes"
        os.execvp("unshare", ["unshare", "-rm", sys.executable, "-m", "tests.torture.disk"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return int(bool([*full(folder), *read_only(folder), *cut_short(folder)]))


if __name__ == "__main__":
    sys.exit(main())
