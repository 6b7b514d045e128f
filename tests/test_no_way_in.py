"""The lab's own code has no call that runs what a file says: looked for in the syntax tree of every module."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for folder in ("faceswap_lab", "tools", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
PLAIN = {"eval", "exec", "compile", "__import__"}
# Whatever is called by one of these last names runs code, starts a shell, unpacks anywhere or reads Python objects.
LAST = {
    "system", "popen", "getoutput", "getstatusoutput", "unpack_archive", "extractall", "extract", "full_load", "unsafe_load",
    "read_pickle", "enable_unsafe_deserialization", "VideoCapture",
}  # fmt: skip
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "yaml", "joblib", "torch"}
READERS = {"load", "loads", "Unpickler", "open"}
ALLOWED = {  # (file, call): why
    (
        "tools/convert_mtcnn.py",
        "joblib.load",
    ): "a package's file, after its SHA-256 was compared with the one that was tried",
    (
        "benchmarks/score_trust.py",
        "pickle.loads",
    ): "a measurement's own half-finished work, which no stranger hands over",
    (
        "faceswap_lab/course/answering.py",
        "pickle.load",
    ): "the grader's own job, handed over by the process that started this one",
    (
        "faceswap_lab/course/answering.py",
        "compile",
    ): "a student's answer, which `grade` is asked to run: in this process of its own, with limits",
    ("faceswap_lab/course/answering.py", "exec"): "the same",
}


def name_of(node) -> str:
    """A called name with its dots: np.load, os.system."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def value_of(call: ast.Call, keyword: str):
    """A keyword's literal value, None where it is not given, "?" where it is no literal."""
    for given in call.keywords:
        if given.arg == keyword:
            return given.value.value if isinstance(given.value, ast.Constant) else "?"
    return None


def origins(tree: ast.Module) -> dict[str, str]:
    """Where imported names come from: np -> numpy, load -> pickle.load."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {
                (one.asname or one.name.split(".")[0]): (one.name if one.asname else one.name.split(".")[0])
                for one in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return found


def ways_in(source: str) -> list[tuple[int, str, str]]:
    """(line, call, why) of each call that could run what a file or a name says."""
    tree, found = ast.parse(source), []
    known = origins(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        first, _, rest = name_of(node.func).partition(".")
        name = ".".join(filter(None, (known.get(first, first), rest)))
        module, last = name.split(".")[0], name.rpartition(".")[2]
        if value_of(node, "shell") not in (None, False):
            found.append((node.lineno, name, "starts a shell"))
        if name in PLAIN or last in LAST or (module in MODULES and last in READERS):
            found.append((node.lineno, name, "runs code, or unpacks anywhere"))
        if value_of(node, "allow_pickle") not in (None, False) or value_of(node, "safe_mode") not in (None, True):
            found.append((node.lineno, name, "allows Python objects"))
        if (
            module == "numpy"
            and last in ("load", "fromregex", "loadtxt", "genfromtxt")
            and value_of(node, "allow_pickle") is not False
        ):
            found.append((node.lineno, name, "reads arrays without allow_pickle=False"))
        if last in ("load_model", "load_weights") and module not in ("self",):
            found.append((node.lineno, name, "loads a model"))
    return found


LOADERS = {  # where a model's numbers are loaded: only behind `untrusted.check_weights`, or by the lab's own functions
    "faceswap_lab/training/models.py": {"load_weights", "model.load_weights"},
    "faceswap_lab/models/mobilenet_recognition.py": {"model.load_weights"},
}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_module_has_a_way_in(path):
    own = relative(path)
    left = []
    for line, call, why in ways_in(path.read_text(encoding="utf-8")):
        lab_s_own = call.startswith("faceswap_lab.") and call.rpartition(".")[2] in ("load_model", "load_weights")
        if not lab_s_own and (own, call) not in ALLOWED and call not in LOADERS.get(own, ()):
            left.append(f"{own}:{line}: {call} {why}")
    assert not left, "\n".join(left)


@pytest.mark.parametrize("own", LOADERS)
def test_weights_are_loaded_behind_the_check(own):
    """In the same function, `untrusted.check_weights` stands before Keras's `load_weights`."""
    loading = 0
    for function in (
        n for n in ast.walk(ast.parse((ROOT / own).read_text(encoding="utf-8"))) if isinstance(n, ast.FunctionDef)
    ):
        calls = {name_of(n.func): n.lineno for n in ast.walk(function) if isinstance(n, ast.Call)}
        if "model.load_weights" in calls:
            loading += 1
            assert calls.get("untrusted.check_weights", 10**9) < calls["model.load_weights"], f"{own}: {function.name}"
    assert loading == 1


