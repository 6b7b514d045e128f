"""pyproject.toml, environment.yml, Makefile: the same packages, every import named, commands that run."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import faceswap_lab

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
from colab_images import plain, read_images  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
IMAGES = read_images()  # what Colab has installed; ours must admit it, so that nothing is reinstalled there
NEWEST = {"tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.5.5", "opencv-python-headless": "5.0.0.93"}


def project_requirements() -> dict[str, str]:
    lines = list(PROJECT["dependencies"])
    for name, extra in PROJECT["optional-dependencies"].items():
        lines += extra if name != "actors" else []  # Blender: for rendering the data anew, not for running the lab
    return {plain(Requirement(line).name): str(Requirement(line).specifier) for line in lines}


def environment_requirements() -> dict[str, str]:
    lines = []
    for entry in ENVIRONMENT["dependencies"]:
        lines += entry["pip"] if isinstance(entry, dict) else [entry]
    found = [Requirement(line) for line in lines if line != "-e ." and line != "pip"]
    return {plain(one.name): str(one.specifier) for one in found}


def test_both_files_name_the_same():
    conda = environment_requirements()
    del conda["python"]  # see test_python_range
    assert conda == project_requirements()


def test_python_range():
    python = next(line for line in ENVIRONMENT["dependencies"] if str(line).startswith("python"))
    assert python == f"python{PROJECT['requires-python']}"


def refused(versions: dict[str, str]) -> list[str]:
    """Installed packages that the ranges of all dependencies, extras too, do not admit."""
    ranges = {name: Requirement(f"{name}{found}").specifier for name, found in project_requirements().items()}
    return [
        f"{name} {versions[name]}" for name in ranges if name in versions and not ranges[name].contains(versions[name])
    ]


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_ranges_admit_what_colab_has(image):
    assert not refused(image.versions)
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(image.python)
    ours = [name for name in project_requirements() if name in image.versions]
    assert {"tensorflow", "keras", "numpy", "opencv-python-headless", "ipython", "ipywidgets", "scikit-learn"} <= set(
        ours
    )
    assert refused(image.versions | {"numpy": "1.26.4", "ipywidgets": "7.6.5"}) == ["numpy 1.26.4", "ipywidgets 7.6.5"]


def test_the_lists_are_those_of_three_images():
    assert [(image.name, image.python) for image in IMAGES] == [
        ("2026.08", "3.13.15"), ("2026.07", "3.12.13"), ("2026.04", "3.12.13"),
    ]  # fmt: skip
    for image in IMAGES:
        assert len(image.versions) > 600 and image.versions["ipython"] == "7.34.0"


def test_ranges_admit_the_newest():
    assert not refused(NEWEST)


def test_every_range_has_both_ends():
    for name, specifier in project_requirements().items():
        assert ">=" in specifier and "<" in specifier.replace("<=", ""), name


def test_what_is_imported_is_named():
    """Every package that the code imports is a dependency by itself, not only somebody else's."""
    providers = metadata.packages_distributions()
    core = {plain(Requirement(line).name) for line in PROJECT["dependencies"]}
    core |= {"opencv-python"}  # where it is installed instead, it brings the same cv2
    core |= {"jax"}  # only when Keras runs on it
    core |= {"dlib-bin", "dlib", "distributed"}  # extras; what needs them names the command when they are missing
    core |= {"jupyter-client", "nbclient"}  # what papermill runs notebooks with
    core |= {"h5py"}  # what Keras keeps weights with
    wrong = {}
    for path in (ROOT / "faceswap_lab").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            names = [name for name in names if name != "google.colab"]  # there on Colab only, and asked for only there
            for top in {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"faceswap_lab"}:
                if not core & {plain(name) for name in providers.get(top, [top])}:
                    wrong.setdefault(top, path.name)
    assert wrong == {}


def test_version_is_one():
    assert re.fullmatch(r"\d+\.\d+\.\d+", faceswap_lab.__version__)
    if "faceswap_lab" in {name for names in metadata.packages_distributions().values() for name in names}:
        assert metadata.version("faceswap_lab") == faceswap_lab.__version__


def test_everything_that_belongs_to_the_package_is_packed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    package = ROOT / "faceswap_lab"
    packed = {path for pattern in settings["package-data"]["faceswap_lab"] for path in package.glob(pattern)}
    found = {path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert found == packed


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess:
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_makefile(tmp_path):
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    asked = make("-n", "lab", "NAME=mine", "VENV=elsewhere", folder=tmp_path).stdout
    assert '-e ".[notebook,test]"' in asked and 'run --name "mine"' in asked
    wrong = tmp_path / "python2"
    wrong.write_text("#!/bin/sh\nexit 1\n")
    wrong.chmod(0o755)
    refused = make("setup", f"PYTHON={wrong}", folder=tmp_path)
    assert refused.returncode and "3.11, 3.12 or 3.13" in refused.stderr
    none = make("setup", "PYTHON=", folder=tmp_path)
    assert none.returncode and "No Python 3.11" in none.stderr
    wrong.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n')
    assert "python3-venv" in make("setup", f"PYTHON={wrong}", folder=tmp_path).stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_ready_venv_is_not_touched_again(tmp_path):
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".ready").touch()
    assert "Installing" not in make("setup", folder=tmp_path).stdout


def test_the_slow_test_of_colab_is_a_target_of_its_own():
    assert (
        "tools/test_colab_image.py -k 2026.07" in make("-n", "test-colab", "ARGS=-k 2026.07", "PYTHON=python3").stdout
    )
    assert "test_colab_image" not in make("-n", "test", "PYTHON=python3").stdout


def test_ci_runs_the_same_command():
    script = (ROOT / ".ci" / "run").read_text()
    assert "set -euo pipefail" in script and script.rstrip().endswith("make test")
