"""Files from strangers: what could run code, reach out of its place or fill the memory is refused by name, unread."""

import io
import json
import os
import pickle
import stat
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from faceswap_lab.base import files, untrusted, weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.video import open_video
from faceswap_lab.video.pictures import picture_size, read_picture, write_picture


class Harmful:
    """Unpickling this would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def hdf5(path, **data):
    with h5py.File(path, "w") as file:
        for name, value in data.items():
            file[f"layers/{name}"] = value
    return path


def refused(path, message, load=untrusted.check_weights):
    with pytest.raises(LabError, match=rf"{path.name}: .*{message}"):
        load(path)


def whole(path):
    with untrusted.arrays(path) as stored:
        return {name: stored[name] for name in stored.files}


# Code


@pytest.mark.parametrize("protocol", [0, 1, 2, 5])
@pytest.mark.parametrize("name", ["model.weights.h5", "model.h5", "marks.npy", "state.npz"])
def test_a_pickle_is_never_read_whatever_it_is_called(tmp_path, name, protocol):
    path, trace = tmp_path / name, tmp_path / "it_ran"
    path.write_bytes(pickle.dumps(Harmful(trace), protocol))
    refused(path, "pickle" if protocol != 1 else "pickle|weights are taken from|no HDF5|not hold")
    for load in (untrusted.array, whole):
        with pytest.raises(LabError, match=f"{name}: "):
            load(path)
    assert not trace.exists()
    pickle.loads(path.read_bytes())  # what was refused is no harmless file
    assert trace.exists()


def test_pickles_inside_of_arrays(tmp_path):
    trace = tmp_path / "it_ran"
    objects = np.array([Harmful(trace)], dtype=object)
    np.save(tmp_path / "marks.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "state.npz", good=np.arange(3), bad=objects)
    refused(tmp_path / "marks.npy", "Python objects", untrusted.array)
    refused(tmp_path / "state.npz", "Python objects", whole)
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as packed:
        packed.writestr("bad.pkl", pickle.dumps(Harmful(trace)))
    refused(tmp_path / "other.npz", "bad.pkl' in it is no array", whole)
    assert not trace.exists()


def test_whole_models_are_no_weights(tmp_path):
    layer = {
        "class_name": "Lambda",
        "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}},
    }
    for name in ("model.keras", "model.weights.h5"):
        with zipfile.ZipFile(tmp_path / name, "w") as packed:
            packed.writestr("config.json", json.dumps({"class_name": "Functional", "config": {"layers": [layer]}}))
        refused(tmp_path / name, "whole model in a ZIP file")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"\x08\x01")
    refused(tmp_path / "saved", "SavedModel")
    path = hdf5(tmp_path / "old.weights.h5", kernel=np.zeros(3))
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = json.dumps(layer)
    refused(path, "describes layers")


def test_a_model_folder_with_a_pickle_for_weights(tmp_path):
    """The SHA-256 in config.json is a stranger's as well and proves nothing."""
    from faceswap_lab import training
    from faceswap_lab.models.autoencoder import AutoencoderConfig, FaceAutoencoder

    trace = tmp_path / "it_ran"
    (tmp_path / training.WEIGHTS).write_bytes(pickle.dumps(Harmful(trace)))
    small = {"size": 16, "encoder_filters": [4, 8], "latent": 8, "bridge": 8, "decoder_filters": [4]}
    config = {"kind": "autoencoder", "options": small, "sha256": files.sha256(tmp_path / training.WEIGHTS)}
    files.write_json(tmp_path / training.CONFIG, config)
    with pytest.raises(LabError, match=r"model\.weights\.h5: this is a pickle"):
        training.load_model(tmp_path)
    assert not trace.exists()
    training.save_model(FaceAutoencoder(AutoencoderConfig(**small)), tmp_path, "autoencoder")
    assert training.load_model(tmp_path).config.latent == 8
    good = files.read_json(tmp_path / training.CONFIG)
    for options, message in (
        ({"latent": 10**9}, "latent = 1000000000 is no number from 0 to 16384"),
        ({"size": 2**20}, "size = 1048576 is no number from 0 to 512"),
        ({"encoder_filters": [4] * 50}, "names more than 12 layers"),
        ({"kernel": -3}, "kernel = -3 is no number"),
        ({"slope": float("nan")}, "slope = nan is no number"),
        ({"sharing": "x" * 10**6}, "sharing = x+ is no name"),
        ({"latent": [[1]]}, "latent = .* is no number"),
        ({"encoder_filters": "many"}, "do not describe a model"),
        ({"encoder_filters": {"a": 1}}, "is no number"),
        ({"size": 512, "encoder_filters": [16, 16384], "latent": 16384}, r"a model of about .*e\+.. weights is larger"),
        ({"filters": 16384, "blocks": 64}, "is larger than"),
        ({"__class__": 1}, "do not describe a model"),
    ):
        files.write_json(tmp_path / training.CONFIG, {**good, "options": {**good["options"], **options}})
        with pytest.raises(LabError, match=rf"config\.json: .*{message}"):
            training.load_model(tmp_path)


