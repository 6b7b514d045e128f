"""Signed and checked: what is changed, moved, stripped, forged or out of time is named."""

import dataclasses
import hashlib
import json
import os
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import c2pa
import ffmpeg_program
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from faceswap_lab import __main__, __version__
from faceswap_lab.base.errors import LabError
from faceswap_lab.provenance import authority, certificates, credentials, mp4_boxes, publishing, verification
from faceswap_lab.provenance.credentials import Facts, Ingredient
from faceswap_lab.provenance.verification import verify
from faceswap_lab.video import VideoWriter, ffmpeg
from faceswap_lab.video.fingerprints import content_hash
from faceswap_lab.video.pictures import read_picture, write_picture

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
TARGET = SAMPLE / "target.mp4"
FACTS = Facts(
    model="autoencoder",
    settings={"blend": "laplacian", "erode": 2.5, "live": False, "steps": [1, 2, 3]},
    ingredients=(
        Ingredient("target.mp4", content_hash(TARGET), "target", "actor A", TARGET),
        Ingredient("train_B.mp4", "5" * 64, "source", "actor B"),
    ),
    model_digest="abc",
    watermark="faceswap_lab 00c0ffee",
)


def picture(seed=0, size=48):
    return np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)


def made(path, seed=0):
    """A small picture or video."""
    if path.suffix in (".mp4", ".mov", ".m4v"):
        with VideoWriter(path, 10, (48, 48)) as video:
            for number in range(4):
                video.write(picture(seed + number))
    elif path.suffix in (".gif", ".avi", ".mkv"):
        write_picture(path.with_suffix(".png"), picture(seed))
        done = ffmpeg_program.run(
            "-loglevel", "error", "-y", "-i", ffmpeg_program.url(path.with_suffix(".png")), ffmpeg_program.url(path)
        )
        assert done.returncode == 0, done.stderr
        path.with_suffix(".png").unlink()
    else:
        write_picture(path, picture(seed))
    return path


@pytest.fixture
def signed(tmp_path):
    """`signed(ending)`: a signed file."""

    def make(suffix, facts=FACTS, seed=0, name="swap"):
        path = made(tmp_path / f"{name}{suffix}", seed)
        credentials.sign(path, facts)
        return path

    return make


@pytest.fixture
def another_machine(tmp_path, monkeypatch):
    """`with another_machine():` signs and checks with another signing folder."""

    def switch(name="another machine"):
        patch = pytest.MonkeyPatch.context()

        class Switched:
            def __enter__(self):
                self.patch = patch.__enter__()
                self.patch.setenv(certificates.ENVIRONMENT, str(tmp_path / name))
                return tmp_path / name

            def __exit__(self, *raised):
                return patch.__exit__(*raised)

        return Switched()

    return switch


def flip(path, position, bits=1):
    content = bytearray(path.read_bytes())
    content[position] ^= bits
    path.write_bytes(content)


@pytest.mark.parametrize(
    "suffix", [".mp4", ".mov", ".m4v", ".gif", ".png", ".jpg", ".webp", ".tif", ".avi", ".bmp", ".mkv"]
)
def test_signed_and_checked(tmp_path, signed, suffix):
    plain = made(tmp_path / f"plain{suffix}")
    path = signed(suffix)
    assert credentials.sidecar_of(path).exists() == (suffix in (".bmp", ".mkv")) != credentials.holds_manifest(path)
    found = verify(path, [TARGET])
    assert found.state == "valid" and found.good, found.text
    assert found.known_as == "the course certificate of this machine" and found.source_types == [
        "trainedAlgorithmicMedia"
    ]
    assert (found.model, found.settings, found.version) == ("autoencoder", FACTS.settings, __version__)
    assert [one["name"] for one in found.ingredients] == ["target.mp4", "train_B.mp4"]
    assert found.ingredients[1] == {"name": "train_B.mp4", "sha256": "5" * 64, "role": "source", "identity": "actor B"}
    assert [action.split(":")[0] for action in found.actions] == [
        "c2pa.opened",
        "c2pa.edited",
        "c2pa.watermarked.unbound",
    ]
    assert "00c0ffee" in found.actions[2] and abs(datetime.fromisoformat(found.time) - datetime.now(UTC)) < timedelta(
        minutes=1
    )
    assert any("to the last byte" in sentence for sentence in found.findings)
    if suffix in (".png", ".tif", ".bmp", ".gif", ".jpg"):
        assert np.array_equal(read_picture(path), read_picture(plain))
    else:
        assert ffmpeg.count_frames(path) == ffmpeg.count_frames(plain)
    assert not [one for one in tmp_path.iterdir() if "partial" in one.name]


