"""No file of aecli executes data, and the check that says so can fail: each rule with a sample that it catches."""

from __future__ import annotations

from pathlib import Path

import pytest

import aecli
from tests.code_rules import ATTRIBUTES, KEYWORDS, MODULES, NAMES, faults

ROOT = Path(aecli.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
# What one file needs, and why it is safe there.
OWN = {
    # Machine code that aecli itself wrote into the user's cache, in JAX's own pickles.
    "training/executables.py": {"pickle", "jax.experimental.serialize_executable"},
    "runs/provenance.py": {"subprocess"},  # git, by a list of words, without what the repository names
    "data/sources/probe.py": {
        "subprocess"
    },  # this file itself, by Python itself: no word of it comes from data but a path
    "data/sources/download.py": {"requests"},  # named sets alone, by their SHA-256
    "data/sources/cifar10.py": {"tarfile"},  # members are read as streams, by name: nothing is unpacked
}
BAD = {
    "eval": ["eval(x)", "f = eval", "from builtins import eval as e", "import builtins\nbuiltins.eval(x)",
             "getattr(__builtins__, 'ev' + 'al')", "map(eval, x)"],
    "exec": ["exec(x)", "run = exec\nrun(x)"],
    "compile": ["compile(x, '', 'exec')"],
    "import by name": ["__import__(x)", "import importlib\nimportlib.import_module(x)",
                       "from importlib import import_module as i\ni(x)", "import importlib.util", "import pkgutil",
                       "import sys\nsys.modules[x]", "import runpy\nrunpy.run_path(x)", "from imp import load_source"],
    "pickle": ["import pickle", "from pickle import loads", "import _pickle as p", "import dill", "import cloudpickle",
               "from joblib import load", "import shelve", "import marshal", "import pandas as pd\npd.read_pickle(x)",
               "frame.to_pickle(x)", "def f():\n    import pickle", "x.__reduce__()"],
    "numpy's pickles": ["import numpy as np\nnp.load(x)", "from numpy import load\nload(x)",
                        "import numpy\nf = numpy.load", "import jax.numpy as jnp\njnp.load(x)",
                        "read(x, allow_pickle=True)", "read(x, allow_pickle=flag)"],
    "yaml": ["import yaml\nyaml.load(x, yaml.SafeLoader)", "import yaml as y\ny.unsafe_load(x)",
             "from yaml import full_load", "from yaml import UnsafeLoader as L", "import yaml\nyaml.Loader(x)",
             "import yaml\nyaml.FullLoader", "import yaml\ngetattr(yaml, 'CLoader')(x)",
             "from yaml.loader import Unsafe", "import yaml\ngetattr(yaml, name)"],
    "archives": ["archive.extractall(x)", "archive.extract(x)", "import shutil\nshutil.unpack_archive(x)",
                 "import tarfile", "from shutil import unpack_archive as u", "getattr(archive, 'extractall')(x)"],
    "shells": ["import os\nos.system(x)", "from os import system as s\ns(x)", "import os\nos.popen(x)",
               "import os\nos.execv(x, y)", "import os\nos.spawnl(x)", "import os as o\no.posix_spawn(x)",
               "import subprocess", "from subprocess import run", "run(x, shell=True)", "run(x, shell=y)",
               "import pty"],
    "native code": ["import ctypes", "from ctypes import CDLL", "import cffi", "import numpy as np\nnp.ctypeslib.load"],
    "torch": ["import torch", "from torch import load", "import torch.nn as nn"],
    "hdf5 but for reading": ["import h5py\nh5py.File(x)", "import h5py\nh5py.File(x, 'r+')",
                             "from h5py import File as F\nF(x, mode='a')", "import h5py\nh5py.File(x, how)",
                             "import h5py\nopen = h5py.File"],
    "templates": ["from jinja2 import Environment\nEnvironment()", "from jinja2 import Template",
                  "import jinja2\njinja2.Environment(autoescape=False)", "environment.from_string(x)",
                  "from markupsafe import Markup"],
    "pictures of any kind": ["from PIL import Image\nImage.open(x)", "import PIL.Image\nPIL.Image.open(x)"],
    "mapped files": ["import numpy as np\nnp.memmap(x)", "import mmap"],
    "networks": ["import requests", "import urllib.request", "from urllib import request", "import socket",
                 "from http.client import HTTPConnection"],
    "objects' insides": ["f.__globals__", "().__class__.__base__.__subclasses__()", "vars()", "globals()['x']",
                         "import os\nvars(os)[x]", "import os\ngetattr(os, name)(x)", "import os\nsetattr(os, x, y)"],
    "all names of a module": ["from os import *"],
}  # fmt: skip
GOOD = [
    "import re\nre.compile(x)", "import numpy as np\nnp.save(x, y, allow_pickle=False)", "model.compile(x)",
    "import yaml\nyaml.SafeLoader(x)", "import yaml\ngetattr(yaml, 'CSafeLoader', yaml.SafeLoader)",
    "from importlib import metadata\nmetadata.version(x)", "from importlib.resources import files",
    "from urllib.parse import urlsplit", "import h5py\nh5py.File(x, 'r')", "import h5py\nh5py.File(x, mode='r')",
    "import h5py\ndef f(file: h5py.File) -> list[h5py.File]: ...", "import jax\ngetattr(jax.nn, name)",
    "from PIL import Image\nImage.open(x, formats=('PNG',))", "getattr(part, name)", "self.eval()", "code.mean()",
    "def f(code):\n    return code.x", "torch = 1\ntorch + 1", "code = 3\ncode + 1", "vars(self)",
    "from jinja2 import Environment\nEnvironment(autoescape=True)", "run(x, shell=False)", "import os\nos.open(x, y)",
    "import zipfile\nzipfile.ZipFile(x).open(y)",
]  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_executes_data(path):
    allowed = frozenset(OWN.get(path.relative_to(ROOT).as_posix(), ()))
    assert faults(path.read_text(), allowed) == []


@pytest.mark.parametrize("path", OWN)
def test_what_is_allowed_to_one_file_is_needed_there(path):
    text = (ROOT / path).read_text()
    for name in OWN[path]:
        assert faults(text, frozenset(OWN[path] - {name})), f"{path} no longer needs {name}"


@pytest.mark.parametrize(("rule", "sample"), [(rule, sample) for rule, samples in BAD.items() for sample in samples])
def test_each_rule_catches_what_it_forbids(rule, sample):
    assert faults(sample), rule


@pytest.mark.parametrize("sample", GOOD)
def test_what_is_harmless_is_let_through(sample):
    assert faults(sample) == []


def test_every_name_of_the_rules_is_caught():
    for name in MODULES:
        assert faults(f"import {name}"), name
        assert faults(f"from {name} import anything"), name
    for name in NAMES:
        module = f"import {name.rpartition('.')[0]}\n" if "." in name else ""
        assert faults(f"{module}{name}(x)"), name
    for name in ATTRIBUTES:
        assert faults(f"x.{name}"), name
        assert faults(f"getattr(x, {name!r})"), name
    for word in KEYWORDS:
        assert faults(f"f({word}=True)"), word


def test_only_what_the_page_makes_is_put_into_it_unescaped():
    templates = sorted((ROOT / "report" / "html" / "templates").glob("*.html"))
    assert templates
    safe = [line.strip() for path in templates for line in path.read_text().splitlines() if "safe" in line]
    assert safe == [
        "<style>{{ css | safe }}</style>",
        '<script type="application/json" id="charts">{{ charts | safe }}</script>',
        '<script type="application/json" id="maps">{{ maps | safe }}</script>',
        "<script>{{ script | safe }}</script>",
    ]
    text = "".join(path.read_text() for path in templates)
    assert "autoescape" not in text
