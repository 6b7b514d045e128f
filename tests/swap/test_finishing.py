"""Every output of a conversion is signed before it appears; a kill between coding and signing leaves none unsigned."""

import hashlib
import json
import os
import signal
import sys

import pytest
from processes import forks
from test_conversion import PLAIN, TARGET, Generator, convert, kept, make_set

from faceswap_lab import __main__
from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.sources import source_of
from faceswap_lab.provenance import certificates, credentials, watermark
from faceswap_lab.provenance.verification import verify
from faceswap_lab.swap import conversion, parts
from faceswap_lab.video import open_video
from faceswap_lab.video.pictures import write_picture

FRAMES = 6


def killed(made_set, out, told):
    """A conversion that dies where its output is to be signed, and says where that lies."""

    def kill(path, *rest, **options):
        told.send(path)
        os.kill(os.getpid(), signal.SIGKILL)

    credentials.sign = kill
    conversion.convert(TARGET, made_set, Generator(), out, ranges=[(0, FRAMES / 20)], rest="drop", **PLAIN)


@pytest.fixture(scope="module")
def made_set(tmp_path_factory, actor_frames):
    frames, points = actor_frames("target")
    return make_set(tmp_path_factory.mktemp("set"), frames, points)


def short(made_set, out, generator=None, **options):
    return convert(TARGET, made_set, generator or Generator(), out, end=FRAMES / 20, rest="drop", **options)


def test_a_film_says_what_it_is_made_of(made_set, tmp_path, capsys):
    generator = Generator()
    generator.digest = "step 1200"
    generator.sources = (source_of(TARGET.with_name("train_B.mp4")),)
    out = tmp_path / "o.mp4"
    short(made_set, out, generator, frames_folder=tmp_path / "kept")
    found = verify(out, [TARGET])
    assert found.good and found.model == "generator" and found.source_types == ["trainedAlgorithmicMedia"], found.text
    digest = hashlib.sha256(TARGET.read_bytes()).hexdigest()
    assert found.ingredients[0] == {"name": "target.mp4", "sha256": digest, "role": "target", "identity": "actor_A"}
    assert (found.ingredients[1]["name"], found.ingredients[1]["identity"]) == ("train_B.mp4", "actor_B")
    mark = watermark.look(out)
    assert mark.found and f"An invisible watermark says: {mark.ident}" in "".join(found.actions)
    assert __main__.main(["verify", str(out), str(tmp_path / "kept" / "000000.png"), "--json"]) == 0
    assert [one["watermark"] for one in json.loads(capsys.readouterr().out)] == [mark.ident, ""]
    assert found.settings["blend"] == "mask" and found.settings["erode"] == 2.0 and "label" in found.settings
    assert len(kept(tmp_path / "kept")) == FRAMES
    assert all(verify(path).good for path in (tmp_path / "kept").glob("*.png"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "o.conversion.json", "o.mp4"]
    assert open_video(out).num_frames == FRAMES


@pytest.mark.parametrize("name", ["o.mov", "o.gif", "folder"])
def test_so_do_other_outputs(made_set, tmp_path, name):
    short(made_set, tmp_path / name)
    made = sorted((tmp_path / name).glob("*.png")) if name == "folder" else [tmp_path / name]
    assert len(made) == (FRAMES if name == "folder" else 1) and all(verify(path, [TARGET]).good for path in made)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_and_a_picture(made_set, actor_frames, tmp_path, suffix):
    frames, points = actor_frames("target")
    write_picture(tmp_path / "target.png", frames[0])
    one = make_set(tmp_path / "set", frames[:1], points[:1])
    out = tmp_path / f"o{suffix}"
    convert(tmp_path / "target.png", one, Generator(), out)
    assert verify(out, [tmp_path / "target.png"]).good
    assert credentials.sidecar_of(out).exists() == (suffix == ".bmp")
    convert(tmp_path / "target.png", one, Generator(), out)  # replaced, with its sidecar
    assert verify(out).good


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("name", ["o.mp4", "folder"])
def test_killed_between_coding_and_signing_it_leaves_no_unsigned_output(made_set, tmp_path, name):
    out = tmp_path / name
    heard, told = forks().Pipe(duplex=False)
    process = forks().Process(target=killed, args=(made_set, out, told))
    process.start()
    hidden = str(heard.recv())
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert hidden.startswith(str(parts.parts_folder(out))) and not out.exists()
    assert open_video(hidden).num_frames == (1 if name == "folder" else FRAMES)  # it was coded
    report = conversion.convert(TARGET, made_set, Generator(), out, ranges=[(0, FRAMES / 20)], rest="drop", **PLAIN)
    made = sorted(out.glob("*.png")) if name == "folder" else [out]
    assert report.resumed == FRAMES and all(verify(path).good for path in made) and made
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, f"{out.stem}.conversion.json"])


def test_after_ctrl_c_what_plays_is_signed_too(made_set, tmp_path):
    def stop(done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        short(made_set, tmp_path / "o.mp4", progress=stop, part_frames=2)
    assert verify(tmp_path / "o.part.mp4", [TARGET]).good


def test_a_certificate_that_cannot_be_used_is_refused_before_any_work(made_set, tmp_path, monkeypatch):
    (tmp_path / "signing").mkdir()
    (tmp_path / "signing" / "key.pem").write_text("no key")
    monkeypatch.setenv(certificates.ENVIRONMENT, str(tmp_path / "signing"))
    generator = Generator()
    with pytest.raises(LabError, match=r"chain\.pem: missing"):
        short(made_set, tmp_path / "o.mp4", generator)
    assert not generator.batches and not (tmp_path / "o.mp4").exists()


def test_without_a_place_for_a_certificate_it_is_signed_all_the_same(made_set, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(certificates.ENVIRONMENT, str(tmp_path / "file" / "signing"))
    with pytest.warns(UserWarning, match="ends with this process"):
        short(made_set, tmp_path / "o.mp4")
    assert verify(tmp_path / "o.mp4").known_as == "a certificate of this process"
    certificates.of_this_process.cache_clear()
    assert verify(tmp_path / "o.mp4").state == "unknown signer"