def test_the_manifest_is_as_the_specification_wants_it_and_shows_no_picture(signed):
    with c2pa.Reader(str(signed(".png"))) as reader:
        store = json.loads(reader.json())
    manifest = store["manifests"][store["active_manifest"]]
    assert store["validation_state"] == "Valid" and manifest["title"] == "swap.png"
    relations = {one["title"]: one["relationship"] for one in manifest["ingredients"]}
    assert relations == {"target.mp4": "parentOf", "train_B.mp4": "inputTo"}
    assert "thumbnail" not in json.dumps(store) and str(TARGET.parent) not in json.dumps(store)
    edited = next(one for one in manifest["assertions"] if one["label"] == "c2pa.actions.v2")["data"]["actions"][1]
    assert (
        edited["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
        and edited["softwareAgent"]["name"] == "faceswap_lab"
    )
    assert edited["parameters"]["org.faceswap-lab.model"] == "autoencoder"


def test_a_picture_of_a_training_has_no_target(tmp_path):
    publishing.write_swapped(tmp_path / "step.png", picture(), "autoencoder", "samples of a training")
    found = verify(tmp_path / "step.png")
    assert found.good and found.actions == ["c2pa.created: samples of a training"] and not found.ingredients
    assert np.array_equal(read_picture(tmp_path / "step.png"), picture())


def test_signed_again_it_does_not_grow_and_keeps_its_pixels(signed):
    path = signed(".png")
    size = path.stat().st_size
    credentials.sign(path, dataclasses.replace(FACTS, model="another one"))
    assert abs(path.stat().st_size - size) < 50 and verify(path).model == "another one" and verify(path).good


def test_a_target_with_credentials_brings_them_along(signed, tmp_path):
    first = signed(".png", name="first")
    target = Ingredient(first.name, content_hash(first), path=first)
    second = signed(".png", Facts(model="m", ingredients=(target,)), name="second")
    with c2pa.Reader(str(second)) as reader:
        assert len(json.loads(reader.json())["manifests"]) == 2
    assert verify(second, [first]).good


@pytest.mark.parametrize("suffix", [".mp4", ".png", ".jpg", ".gif", ".bmp"])
def test_a_changed_byte_is_found_wherever_it_is(signed, suffix):
    path = signed(suffix)
    whole, plain = path.read_bytes(), made(path.with_name(f"plain{suffix}")).read_bytes()
    draw, looked_at = random.Random(0), 0
    for _ in range(12):  # of what is shown: the manifest's own bytes are told apart by what stands in the plain file
        position = draw.randrange(len(plain))
        inside = whole.find(plain[position : position + 40])
        if inside < 0 or len(plain) - position < 40:
            continue
        flip(path, inside)
        looked_at += 1
        found = verify(path)
        assert not found.good and found.state in ("changed", "damaged", "manifest of another file"), (
            position,
            found.text,
        )
        path.write_bytes(whole)
    assert looked_at >= 6
    flip(path, len(whole) - 20)
    found = verify(path)
    assert found.state == "changed" and "at least one byte is not what it was" in found.findings[0]


def test_the_header_of_a_film_and_the_manifest_itself_are_covered(signed):
    path = signed(".mp4")
    whole = path.read_bytes()
    flip(path, 9)  # the file type's brand, which C2PA's own hash leaves out
    found = verify(path)
    assert found.state == "changed" and "header" in found.findings[0]
    path.write_bytes(whole.replace(b"laplacian", b"laplacean"))
    found = verify(path)
    assert found.state == "changed" and "manifest itself was changed" in found.findings[0]
    assert "org.faceswap-lab.swap" in " ".join(found.findings)
    path.write_bytes(whole)
    flip(path, whole.rindex(b"dc:title") + 12)
    found = verify(path)
    assert found.state == "changed" and "claimSignature.mismatch" in found.findings[0]
    path.write_bytes(whole.replace(b"jumdc2cl", b"jumdc2cx"))  # nothing says any more where the claim is
    found = verify(path)
    assert found.state == "damaged" and "There is a manifest, and it is damaged" in found.findings[0]


def test_a_stripped_manifest(signed, tmp_path):
    path = signed(".mp4")
    done = ffmpeg_program.run(
        "-loglevel",
        "error",
        "-y",
        "-i",
        ffmpeg_program.url(path),
        "-c",
        "copy",
        ffmpeg_program.url(tmp_path / "again.mp4"),
    )
    assert done.returncode == 0
    found = verify(tmp_path / "again.mp4")
    assert found.state == "no credentials" and "never signed, or they were removed" in found.findings[0]
    assert verify(TARGET).state == "no credentials"
    (tmp_path / "notes.txt").write_text("no video")
    assert verify(tmp_path / "notes.txt").state == "no credentials"


def test_the_manifest_of_another_file(signed, tmp_path):
    """Its bytes taken over into another picture and video; and a sidecar that lies beside another file."""
    first, other = signed(".png").read_bytes(), made(tmp_path / "other.png", seed=5)
    plain, start = made(tmp_path / "plain.png").read_bytes(), 33  # after the header chunk
    box = first[start : start + len(first) - len(plain)]
    write_picture(other, picture(7, 64))
    content = other.read_bytes()
    other.write_bytes(content[:start] + box + content[start:])
    found = verify(other)
    assert found.state == "manifest of another file" and "“swap.png”" in found.findings[0], found.text

    video, other = signed(".mp4").read_bytes(), made(tmp_path / "other.mp4", seed=9)
    start = video.index(b"uuid") - 4
    box = video[start : start + int.from_bytes(video[start : start + 4], "big")]
    content = other.read_bytes()
    other.write_bytes(content[:start] + box + content[start:])
    assert verify(other).state == "manifest of another file", verify(other).text

    signed(".bmp")
    write_picture(tmp_path / "other.bmp", picture(1, 50))
    os.replace(credentials.sidecar_of(tmp_path / "swap.bmp"), credentials.sidecar_of(tmp_path / "other.bmp"))
    assert verify(tmp_path / "other.bmp").state == "manifest of another file"
    assert verify(tmp_path / "swap.bmp").state == "no credentials"
    credentials.sidecar_of(tmp_path / "other.bmp").write_bytes(b"no manifest")
    assert verify(tmp_path / "other.bmp").state == "damaged"


def test_a_certificate_of_the_same_name_with_another_key_is_unknown_until_it_is_known(signed, another_machine):
    with another_machine() as folder:
        path = signed(".png")
        assert verify(path).good
    found = verify(path)
    assert found.signer == "faceswap_lab course certificate" and found.known_as == ""
    assert found.state == "unknown signer" and "made on another machine, or forged" in found.findings[0]
    with another_machine("a third one") as third:
        certificates.signing()
        (third / "known").mkdir()
        shutil.copy(folder / "course" / "authority.pem", third / "known" / "Ada.pem")
        found = verify(path)
        assert found.good and found.known_as == "known here as Ada"


def test_ones_own_certificate_signs(signed, another_machine):
    with another_machine() as folder:
        folder.mkdir()
        now, top, key = (
            datetime.now(UTC),
            ec.generate_private_key(ec.SECP256R1()),
            ec.generate_private_key(ec.SECP384R1()),
        )
        above = authority.make_certificate("My authority", top.public_key(), None, top, now, timedelta(days=900))
        leaf = authority.make_certificate("Studio of mine", key.public_key(), above, top, now, timedelta(days=9))
        (folder / "chain.pem").write_text(authority.pem(leaf) + authority.pem(above))
        (folder / "key.pem").write_text(authority.pem_key(key))
        (folder / "key.pem").chmod(0o600)
        found = verify(signed(".jpg"))
        assert found.good and (found.signer, found.known_as) == ("Studio of mine", "the certificate configured here")
    assert verify(found.path).state == "unknown signer"


def test_times(signed, another_machine, monkeypatch):
    """Signed in time and since run out; signed late; signed in the future; checked before it was made."""
    now = datetime.now(UTC)
    path = signed(".png")
    later = verify(path, now=now + timedelta(days=500))
    assert later.good and any("ran out on" in sentence for sentence in later.findings)
    assert verify(path, now=now - timedelta(days=3)).state == "clock wrong"
    monkeypatch.setattr(credentials, "_clock", lambda: now + timedelta(days=400))
    late = signed(".png", name="late")
    found = verify(late)
    assert found.state == "clock wrong" and "signed in the future" in found.findings[0]
    found = verify(late, now=now + timedelta(days=500))
    assert found.state == "expired" and "had run out" in found.findings[0]
    monkeypatch.setattr(credentials, "_clock", lambda: now - timedelta(days=400))
    early = verify(signed(".png", name="early"))
    assert early.state == "clock wrong" and "before its certificate existed" in early.findings[0]


def test_a_certificate_that_runs_out_while_it_signs_is_refused_by_name(tmp_path):
    """c2pa looks at the clock itself: an expired certificate signs nothing."""
    now, path = datetime.now(UTC), made(tmp_path / "a.png")
    top, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    above = authority.make_certificate("A", top.public_key(), None, top, now - timedelta(days=90), timedelta(days=900))
    leaf = authority.make_certificate("S", key.public_key(), above, top, now - timedelta(days=90), timedelta(days=9))
    chain = authority.pem(leaf) + authority.pem(above)
    expired = certificates.Signing(chain, authority.pem_key(key), "es256", "S", now, now, "own")
    before = path.read_bytes()
    with pytest.raises(LabError, match=r"a\.png: .*not valid at time of signing"):
        credentials.sign(path, FACTS, signing=expired)
    assert path.read_bytes() == before and [one.name for one in tmp_path.iterdir()] == ["a.png"]


def test_ingredients_are_compared_with_files_at_hand(signed, tmp_path):
    path, impostor = signed(".png"), tmp_path / "target.mp4"
    impostor.write_bytes(TARGET.read_bytes() + b"\0")
    found = verify(path, [TARGET, impostor])
    assert found.state == "other ingredient" and "has the name of its target, and is another file" in found.findings[0]
    assert "none of what it was made of" in verify(path, [path]).findings[0]
    with pytest.raises(LabError, match="nothing there: no such file"):
        verify(path, ["nothing there"])


def test_a_folder_of_pictures_as_target_has_one_hash(tmp_path):
    for number in range(3):
        write_picture(tmp_path / "frames" / f"{number}.png", picture(number))
    first = content_hash(tmp_path / "frames")
    found = sorted((tmp_path / "frames").iterdir())
    lines = "".join(f"{one.name} {hashlib.sha256(one.read_bytes()).hexdigest()}\n" for one in found)
    assert first == hashlib.sha256(lines.encode()).hexdigest()
    write_picture(tmp_path / "frames" / "1.png", picture(9))
    assert content_hash(tmp_path / "frames") != first


def test_pictures_of_a_folder_are_signed_one_by_one(tmp_path):
    for number in range(3):
        write_picture(tmp_path / f"{number:06d}.png", picture(number))
    assert credentials.sign_pictures(tmp_path, FACTS) == 3
    os.replace(tmp_path / "000001.png", tmp_path / "passed on.png")
    assert all(verify(path).good for path in verification.pictures_and_videos([tmp_path]))


def test_what_cannot_be_signed_is_refused_and_left_as_it_was(tmp_path, monkeypatch):
    with pytest.raises(LabError, match=r"gone\.png: no such file"):
        credentials.sign(tmp_path / "gone.png", FACTS)
    (tmp_path / "text.png").write_text("no picture")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
        with pytest.raises(LabError, match=r"text\.png: 0 MB are needed here and 0 MB are free"):
            credentials.sign(tmp_path / "text.png", FACTS)
    with pytest.raises(LabError, match=r"text\.png: it cannot be given content credentials"):
        credentials.sign(tmp_path / "text.png", FACTS)
    assert (tmp_path / "text.png").read_text() == "no picture" and len(list(tmp_path.iterdir())) == 1


def test_sealed_shows_nothing_until_it_is_signed_and_nothing_after_a_failure(tmp_path):
    out, hidden = tmp_path / "o.png", tmp_path / ".o"
    with publishing.sealed(out, hidden, FACTS) as unsigned:
        write_picture(unsigned, picture())
        assert not out.exists()
    assert verify(out).good and not hidden.exists()
    before = out.read_bytes()
    with pytest.raises(LabError, match=r"o\.png: it cannot be given") as raised:
        with publishing.sealed(out, hidden, FACTS) as unsigned:
            unsigned.write_text("no picture")
    assert str(hidden) not in str(raised.value) and out.read_bytes() == before and not hidden.exists()


def test_strange_manifests_do_not_disturb_the_terminal(signed):
    facts = Facts(title="a\x1b[2Jb\nc", model="m\x1b]0;evil\x07", settings={"x\r": "\x9b31m"})
    text = verify(signed(".png", facts)).text
    assert not any(ord(letter) < 32 and letter != "\n" or 127 <= ord(letter) < 160 for letter in text)


def test_a_box_with_a_length_that_cannot_be(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes((16).to_bytes(4, "big") + b"ftypisom0000" + (4).to_bytes(4, "big") + b"free" + b"\0" * 40)
    assert len(mp4_boxes.loose_hash(path)) == 64 and mp4_boxes.bare_length(path, []) == path.stat().st_size
    path.write_bytes(
        (16).to_bytes(4, "big") + b"ftypisom0000" + (1).to_bytes(4, "big") + b"mdat" + (1 << 62).to_bytes(8, "big")
    )
    assert mp4_boxes.bare_length(path, []) == 32 and verify(path).state == "no credentials"


def test_the_command(signed, capsys, tmp_path):
    path = signed(".png")
    assert __main__.main(["verify", str(path), "--against", str(TARGET)]) == 0
    said = capsys.readouterr().out
    assert "swap.png: valid" in said and "trainedAlgorithmicMedia" in said and "blend=laplacian" in said
    assert __main__.main(["verify", str(path), str(TARGET), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["state"] for one in told] == ["valid", "no credentials"] and told[0]["good"]
    assert __main__.main(["verify", str(tmp_path / "gone.png")]) == 1
    assert "gone.png: no such file" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert __main__.main(["verify", str(tmp_path / "empty")]) == 1
