"""What went wrong elsewhere, done to aecli through its own commands: nothing runs, and one clear message comes back."""

from __future__ import annotations

import base64
import json
import marshal
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.cli.command import refused, written
from tests.security.hostile import MODULE, pickled, received, tar, unharmed

CONFIG = "data: {source: digits}\n"


@pytest.fixture(autouse=True)
def _evil_module(monkeypatch):
    """A module `evil` that could be imported."""
    Path("evil.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(Path.cwd()))


def test_keras_cve_2025_1550():
    """Loading a .keras archive imported the module and called the function that its config.json named."""
    part = {"module": "evil", "class_name": "boom", "config": {}, "registered_name": "boom"}
    with zipfile.ZipFile("model.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(part))
        archive.writestr("model.weights.h5", b"")
    with unharmed():
        assert "'model.keras' is a file, not a run directory" in refused("eval", "model.keras")
        assert "ends like no file that is read here" in refused("check", written("data: {source: model.keras}\n"))
        for kind in ("evil.boom", "evil:boom", "os.system"):
            err = refused("check", written(f"{CONFIG}model: {{encoder: {{kind: '{kind}', module: evil}}}}\n"))
            assert f"no network is called '{kind}'" in err
        err = refused("check", written(f"{CONFIG}model: {{encoder: {json.dumps({'kind': 'mlp', **part})}}}\n"))
        for key in part:
            assert f"unknown key '{key}'" in err


def test_keras_cve_2025_9905():
    """A legacy .h5 model ran the bytecode of its Lambda layers, safe mode or not."""
    code = base64.b64encode(marshal.dumps(compile("open('canary', 'w')", "x", "exec"))).decode()
    layer = {"class_name": "Lambda", "config": {"function": [code, None, None], "function_type": "lambda"}}
    with h5py.File("model.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}})
        file["code"] = np.void(pickled())
        file["many"] = np.array([[np.void(pickled())] * 2] * 2)
        file.create_group("layer_names").attrs["pickle"] = np.void(pickled())
    with unharmed():
        assert "'model.h5' is a file, not a run directory" in refused("eval", "model.h5")
        for key in ("code", "many"):
            err = refused("check", written(f"data: {{source: model.h5, key: {key}}}\n"))
            assert f"'{key}' holds" in err
            assert "not real numbers" in err


def test_keras_cve_2025_9906():
    """A config could itself switch safe mode off, and then bring code along."""
    call = "keras.config.enable_unsafe_deserialization"
    with unharmed():
        for text in (
            f"{CONFIG}model: {{encoder: {{kind: {call}}}}}\n",
            f"{CONFIG}safe_mode: false\n",
            f"{CONFIG}model: {{safe_mode: false}}\n",
            f"{CONFIG}model: {{encoder: {{kind: mlp, activation: {call}}}}}\n",
            f"{CONFIG}seed: !!python/object/apply:evil.boom []\n",
            f"{CONFIG}seed: !!python/name:evil.boom ''\n",
            f"!!python/module:evil\n{CONFIG}",
        ):
            assert refused("train", written(text)).count("error: ") == 1
        written(CONFIG)
        for override in (f"model.encoder.kind={call}", "safe_mode=false", "seed=!!python/object/apply:evil.boom []"):
            assert "error: override:" in refused("train", "c.yaml", override)


def test_keras_cve_2026_1669():
    """Data sets of a model's HDF5 file lay in other files of the reader, which came back as weights."""
    secret = np.arange(12, dtype="<f8") + 0.125
    Path("secret.bin").write_bytes(secret.tobytes())
    with h5py.File("secret.h5", "w") as file:
        file["x"] = secret.reshape(4, 3)
    with h5py.File("external.h5", "w") as file:
        file.create_dataset("x", (4, 3), "f8", external=[(str(Path("secret.bin").resolve()), 0, 96)])
    with h5py.File("virtual.h5", "w") as file:
        layout = h5py.VirtualLayout((4, 3), "f8")
        layout[:] = h5py.VirtualSource(str(Path("secret.h5").resolve()), "x", (4, 3))
        file.create_virtual_dataset("x", layout)
    with h5py.File("linked.h5", "w") as file:
        file["x"] = h5py.ExternalLink(str(Path("secret.h5").resolve()), "x")
        file["own"] = np.zeros((4, 3))
    said = {"external.h5": "lies in other files", "virtual.h5": "lies in other files", "linked.h5": "is a link"}
    with unharmed():
        for name, why in said.items():
            err = refused("check", written(f"data: {{source: {name}, key: x}}\n"))
            assert why in err
            assert ".125" not in err


def test_keras_cve_2026_0897():
    """A data set that declared a petabyte was made room for before anything of it was read."""
    with h5py.File("model.weights.h5", "w") as file:
        file.create_dataset("x", (10**6, 10**6, 10**3), "f4", chunks=(1, 1000, 1000))
        file.create_dataset("whole", (4, 3), "f4", data=np.zeros((4, 3)))
        file.create_dataset("packed", (10**5, 10**6), "f4", chunks=(100, 1000), compression="gzip")
    with unharmed():
        for key in ("x", "packed"):
            err = refused("check", written(f"data: {{source: model.weights.h5, key: {key}}}\n"))
            assert f"'{key}' announces" in err


def test_lightning_instantiator_cve_2026_58659():
    """A checkpoint's hyperparameter `_instantiator` named a function to import and call, weights_only or not."""
    run = received(memory=json.dumps({"_instantiator": "evil.boom", "best": 1.0}).encode())
    with unharmed():
        err = refused("eval", run.path, code=4)
        assert "'_instantiator' is nothing that training remembers" in err
        text = run.config_path.read_text()
        run.config_path.write_text(text + "_instantiator: evil.boom\n_class_path: evil.boom\n")
        for command in (["eval"], ["resume"]):
            err = refused(*command, run.path)
            assert "unknown key '_instantiator'" in err
            assert "unknown key '_class_path'" in err


def test_hydra_ghsa_37p2_j732_x8pj():
    """A config's `_target_` named any function, with its arguments, to be called."""
    target = "_target_: os.system, _args_: ['touch canary'], _partial_: false"
    with unharmed():
        for text in (
            f"{CONFIG}_target_: evil.boom\n",
            f"data: {{source: digits, {target}}}\n",
            f"{CONFIG}model: {{{target}}}\n",
            f"{CONFIG}model: {{encoder: {{kind: mlp, {target}}}}}\n",
            f"{CONFIG}model: {{bottleneck: {{{target}}}}}\n",
            f"{CONFIG}objective: {{penalties: [{{{target}}}]}}\n",
            f"{CONFIG}training: {{optimizer: {{kind: adam, learning_rate: {{{target}}}}}}}\n",
        ):
            err = refused("check", written(text))
            assert "_target_" in err or "needs a `kind`" in err
        assert "unknown key '_target_'" in refused("check", written(CONFIG), "model._target_=evil.boom")
        err = refused("check", "c.yaml", "seed=${oc.env:HOME}")
        assert "must be a whole number" in err


def test_nemo_cve_2025_23304():
    """A .nemo archive was unpacked, over any path that its members named, and its config's target was built."""
    config = b"target: evil.boom\n_target_: evil.boom\n"
    absolute = Path("absolute").resolve()
    members = {"../canary": b"", str(absolute): b"", "model_config.yaml": config, "model_weights.ckpt": pickled()}
    archive = tar(Path("model.nemo"), members, {"out": "/", "run.json": "/etc/hostname"})
    with unharmed():
        assert "'model.nemo' is a file, not a run directory" in refused("eval", archive)
        assert "ends like no file that is read here" in refused("check", written(f"data: {{source: {archive}}}\n"))
        for name in ("rows.npz", "rows.npy", "rows.h5", "rows.parquet", "rows.idx", "rows.arrow"):
            Path(name).write_bytes(archive.read_bytes())
            assert refused("check", written(f"data: {{source: {name}}}\n")).count("error: ") == 1
        assert "unknown key 'target'" in refused("check", written(CONFIG + config.decode()))
        assert not absolute.exists()
        assert not Path("model_config.yaml").exists()


def test_torch_cve_2025_32434():
    """torch.load ran code for a file in its old tar format, although only weights were asked for."""
    inside = {"sys_info": pickled(), "pickle": pickled(), "storages": pickled(), "tensors": pickled()}
    old = tar(Path("weights.pt"), inside).read_bytes()
    with zipfile.ZipFile("new.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickled())
    with unharmed():
        for i, state in enumerate((old, pickled(), Path("new.pt").read_bytes())):
            run = received(state)
            err = refused("eval", run.path, code=4)
            assert f"{run.path}/checkpoints/3/state.safetensors: damaged: " in err
            run.path.rename(f"received-{i}")
        for name, content in {"x.npy": pickled(), "x.npz": Path("new.pt").read_bytes(), "y.npy": old}.items():
            Path(name).write_bytes(content)
            assert refused("check", written(f"data: {{source: {name}}}\n")).count("error: ") == 1
        assert "ends like no file that is read here" in refused("check", written("data: {source: weights.pt}\n"))


def test_yaml_billion_laughs():
    """A few hundred bytes of aliases of aliases became gigabytes once they were followed."""
    rows = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    )
    keys = "a: &a {x: 1, y: 2, z: 3}\n" + "".join(
        f"{b}: &{b} {{x: *{a}, y: *{a}, z: *{a}}}\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    )
    with unharmed():
        for text in (rows, keys, CONFIG + rows):
            assert "holds more than 10000 values" in refused("check", written(text))
        assert "refers to itself" in refused("check", written("data: &a {source: *a}\n"))
        run = received()
        run.config_path.write_text(run.config_path.read_text() + rows)
        for command in (["eval", run.path], ["runs", "show", run.path], ["resume", run.path]):
            assert "holds more than 10000 values" in refused(*command)


def test_ultralytics_exec_of_a_data_sets_yaml():
    """The `download:` of a data set's YAML was handed to exec(), or to a shell."""
    with unharmed():
        for script in ("from pathlib import Path\n  Path('canary').touch()", "bash touch canary"):
            block = f"download: |\n  {script}\n"
            err = refused("check", written(f"path: digits\ntrain: images\nnames: [a]\n{block}", "coco.yaml"))
            for key in ("download", "path", "train", "names"):
                assert f"unknown key '{key}'" in err
            inner = block.replace("\n", "\n  ").rstrip()
            assert "unknown key 'download'" in refused("train", written(f"data:\n  source: digits\n  {inner}\n"))
        err = refused("train", written(CONFIG), "data.download=import os; os.system('touch canary')")
        assert "unknown key 'download'" in err
