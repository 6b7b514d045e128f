"""Standard error holds the lab's own lines and nobody else's, whatever TensorFlow says as it is loaded."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from faceswap_lab.base import log_levels, weights
from faceswap_lab.base.log_levels import held_back

ROOT = Path(__file__).resolve().parents[2]
SAID = "I0000 00:00:1795915599.303655   28300 port.cc:153] oneDNN custom operations are on.\n"


def python(*arguments, paths=(), **settings):
    """Runs a fresh Python in which nobody has set a level: (what it said, what stands on standard error)."""
    environment = {name: value for name, value in os.environ.items() if name not in log_levels.LEVELS} | settings
    environment["PYTHONPATH"] = os.pathsep.join(map(str, [*paths, ROOT]))
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def talkative(tmp_path):
    """A folder with a `tensorflow` that says at once what the true one says, and something that matters."""
    (tmp_path / "tensorflow").mkdir()
    first = "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    text = f"import os\nfor line in {[first, SAID, 'disk full' + chr(10)]!r}:\n    os.write(2, line.encode())\n"
    (tmp_path / "tensorflow" / "__init__.py").write_text(text)
    return tmp_path


def test_tensorflow_loads_in_silence_unless_somebody_asked_for_its_log(talkative):
    load = "import faceswap_lab, os, tensorflow; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    assert python("-c", load, paths=[talkative]) == ("3\n", "disk full\n")
    said, errors = python("-c", load, paths=[talkative], TF_CPP_MIN_LOG_LEVEL="0")
    assert said == "0\n" and SAID in errors
    handed_on = "import faceswap_lab, subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    assert python("-c", handed_on, load, paths=[talkative]) == ("3\n", "disk full\n"), (
        "the lab's own processes likewise"
    )


def test_advice_for_programmers_is_left_out_unless_somebody_asked_for_it():
    advice = "5 out of the last 89 calls to <function> triggered tf.function retracing. Tracing is expensive"
    say = f"import faceswap_lab, logging; log = logging.getLogger('tensorflow'); log.warning({advice!r}); log.warning('ours')"
    assert python("-c", say)[1] == "ours\n"
    assert python("-c", say, TF_CPP_MIN_LOG_LEVEL="0")[1] == f"{advice}\nours\n"


def test_only_noise_is_held_back_from_any_thread_and_after_any_end(capfd):
    def write(number):
        with held_back(log_levels.LOADING):
            os.write(2, SAID.encode())
            os.write(2, b"%d is ours\n" % number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(RuntimeError), held_back(log_levels.LOADING):
        os.write(2, b"before the end\n")
        raise RuntimeError
    os.write(2, b"after it\n")
    lines = capfd.readouterr().err.splitlines()
    assert sorted(lines[:12]) == sorted(f"{number} is ours" for number in range(12))
    assert lines[12:] == ["before the end", "after it"]


def test_nothing_breaks_without_a_standard_error():
    assert (
        python(
            "-c", "import os; os.close(2); import faceswap_lab.base.log_levels as l\nwith l.held_back(l.LOADING): print(1)"
        )[0]
        == "1\n"
    )


def test_commands_say_only_what_is_ours(tmp_path):
    assert python("-m", "faceswap_lab", "faces", "--help")[1] == ""
    clip, model = ROOT / "data" / "sample" / "target.mp4", weights.data_folder() / "weights" / "quick_autoencoder"
    convert = ["convert", str(clip), "--model", str(model), "--out", str(tmp_path / "swap.mp4"), "--range", "0-0.1"]
    both = f"from faceswap_lab.__main__ import main; print(main(['doctor'])); print(main({convert}))"
    said, errors = python("-c", both)
    assert "All is well.\n0\n" in said and "2 of 2 frames swapped" in said
    foreign = [
        line for line in re.split(r"[\r\n]+", errors) if line and "frames" not in line
    ]  # a progress line's parts
    assert not foreign
