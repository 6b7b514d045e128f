"""The course on copies of Colab's images: `make test-colab`. Slow: some gigabytes and half an hour for each.

A copy is a virtual environment with all packages of the image that the lab touches, in the image's versions: no GPU, none of
Colab's own packages, and the nearest patch of its Python that this computer has. What is built stays in build/colab_images.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import make_colab_archive  # noqa: E402
import notebook_rules as rules  # noqa: E402
from colab_images import FOLDER, Image, plain, read_images  # noqa: E402

BUILT = ROOT / "build" / "colab_images"
KERNEL = {"ipython": "7.34.0", "ipykernel": "6.17.1", "ipywidgets": "7.7.1"}  # of all three images
BESIDES = ("notebook", "opencv-python", "opencv-contrib-python")  # not ours, but in the way of ours
# IPython asks for jedi, which Colab leaves out; pip brings it, and with it a patch of parso where that is older.
MAY_MOVE = {"parso"}
SMALL = ("autoencoder_steps", "scratch_steps", "gan_steps")
COURSE = ("00", "01", "02", "03", "04", "05")
SECONDS = 3600  # the longest that one cell may take


def find_python(version: str) -> str | None:
    """An interpreter of the same minor version; None where there is none."""
    name = f"python{version.rsplit('.', 1)[0]}"
    for path in (shutil.which(name), sys.executable):
        if path:
            ask = [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            if f"python{subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()}" == name:
                return path
    return None


def pip(folder: Path, *arguments: str) -> str:
    """Runs a copy's own pip."""
    command = [folder / "bin" / "python", "-m", "pip", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def installed(folder: Path) -> dict[str, str]:
    """What pip finds in a copy: name -> version."""
    listed = json.loads(pip(folder, "list", "--format=json", "--disable-pip-version-check"))
    return {plain(entry["name"]): entry["version"] for entry in listed}


def build(image: Image, folder: Path) -> None:
    """Makes the copy of an image, unless it is there."""
    if (folder / ".ready").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([find_python(image.python), "-m", "venv", folder], check=True)
    tools = [f"{name}=={image.versions[name]}" for name in ("pip", "setuptools", "wheel")]
    pip(folder, "install", "--quiet", *tools)
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    pip(folder, "install", "--quiet", "-c", str(FOLDER / f"{image.name}.txt"), *needs, *BESIDES)
    pip(folder, "uninstall", "--quiet", "--yes", *(name for name in installed(folder) if name not in image.versions))
    (folder / ".ready").touch()


def execute(notebook: nbformat.NotebookNode, python: Path, folder: Path) -> list[str]:
    """Runs all cells in a kernel of a copy.

    Args:
        notebook: its outputs are filled in.
        python: the copy's.
        folder: the kernel's working directory.

    Returns:
        A line for each cell that failed.
    """
    manager = AsyncKernelManager()
    launch = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=launch, language="python", display_name="Colab's")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"COLAB_RELEASE_TAG": "release-colab", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment |= {f"FACESWAP_LAB_{name}": str(folder / name.lower()) for name in ("CONSENT", "SIGNING")}
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, km=manager, timeout=SECONDS, allow_errors=True, resources=where)
    client.owns_km = True  # so that it ends the kernel, too
    client.execute(env=environment)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [
        f"code cell {number}: {output.ename}: {output.evalue}"
        for number, cell in enumerate(code, 1)
        for output in cell.outputs
        if output.output_type == "error"
    ]


@pytest.fixture(scope="module", params=read_images(), ids=lambda image: image.name)
def colab(request, tmp_path_factory):
    """A fresh runtime: the image, the interpreter of its copy, and a folder that holds the lab's archive."""
    image = request.param
    if find_python(image.python) is None:
        pytest.skip(f"no Python {image.python.rsplit('.', 1)[0]} on this computer")
    build(image, BUILT / image.name)
    runtime = tmp_path_factory.mktemp(image.name)
    shutil.copytree(BUILT / image.name, runtime / "venv", symlinks=True, copy_function=os.link)  # no second 3 GB
    make_colab_archive.make_archive(ROOT, runtime / "content" / f"{make_colab_archive.NAME}.zip")
    return image, runtime / "venv", runtime / "content"


@pytest.mark.slow
def test_the_set_up_cell_changes_nothing_that_is_installed(colab):
    image, venv, content = colab
    before = installed(venv)
    assert {name: image.versions.get(name) for name in before} == before
    assert {name: before[name] for name in KERNEL} == KERNEL
    parameters = 'preset, seed, out, source, target, keep = "quick", 0, "runs/sample", "", "", ""\n'
    cell = rules.setup_cell({"repository": "", "branch": "main"})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(parameters + cell)])
    failed = execute(notebook, venv / "bin" / "python", content)
    after = installed(venv)
    added = sorted(name for name in after if name not in before)
    moved = {name: (version, after.get(name)) for name, version in before.items() if after.get(name) != version}
    print(f"\nColab {image.name}: {len(before)} packages; added: {', '.join(added)}; moved: {moved or 'none'}")
    print("".join(output.get("text", "") for output in notebook.cells[0].outputs))
    assert failed == [] and set(moved) <= MAY_MOVE and "faceswap-lab" in added


@pytest.mark.slow
def test_the_course_runs(colab):
    image, venv, content = colab
    problems = {}
    for path in sorted(rules.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        if path.name[:2] in COURSE:
            notebook = nbformat.read(path, as_version=4)
            for cell in notebook.cells:
                if "parameters" in rules.tags(cell):
                    cell.source = re.sub(rf"^({'|'.join(SMALL)}) = 0\b", r"\1 = 20", cell.source, flags=re.M)
            problems[path.stem] = execute(notebook, venv / "bin" / "python", content)
            nbformat.write(notebook, content / path.name)
            print(f"Colab {image.name} {path.stem}: {problems[path.stem] or 'ran'}", flush=True)
    assert {name: found for name, found in problems.items() if found} == {}
    assert (content / "lab" / "runs" / "sample" / "swap.mp4").stat().st_size > 100_000