# HDF5


def test_the_lab_s_own_weights_pass():
    for name, numbers in (("face_res", 4_351_104), ("quick_autoencoder", 3_361_292)):
        assert untrusted.check_weights(weights.locate(name)) == numbers


def test_weights_that_reach_out_of_their_file(tmp_path):
    secret = hdf5(tmp_path / "secret.weights.h5", kernel=np.arange(9.0))
    cases = {"outside": h5py.ExternalLink(secret.name, "/layers/kernel"), "soft": h5py.SoftLink("/layers/kernel")}
    for name, link in cases.items():
        path = hdf5(tmp_path / f"{name}.weights.h5", kernel=np.zeros(3))
        with h5py.File(path, "a") as file:
            file["layers/link"] = link
        refused(path, "'link' is a link")
    with h5py.File(tmp_path / "raw.weights.h5", "w") as file:
        file.create_dataset("kernel", (4,), "u1", external=[(str(tmp_path / "secret.weights.h5"), 0, 4)])
    refused(tmp_path / "raw.weights.h5", "lies in another file")
    with h5py.File(tmp_path / "virtual.weights.h5", "w") as file:
        layout = h5py.VirtualLayout((9,), "f8")
        layout[:] = h5py.VirtualSource(str(secret), "layers/kernel", (9,))
        file.create_virtual_dataset("kernel", layout)
    refused(tmp_path / "virtual.weights.h5", "lies in another file")


def test_weights_that_are_no_numbers_or_no_tree(tmp_path):
    refused(hdf5(tmp_path / "words.weights.h5", kernel=["a", "b"]), "something else than numbers")
    mixed = np.zeros(2, [("a", "f4"), ("b", "i4")])
    refused(hdf5(tmp_path / "mixed.weights.h5", kernel=mixed), "something else than numbers")
    path = hdf5(tmp_path / "circle.weights.h5", kernel=np.zeros(3))
    with h5py.File(path, "a") as file:
        file["layers/again"] = file["layers"]
    refused(path, "parts within parts without an end")
    path = hdf5(tmp_path / "cut.weights.h5", kernel=np.zeros(1000))
    path.write_bytes(path.read_bytes()[:3000])
    refused(path, "damaged")
    (tmp_path / "text.weights.h5").write_text("weights\n")
    refused(tmp_path / "text.weights.h5", "no HDF5 file")
    refused(tmp_path / "none.weights.h5", "no such file")
    refused(hdf5(tmp_path / "model.h5", kernel=np.zeros(3)), r"taken from \.weights\.h5 files only")


def test_a_shape_of_100_gigabytes(tmp_path):
    """Chunks that were never written take no room on the disk."""
    path = tmp_path / "huge.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("kernel", (25_000_000_000,), "f4", chunks=(1 << 20,))
    assert path.stat().st_size < 1e6
    refused(path, r"claims 100\.0 GB of numbers in a file of 0\.0 MB")
    with h5py.File(path, "w") as file:  # and what compresses ten thousand times
        file.create_dataset("kernel", data=np.zeros(40_000_000, "f4"), compression="gzip", chunks=(4_000_000,))
    refused(path, r"claims 0\.2 GB of numbers")


# Arrays


def npy(shape, content=b"", dtype="<f4"):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
    return header.getvalue() + content


