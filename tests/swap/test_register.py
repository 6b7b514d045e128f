"""The register of outputs: whatever moment a conversion is killed at, no output is there without its entry, and none has two."""

import signal
import sys
from pathlib import Path

import killed
import pytest
from consents import consented
from processes import forks
from test_conversion import TARGET, Generator, conversion, make_set

from faceswap_lab.provenance import register
from faceswap_lab.provenance.consent import user_folder
from faceswap_lab.provenance.verification import verify
from faceswap_lab.video.pictures import write_picture

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")


@pytest.fixture(scope="module")
def made_set(tmp_path_factory, actor_frames):
    return make_set(tmp_path_factory.mktemp("set"), *(some[:10] for some in actor_frames("target")))


def killed_at(**given):
    """Converts in a process that dies, and tells by which signal."""
    process = forks().Process(target=killed.convert_until, kwargs=given)
    process.start()
    process.join()
    return -process.exitcode


def entries(path):
    return [one for one in register.outputs() if Path(one.path) == path]


def states(path):
    return [one.state for one in entries(path)]


def files_of(out):
    return sorted(out.glob("*.png")) if out.is_dir() else [out]


@pytest.mark.parametrize(
    ("name", "moment"),
    [("o.mp4", "entered"), ("o.mp4", "renamed"), ("folder", "entered"), ("folder", "renamed"), ("o.gif", "entered"),
     ("o.png", "entered")],
)  # fmt: skip
def test_killed_around_the_rename_an_output_is_entered_once(made_set, actor_frames, tmp_path, name, moment):
    out, given = tmp_path / name, {"target": TARGET, "faces": made_set}
    if name == "o.png":
        frames, points = actor_frames("target")
        write_picture(tmp_path / "target.png", frames[0])
        given = {"target": consented(tmp_path / "target.png")}
        given["faces"] = make_set(tmp_path / "set", frames[:1], points[:1])
    assert killed_at(**given, out=out, moment=moment) == signal.SIGKILL
    assert out.exists() == (moment == "renamed")
    assert states(out) == [register.THERE if out.exists() else register.MISSING]
    assert moment == "entered" or all(verify(path).good for path in files_of(out))
    first = entries(out)[0].sha256
    killed.convert(**given, out=out, overwrite=out.exists())
    assert states(out) == [register.THERE] and all(verify(path).good for path in files_of(out))
    assert name == "folder" or entries(out)[0].earlier == (
        first,
    )  # signed anew, it is another content of the same thing
    (line,) = [line for line in register.told(register.outputs()) if f"  {out}  " in line]
    assert line.endswith("(generator)")


def test_killed_in_the_middle_kept_frames_are_signed_and_entered(made_set, tmp_path):
    given = {"target": TARGET, "faces": made_set, "out": tmp_path / "o.mp4", "kept": tmp_path / "kept"}
    assert killed_at(**given, moment="frames") == signal.SIGKILL
    found = files_of(tmp_path / "kept")
    assert len(found) >= 2 and all(verify(path).good for path in found)
    assert states(tmp_path / "kept") == [register.THERE] and not entries(tmp_path / "o.mp4")
    assert killed.convert(**given).resumed == 2
    assert len(files_of(tmp_path / "kept")) == killed.FRAMES
    assert states(tmp_path / "kept") == states(tmp_path / "o.mp4") == [register.THERE]
    files_of(tmp_path / "kept")[0].unlink()
    assert states(tmp_path / "kept") == [register.THERE], "the others are still there"
    before, function = given | {"overwrite": True}, Generator(32)
    conversion.convert(
        TARGET, made_set, function, before["out"], ranges=[(0, 0.1)], frames_folder=before["kept"], overwrite=True
    )
    assert sorted(states(tmp_path / "kept")) == [register.REPLACED, register.THERE]


def test_an_output_that_is_to_be_replaced_stays_listed_when_its_replacement_is_killed(made_set, tmp_path):
    given = {"target": TARGET, "faces": made_set, "out": tmp_path / "o.mp4"}
    killed.convert(**given)
    before = given["out"].read_bytes()
    assert killed_at(**given, overwrite=True, moment="entered") == signal.SIGKILL
    assert given["out"].read_bytes() == before and states(given["out"]) == [register.THERE]


def test_a_film_that_ctrl_c_left_is_entered_as_long_as_it_is_there(made_set, tmp_path):
    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    given = {"target": TARGET, "faces": made_set, "out": tmp_path / "o.mp4"}
    with pytest.raises(KeyboardInterrupt):
        killed.convert(**given, progress=stop)
    assert states(tmp_path / "o.part.mp4") == [register.THERE]
    killed.convert(**given)
    assert not entries(tmp_path / "o.part.mp4") and states(tmp_path / "o.mp4") == [register.THERE]


def test_without_a_register_an_output_is_made_and_the_user_is_told_once(made_set, tmp_path, monkeypatch):
    monkeypatch.setattr(register, "OUTPUTS", "outputs/in the way")
    place = user_folder() / "outputs"
    place.mkdir(parents=True, exist_ok=True)
    (place / "in the way").write_text("a file")
    try:
        report = killed.convert(TARGET, made_set, tmp_path / "o.mp4", kept=tmp_path / "kept")
    finally:
        (place / "in the way").unlink()
    assert verify(tmp_path / "o.mp4").good
    (told,) = [line for line in report.warnings if "register" in line]
    assert "could not be entered" in told and "FACESWAP_LAB_CONSENT" in told


def test_outputs_that_do_not_last_leave_no_entry(made_set):
    with register.passing_folder() as folder:
        killed.convert(TARGET, made_set, folder / "o.mp4")
        killed.convert(TARGET, made_set, folder / "frames")
        assert states(folder / "o.mp4") == states(folder / "frames") == [register.THERE]
        others = len(register.outputs()) - 2
    assert not folder.exists() and len(register.outputs()) == others
    assert not any(one.path.startswith(str(folder)) for one in register.outputs())
