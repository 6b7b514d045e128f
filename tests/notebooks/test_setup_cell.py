"""The set-up cell, word for word, where nothing is installed: a small lab stands in for the course, git and pip are real."""

import os
import shutil
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import notebook_rules as rules  # noqa: E402

WITH, WITHOUT = ({"repository": name, "branch": "main"} for name in ("somebody/faceswap_lab", ""))
PARAMETERS = 'preset, seed, out, source, target, keep = "quick", 3, "runs/sample", "", "", ""\n'
LAB = {
    "pyproject.toml": """
        [build-system]
        requires = ["setuptools"]
        build-backend = "setuptools.build_meta"
        [project]
        name = "faceswap_lab"
        version = "9.9"
        [tool.setuptools.packages.find]
        include = ["faceswap_lab*"]
        """,
    "faceswap_lab/__init__.py": """
        def setup(preset, seed, *clips, **options):
            return f"{preset} {seed} from {__file__}"
        """,
}
FAKE_PIP = """
import pathlib, sys, sysconfig, time
assert sys.argv[1:4] == ["install", "-q", "-e"], sys.argv
pathlib.Path(r"{started}").touch()
time.sleep({seconds})
pathlib.Path(sysconfig.get_path("purelib"), "lab.pth").write_text(sys.argv[4])
"""


@pytest.fixture(scope="module")
def small_lab(tmp_path_factory):
    """A folder with the least that the cell can install."""
    folder = tmp_path_factory.mktemp("small") / "faceswap_lab_colab"
    for name, text in LAB.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    return folder