def test_headers_of_arrays(tmp_path):
    path = tmp_path / "marks.npy"
    path.write_bytes(npy((25_000_000_000,)))
    refused(path, r"claims 100\.0 GB", untrusted.array)
    path.write_bytes(npy((1000,), bytes(80)))
    refused(path, "claims 4000 bytes of numbers, and 80 are there", untrusted.array)
    path.write_bytes(npy((-5,), bytes(80)))
    refused(path, "header claims", untrusted.array)
    path.write_bytes(npy((20,), bytes(80))[:40])
    refused(path, "damaged", untrusted.array)
    path.write_bytes(npy((20,), bytes(80)))
    assert untrusted.array(path).shape == (20,)
    refused(path, "more than the 0.0 GB allowed", lambda path: untrusted.array(path, most=79))


def test_packed_arrays(tmp_path):
    path = tmp_path / "state.npz"
    np.savez_compressed(path, mask=np.zeros((64, 64), np.uint8), count=3)
    assert whole(path)["mask"].shape == (64, 64) and whole(path)["count"] == 3
    refused(path, "arrays take 0.0 GB|header claims", lambda path: untrusted.arrays(path, most=4000).__enter__())
    for content, message in (
        (npy((25_000_000_000,)), r"claims 100\.0 GB"),
        (npy((1000,), bytes(80)), "claims 4000 bytes of numbers, and 80 are there"),
        (b"no array", "damaged"),
    ):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("a.npy", content)
        refused(path, message, whole)
    path.write_bytes(path.read_bytes()[:-20])
    refused(path, "damaged", whole)


# Pictures, tables, notes


def png(width, height):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def jpeg(width, height):
    picture = io.BytesIO()
    from PIL import Image

    Image.new("RGB", (8, 8)).save(picture, "JPEG")
    data = bytearray(picture.getvalue())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def test_pictures_with_monstrous_headers(tmp_path):
    for name, data in (("huge.png", png(100_000, 100_000)), ("huge.jpg", jpeg(65_500, 65_500))):
        path = tmp_path / name
        path.write_bytes(data)
        assert picture_size(path) is None
        refused(path, "more than 178 megapixels", read_picture)
        with pytest.raises(LabError, match=name):
            open_video(path)


def test_only_plain_picture_formats_are_opened(tmp_path):
    """Pillow would hand an EPS to Ghostscript, whatever it is called."""
    path = tmp_path / "face.png"
    path.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(it_ran) (w) file closefile showpage\n%%EOF\n"
    )
    assert picture_size(path) is None
    refused(path, "cannot be read", read_picture)


def test_pictures_that_are_large_only_together(tmp_path):
    write_picture(tmp_path / "set" / "a.png", np.zeros((2, 20_000, 3), np.uint8))
    write_picture(tmp_path / "set" / "b.png", np.zeros((20_000, 2, 3), np.uint8))
    with pytest.raises(LabError, match=r"set: its pictures together need frames of 20000x20000"):
        open_video(tmp_path / "set")


def sparse(path, size):
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def test_pipes_are_not_waited_for(tmp_path):
    for name, load in (("a.weights.h5", untrusted.check_weights), ("a.npy", untrusted.array), ("a.npz", whole),
                       ("a.json", files.read_json), ("a.csv", files.read_csv)):  # fmt: skip
        os.mkfifo(tmp_path / name)
        refused(tmp_path / name, "no HDF5 file|does not hold|no ordinary file", load)


def test_notes_and_tables_of_gigabytes(tmp_path):
    refused(sparse(tmp_path / "config.json", 4 << 30), "has 4295 MB, more than the 268 MB", files.read_json)
    refused(sparse(tmp_path / "faces.csv", 4 << 30), "has 4295 MB, more than the 537 MB", files.read_csv)
    (tmp_path / "deep.json").write_text("[" * 200_000)
    refused(tmp_path / "deep.json", "not a JSON file", files.read_json)


