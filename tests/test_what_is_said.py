"""What a command has to say arrives on the console: always, whatever its threads do meanwhile."""

import os

import numpy as np
import pytest
from consents import consented
from processes import run_python

from faceswap_lab.video import VideoWriter

DOZEN = """
    import os, sys
    from faceswap_lab.__main__ import main
    import faceswap_lab.faces.extraction
    for number, clip in enumerate(sys.argv[1:] * 6):
        child = os.fork()  # a process each, without a dozen times the seconds that importing takes
        if not child:
            status = main(["faces", clip, f"set{number}"])
            sys.stderr.flush()
            os._exit(status)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
HAMMER = """
    import os, sys, threading
    from faceswap_lab.base import machine, weights
    def work(number):
        for round in range(20):
            os.write(2, f"line {number} {round}\\n".encode())
            machine.interpreter(weights.find("rnet").read_bytes(), shape=(1 + round, 24, 24, 3))
    before = os.fstat(2)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert os.path.samestat(before, os.fstat(2))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_clip_without_a_face_says_so_every_time(tmp_path):
    clips = []
    pattern = np.random.default_rng(0).integers(0, 255, (9, 12, 3), np.uint8).repeat(40, axis=0).repeat(40, axis=1)
    for name, image in (("black.mp4", np.zeros((360, 480, 3), np.uint8)), ("noface.mp4", pattern)):
        with VideoWriter(tmp_path / name, 25, (480, 360)) as writer:
            for _ in range(20):
                writer.write(image)
        clips.append(consented(tmp_path / name))
    done = run_python(DOZEN, *clips, cwd=tmp_path)
    assert done.stdout.split() == ["1"] * 12, done.stderr
    assert done.stderr.count("no face was found in any of 20 frames") == 12
    assert done.stderr.count("20/20") >= 12  # the progress bars are there as well
    assert "XNNPACK" not in done.stderr


def test_threads_that_load_networks_take_nothing_from_the_console():
    done = run_python(HAMMER)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stderr.split("\n")[:-1]) == sorted(f"line {n} {r}" for n in range(8) for r in range(20))