@pytest.mark.parametrize(
    "source",
    ["import os\nos.system('ls ' + name)", "import subprocess\nsubprocess.run(x, shell=True)", "eval(text)", "exec(text)",
     "import pickle\npickle.load(f)", "from pickle import loads\nloads(b)", "import pickle as p\np.Unpickler(f).load()",
     "import numpy as np\nnp.load(f)", "import numpy as np\nnp.load(f, allow_pickle=True)", "np.load(f, allow_pickle=yes)",
     "import yaml\nyaml.load(f)", "import keras\nkeras.models.load_model(p)", "keras.saving.load_model(p, safe_mode=False)",
     "import tarfile\ntarfile.open(p).extractall()", "import zipfile\nzipfile.ZipFile(p).extract(m)",
     "import shutil\nshutil.unpack_archive(p)",
    
     "from joblib import load\nload(p)", "import torch\ntorch.load(p)", "import pandas as pd\npd.read_pickle(p)",
     "import cv2\ncv2.VideoCapture(p)",
     "from os import popen as run\nrun(p)"],
)  # fmt: skip
def test_the_search_finds_what_it_looks_for(source):
    assert ways_in(source)


@pytest.mark.parametrize(
    "source",
    [
        "subprocess.run(x)",
        "np.load(f, allow_pickle=False)",
        "import re\nre.compile(x)",
        "import json\njson.load(f)",
        "model.evaluate(x)",
    ],
)
def test_the_search_passes_what_is_harmless(source):
    assert not ways_in("import subprocess, numpy as np\n" + source)


PACKAGE = sorted((ROOT / "faceswap_lab").rglob("*.py"))
def unbounded(own: str, source: str) -> list[str]:
    """What is opened past the helpers that look at a file's size and kind first."""
    tree, found = ast.parse(source), []
    known = origins(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, _, rest = name_of(node.func).partition(".")
            name = ".".join(filter(None, (known.get(first, first), rest)))
            if name == "av.open" and own != "faceswap_lab/video/ffmpeg.py" and "'w'" not in map(ast.unparse, node.args):
                found.append(f"{own}:{node.lineno}: {name} without ffmpeg.opened")
            if name == "pandas.read_csv" and own != "faceswap_lab/base/files.py":
                found.append(f"{own}:{node.lineno}: {name} without files.read_csv")
            if (
                name == "PIL.Image.open"
                and value_of(node, "formats") is None
                and not any(k.arg == "formats" for k in node.keywords)
            ):
                found.append(f"{own}:{node.lineno}: {name} takes any format")
            if name in ("cv2.imread", "imageio.imread", "matplotlib.pyplot.imread"):
                found.append(f"{own}:{node.lineno}: {name} without pictures.read_picture")
    return found


@pytest.mark.parametrize("path", PACKAGE, ids=relative)
def test_files_are_opened_by_the_helpers_that_look_first(path):
    assert not unbounded(relative(path), path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "source",
    ["import av\nav.open(path)", "import av\nav.open(path, 'r')", "import pandas as pd\npd.read_csv(path)",
     "from PIL import Image\nImage.open(path)", "import cv2\ncv2.imread(path)"],
)  # fmt: skip
def test_the_search_for_unbounded_files_finds_them(source):
    assert unbounded("faceswap_lab/any.py", source)