MEASURED = """
import resource, sys
from faceswap_lab.base import files, untrusted
from faceswap_lab.video.pictures import read_picture
from faceswap_lab.base.errors import LabError
import h5py, pandas
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
loads = {".h5": untrusted.check_weights, ".npy": untrusted.array, ".npz": lambda p: untrusted.arrays(p).__enter__(),
         ".png": read_picture, ".json": files.read_json, ".csv": files.read_csv}
for name in sys.argv[1:]:
    try:
        loads["." + name.rsplit(".", 1)[1]](name)
        print("loaded", name)
    except LabError as error:
        print("refused")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is counted in KB here")
def test_what_is_refused_takes_no_memory(tmp_path):
    """Six files that claim 100, 100, 100, 30, 4 and 4 GB, in a process of its own."""
    with h5py.File(tmp_path / "huge.weights.h5", "w") as file:
        file.create_dataset("kernel", (25_000_000_000,), "f4", chunks=(1 << 20,))
    (tmp_path / "huge.npy").write_bytes(npy((25_000_000_000,)))
    with zipfile.ZipFile(tmp_path / "huge.npz", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.npy", npy((25_000_000_000,)))
    (tmp_path / "huge.png").write_bytes(png(100_000, 100_000))
    names = ["huge.weights.h5", "huge.npy", "huge.npz", "huge.png"]
    names += [sparse(tmp_path / name, 4 << 30).name for name in ("huge.json", "huge.csv")]
    code = [sys.executable, "-c", MEASURED, *names]
    environment = {**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[2])}
    done = subprocess.run(code, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    lines = done.stdout.split("\n")
    assert lines[:6] == ["refused"] * 6, done.stdout + done.stderr
    assert int(lines[6]) < 20_000, lines[6]  # KB


# Archives: `tests/course/test_run_storage.py` has the names that lead elsewhere.


def write_archive(path, *members):
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # of a name that occurs twice
        for member, data in members:
            archive.writestr(member, data)
    return path


def unpack(path, most_bytes=3_000_000):
    """As a run's part is unpacked: a file of it has at most 2 MB."""
    with zipfile.ZipFile(path) as archive:
        untrusted.check_members(archive.infolist(), path, lambda name: 2_000_000, most_bytes, "run")
        for member in archive.infolist():
            untrusted.unpack_member(archive, member, path.with_name(member.filename), path)


def entry(kind):
    found = zipfile.ZipInfo("a.png")
    found.create_system, found.external_attr = 3, (kind | 0o644) << 16
    return found


NO_FILES = (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR)
HARMFUL = {
    "twice": ("occurs twice", [("a.png", b"x"), ("A.png", b"x")]),
    "too large": ("more than a run's file ever does", [("a.png", os.urandom(2_000_001))]),
    "bomb": ("times its packed size", [("a.png", bytes(1_000_000))]),
    "too much": ("unpacked it takes 4 MB, more than the 3 MB", [(f"{n}.png", os.urandom(1_900_000)) for n in range(2)]),
    "many": ("it holds 4 files, more than 3", [(f"{n}.png", b"x") for n in range(4)]),
    **{f"no file {kind:o}": ("is a link or a device", [(entry(kind), b"x")]) for kind in NO_FILES},
}


@pytest.mark.parametrize("case", HARMFUL)
def test_archives_that_are_not_unpacked(tmp_path, monkeypatch, case):
    monkeypatch.setattr(untrusted, "MOST_MEMBERS", 3)
    message, members = HARMFUL[case]
    refused(write_archive(tmp_path / "run.zip", *members), message, unpack)
    assert [path.name for path in tmp_path.iterdir()] == ["run.zip"]


def test_members_that_are_encrypted_or_larger_than_they_claim(tmp_path):
    data = write_archive(tmp_path / "run.zip", ("a.png", os.urandom(100))).read_bytes()
    changed = bytearray(data)
    for mark, offset in (
        (b"PK\x03\x04", 6),
        (b"PK\x01\x02", 8),
    ):  # the flag, where the member lies and in the directory
        changed[data.rfind(mark) + offset] |= 1
    (tmp_path / "run.zip").write_bytes(changed)
    refused(tmp_path / "run.zip", "is encrypted", unpack)
    changed = bytearray(data)
    place = data.rfind(b"PK\x01\x02") + 24
    changed[place : place + 4] = (90).to_bytes(4, "little")
    (tmp_path / "run.zip").write_bytes(changed)
    with pytest.raises((LabError, zipfile.BadZipFile)):
        unpack(tmp_path / "run.zip")
    assert (tmp_path / "a.png").stat().st_size <= 90
