"""Two processes and one output: the second is told so, and a process that is killed holds nothing back."""

import os
import time

import numpy as np
import pytest
from consents import consented
from processes import ROOT, forks

from faceswap_lab import __main__
from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.training import fitting
from faceswap_lab.video.pictures import list_pictures, write_picture

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
AT_WORK = "another process is at work on this now. Wait until it has finished, or "


def holds(told, place, inside=False):
    with files.claimed(place, inside=inside):
        told.send("held")
        time.sleep(300)


def converts(told, *given):
    from test_conversion import PLAIN, Generator, conversion

    def wait(done, total):
        if done == 3:
            told.send("held")
            time.sleep(300)

    target, faces, out = given
    conversion.convert(target, faces, Generator(), out, progress=wait, part_frames=2, **PLAIN)


class Other:
    """A process of its own that has got to work on something."""

    def __init__(self, work, *arguments):
        heard, told = forks().Pipe(duplex=False)
        self.process = forks().Process(target=work, args=(told, *arguments), daemon=True)
        self.process.start()
        assert heard.recv() == "held"

    def kill(self):
        self.process.kill()
        self.process.join()


@pytest.mark.parametrize("inside", (False, True))
def test_a_claim_ends_with_its_process(tmp_path, inside):
    place = tmp_path / "out"
    place.mkdir()
    other = Other(holds, place, inside)
    for _ in range(2):
        with pytest.raises(LabError, match=f"^{place}: {AT_WORK}choose"), files.claimed(place, inside=inside):
            raise AssertionError("claimed twice")
    files.remove_partial(place)  # as every stage does when it begins
    with pytest.raises(LabError, match=AT_WORK), files.claimed(place, inside=inside):
        raise AssertionError("claimed twice")
    other.kill()
    with files.claimed(place, inside=inside):
        assert len(list(tmp_path.rglob(f"{files.LOCK}*"))) == 1
    assert not list(tmp_path.rglob(f"{files.LOCK}*"))


def test_a_disk_without_locks_claims_nothing(tmp_path, monkeypatch):
    import errno
    import fcntl

    def refused(*_):
        raise OSError(errno.ENOTSUP, "no locks")

    monkeypatch.setattr(fcntl, "flock", refused)
    with files.claimed(tmp_path / "a"), files.claimed(tmp_path / "a"):
        pass
    assert not list(tmp_path.iterdir())


def test_two_conversions_into_one_output(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "swap"))
    from test_conversion import PLAIN, Generator, conversion, make_set

    draw, out = np.random.default_rng(0), tmp_path / "out"
    pictures = [draw.integers(0, 255, (96, 128, 3), np.uint8) for _ in range(6)]
    points = [np.array([(50, 40), (75, 40), (62, 52), (52, 65), (72, 65)], float)] * 6
    for number, image in enumerate(pictures):
        write_picture(tmp_path / "target" / f"{number}.png", image)
    (tmp_path / "target" / "notes.txt").write_text("no picture")
    (tmp_path / "target" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    consented(tmp_path / "target")
    faces = make_set(tmp_path / "faces", pictures, points)
    given = (tmp_path / "target", faces, Generator(), out)
    other = Other(converts, *given[:2], out)
    with pytest.raises(LabError, match=f"^{out}: {AT_WORK}choose another name.$"):
        conversion.convert(*given, part_frames=2, **PLAIN)
    other.kill()
    report = conversion.convert(*given, part_frames=2, **PLAIN)
    assert (report.frames, report.swapped, report.resumed) == (6, 6, 2)  # what the killed one had finished is kept
    assert len(list_pictures(out)) == 6
    for name in ("notes.txt: no picture.", "gone.png: a link to a file that is not there."):
        assert any(name in sentence for sentence in report.warnings)
    assert not list(tmp_path.rglob(f"{files.LOCK}*"))


def test_one_face_set_one_run_one_model_at_a_time(tmp_path, capsys):
    write_picture(tmp_path / "black" / "1.png", np.zeros((64, 64, 3), np.uint8))
    consented(tmp_path / "black")
    run = tmp_path / "run"
    tasks = {
        tmp_path / "set": lambda place: extract_faces(tmp_path / "black", place),
        tmp_path / "model": lambda place: fitting.fit(None, place, {"A": 1, "B": 1}, 10, batch_size=1),
    }
    for place, work in tasks.items():
        place.mkdir()
        other = Other(holds, place, True)
        with pytest.raises(LabError, match=f"^{place}: {AT_WORK}"):
            work(place)
        other.kill()
    with pytest.raises(LabError, match="no face was found in any of 1 frames"):
        extract_faces(tmp_path / "black", tmp_path / "set")
    run.mkdir()
    other = Other(holds, run, True)
    assert __main__.main(["run", "--out", str(run), "--only", "01"]) == 1
    assert f"{run}: {AT_WORK}give another --name or --out." in capsys.readouterr().err
    other.kill()