@pytest.fixture
def machine(tmp_path, small_lab):
    """A computer whose Python has every package of this one but the lab; a folder stands in for GitHub."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    packages = next((tmp_path / "venv").glob("lib/*/site-packages"), tmp_path / "venv" / "Lib" / "site-packages")
    (packages / "base.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    (tmp_path / "content").mkdir()
    origin = tmp_path / "github" / "somebody" / "faceswap_lab"
    shutil.copytree(small_lab, origin)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(origin)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "lab"]):
        subprocess.run(git + command, check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    return Machine(
        tmp_path,
        environment
        | {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.file://{tmp_path}/github/.insteadOf"}
        | {"GIT_CONFIG_VALUE_0": "https://github.com/"}
        | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )


class Machine:
    """Its folder, the variables of its processes, and what can be done there."""

    def __init__(self, folder: Path, environment: dict[str, str]):
        self.folder, self.content, self.environment = folder, folder / "content", environment
        self.python = next(path for path in (folder / "venv").glob("[bS]*/python*") if path.stem == "python")
        self.started = folder / "pip_has_started"

    def fake_pip(self, seconds: float = 0) -> None:
        """A pip that takes `seconds`, then makes the lab importable for new processes."""
        (self.folder / "fake" / "pip").mkdir(parents=True)
        text = FAKE_PIP.format(started=self.started, seconds=seconds)
        (self.folder / "fake" / "pip" / "__init__.py").touch()
        (self.folder / "fake" / "pip" / "__main__.py").write_text(text)
        self.environment["PYTHONPATH"] = str(self.folder / "fake")

    def run(self, cell: str, where: Path | None = None) -> subprocess.CompletedProcess:
        """The cell in a new process."""
        command = [self.python, "-c", f"{PARAMETERS}{cell}\nprint(run)"]
        where = where or self.content
        return subprocess.run(command, cwd=where, env=self.environment, capture_output=True, text=True, check=False)

    def refusal(self, setting: dict[str, str]) -> str:
        """What the cell says when it stops; one line, and nothing was installed."""
        done = self.run(rules.setup_cell(setting))
        assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr
        return done.stderr


def execute(client, code: str) -> tuple[str, str, str]:
    """Runs code in a kernel: what it printed, and name and words of its error.

    `stop_on_error` is off here and before: a kernel that has just failed drops, for a moment, what it is asked next.
    """
    printed = []
    reply = client.execute_interactive(
        code,
        timeout=300,
        stop_on_error=False,
        output_hook=lambda message: printed.append(message["content"].get("text", "")),
    )["content"]
    assert reply["status"] != "aborted", reply
    return "".join(printed), reply.get("ename", ""), reply.get("evalue", "")


def test_interrupted_then_failed_then_installed_in_one_kernel_wherever_it_stands(machine):
    from jupyter_client import KernelManager
    from jupyter_client.kernelspec import KernelSpec

    cell = PARAMETERS + rules.setup_cell(WITH)
    manager = KernelManager()
    launch = [str(machine.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=launch, language="python", display_name="copy")
    machine.fake_pip(seconds=60)
    manager.start_kernel(cwd=str(machine.content), env=machine.environment)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=300)
        asked = client.execute(cell, stop_on_error=False)
        deadline = time.monotonic() + 300
        while not machine.started.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        manager.interrupt_kernel()
        while (reply := client.get_shell_msg(timeout=120))["parent_header"].get("msg_id") != asked:
            pass
        assert reply["content"]["ename"] == "KeyboardInterrupt"

        execute(client, "import os; del os.environ['PYTHONPATH']; os.chdir('lab')")  # in sight of the package: a trap
        printed, name, words = execute(client, cell)  # real pip now, which may not fetch what it builds with
        assert name == "SystemExit" and "Installing the lab: about four minutes" in printed
        assert "\n" not in words and "setuptools" in words and "Run this cell again" in words and "Internet" in words

        execute(client, "os.environ.update(PIP_NO_BUILD_ISOLATION='0', PIP_NO_DEPS='1'); os.chdir(os.pardir)")
        printed, name, words = execute(client, cell + "\nprint(run); os.chdir('/')")
        assert not name and f"quick 3 from {machine.content}/lab/faceswap_lab/__init__.py" in printed, words
        printed, name, words = execute(client, cell + "\nprint(run)")  # again, from another folder
        assert not name and "quick 3" in printed and "Installing" not in printed
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    second = machine.run(rules.setup_cell(WITH), machine.folder)  # a second notebook of this runtime
    assert "quick 3" in second.stdout and "Installing" not in second.stdout
    (machine.content / "faceswap_lab").mkdir()  # as a clone by hand leaves it: not taken for the package
    assert "quick 3" in machine.run(rules.setup_cell(WITH)).stdout


def test_a_broken_fetch_is_begun_again(machine):
    machine.fake_pip()
    (machine.content / "lab.part" / "faceswap_lab").mkdir(parents=True)
    done = machine.run(rules.setup_cell(WITH))
    assert "quick 3" in done.stdout, done.stderr
    assert sorted(path.name for path in machine.content.iterdir()) == ["lab"]


def test_what_cannot_be_cloned_says_why(machine):
    said = machine.refusal(WITH | {"repository": "nobody/nothing"})
    assert "git clone" in said and "fatal: " in said and "Run this cell again" in said and "Internet" in said
    assert not (machine.content / "lab").exists()


def test_without_an_address_it_says_what_to_do(machine):
    said = machine.refusal(WITHOUT)
    assert "upload faceswap_lab_colab.zip" in said and "`make colab`" in said and "Drive" in said and "Kaggle" in said


@pytest.mark.parametrize("place", [".", "drive/MyDrive", "drive/MyDrive/course"])
def test_it_takes_the_archive(machine, small_lab, place):
    machine.fake_pip()
    (machine.content / place).mkdir(parents=True, exist_ok=True)
    archive = machine.content / place / "faceswap_lab_colab.zip"
    archive.write_bytes(b"PK\3\4 the first half")
    assert "uploaded whole" in machine.refusal(WITHOUT)
    with zipfile.ZipFile(archive, "w") as file:
        for name in LAB:
            file.write(small_lab / name, f"faceswap_lab_colab/{name}")
    done = machine.run(rules.setup_cell(WITHOUT))
    assert f"quick 3 from {machine.content}/lab/" in done.stdout, done.stderr


def test_on_kaggle_it_copies_the_dataset(machine, small_lab):
    machine.fake_pip()
    data = machine.folder / "kaggle" / "input" / "datasets" / "somebody" / "lab" / "faceswap_lab_colab"
    shutil.copytree(small_lab, data)
    cell = rules.setup_cell(WITHOUT)
    assert cell.count("/kaggle/input") == 1
    done = machine.run(cell.replace("/kaggle/input", str(machine.folder / "kaggle" / "input")))
    assert f"quick 3 from {machine.content}/lab/" in done.stdout, done.stderr


def test_a_checkout_around_the_notebook_is_installed_itself(machine, small_lab):
    machine.fake_pip()
    shutil.copytree(small_lab, machine.folder / "checkout")
    (machine.folder / "checkout" / "notebooks").mkdir()
    done = machine.run(rules.setup_cell(WITH), machine.folder / "checkout" / "notebooks")
    assert f"quick 3 from {machine.folder}/checkout/faceswap_lab/" in done.stdout, done.stderr
    assert not list((machine.folder / "checkout" / "notebooks").iterdir())
