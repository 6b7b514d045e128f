"""Pictures as people have them: read upright in RGB of 8 bit, or passed over by name; one bad one never spoils a folder."""

import os
import runpy
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from consents import consented
from PIL import Image, features

from faceswap_lab.__main__ import main
from faceswap_lab.base.errors import LabError
from faceswap_lab.video import open_video, pictures
from faceswap_lab.video.pictures import list_pictures, passed_over, picture_size, read_picture, write_picture

CASES = Path(__file__).parents[1] / "pictures"
HEIGHT, WIDTH = 48, 64
RED, GREEN = np.meshgrid(np.linspace(20, 235, WIDTH), np.linspace(30, 220, HEIGHT))
TRUTH = np.stack([RED, GREEN, np.full_like(RED, 90)], axis=-1).round().astype(np.uint8)
GREY = TRUTH[..., 0]
WAYS = {  # a file's name -> the mode it is written in, Pillow's options, the largest mean error in levels
    "a.png": ("RGB", {}, 0), "a.jpg": ("RGB", {"quality": 95}, 2), "a.JPEG": ("RGB", {"quality": 95}, 2),
    "a.jfif": ("RGB", {"quality": 95}, 2), "a.JPG_large": ("RGB", {"format": "JPEG", "quality": 95}, 2),
    "cmyk.jpg": ("CMYK", {"quality": 95}, 2), "a.mpo": ("RGB", {"quality": 95}, 2), "a.bmp": ("RGB", {}, 0),
    "a.dib": ("RGB", {}, 0), "a.tif": ("RGB", {}, 0), "cmyk.tiff": ("CMYK", {}, 1), "lab.tif": ("LAB", {}, 2),
    "ycbcr.tif": ("YCbCr", {"compression": "jpeg", "quality": 95}, 2), "a.webp": ("RGB", {"lossless": True}, 0),
    "a.avif": ("RGB", {"quality": 95}, 3),
    "a.jp2": ("RGB", {}, 1), "a.ppm": ("RGB", {}, 0), "a.tga": ("RGB", {}, 0), "a.pcx": ("RGB", {}, 0),
    "a.ico": ("RGB", {"sizes": [(WIDTH, HEIGHT)]}, 0), "a.sgi": ("RGB", {}, 0), "palette.png": ("P", {}, 20),
    "palette.gif": ("P", {}, 20),
}  # fmt: skip


def written(path: Path, mode: str, **options) -> Path:
    if mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        picture = ImageCms.profileToProfile(Image.fromarray(TRUTH), *profiles, outputMode="LAB")
    else:
        picture = Image.fromarray(TRUTH).convert(mode)
    picture.save(path, **options)
    return path


def away(image: np.ndarray, truth: np.ndarray) -> float:
    assert image.dtype == np.uint8 and image.shape == (*truth.shape[:2], 3)
    return float(np.abs(image.astype(int) - truth.reshape(*truth.shape[:2], -1)).mean())


@pytest.mark.parametrize("name", WAYS)
def test_every_plain_format_is_read_and_listed(name, tmp_path):
    mode, options, most = WAYS[name]
    if name.endswith(".avif") and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    path = written(tmp_path / name, mode, **options)
    assert picture_size(path) == (WIDTH, HEIGHT)
    assert list_pictures(tmp_path) == [path] and passed_over(tmp_path) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert away(read_picture(path), TRUTH) <= most


@pytest.mark.parametrize("suffix", (".png", ".jpg", ".tif", ".webp"))
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation, suffix, tmp_path):
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # the turn that undoes it, as Pillow numbers them
    stored = Image.fromarray(TRUTH) if back is None else Image.fromarray(TRUTH).transpose(Image.Transpose(back))
    exif = stored.getexif()
    exif[0x0112] = orientation
    stored.save(tmp_path / f"a{suffix}", exif=exif, quality=95)
    assert picture_size(tmp_path / f"a{suffix}") == (WIDTH, HEIGHT)
    assert away(read_picture(tmp_path / f"a{suffix}"), TRUTH) <= 4


def test_strange_tags_beside_the_orientation_do_no_harm():
    for path in (CASES / "folder_exif" / "b.jpg", CASES / "exif_resolution_as_string.jpg"):
        with Image.open(path) as picture:
            stored = np.array(picture.convert("RGB"))
        assert np.array_equal(read_picture(path), np.rot90(stored, -1)), path  # orientation 6
    video = open_video(CASES / "folder_exif")
    assert len(list(video.frames())) == video.num_frames == 4 and passed_over(video.path) == []


@pytest.mark.parametrize(
    "name, most, dtype, full, said",
    (
        ("12in16.tif", 4095, np.uint16, 4095, "12 bits in 16"),
        ("12in16.png", 4095, np.uint16, 4095, "12 bits in 16"),
        ("16.tif", 65535, np.uint16, 65535, ""),
        ("16.png", 65535, np.uint16, 65535, ""),
        ("dark16.png", 20000, np.uint16, 65535, ""),  # a fifth of the light, and truly so
        ("black16.png", 700, np.uint16, 65535, ""),  # the end of a fade, not 12 bits
        ("unit.tif", 1, np.float32, 1, ""),
        ("levels.tif", 255, np.float32, 255, ""),
    ),
)
def test_deep_grey_keeps_its_range(name, most, dtype, full, said, tmp_path):
    deep = (GREY / 235 * most).astype(dtype)
    Image.fromarray(deep).save(tmp_path / name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        image = read_picture(tmp_path / name)
    assert away(image, (deep / full * 255)[..., None].repeat(3, -1)) <= 0.6
    assert [said in str(one.message) for one in caught] == [True] * bool(said)


def test_deep_grey_takes_the_range_that_its_file_states(tmp_path):
    deep = (GREY.astype(np.uint16) * 2).clip(0, 511)
    Image.fromarray(deep).save(tmp_path / "stated.tif", tiffinfo={281: 511})
    assert away(read_picture(tmp_path / "stated.tif"), (deep / 511 * 255)[..., None].repeat(3, -1)) <= 0.6
    with pytest.warns(UserWarning, match=r"grey12in16.tif: its brightest pixel has 3376 of 65535"):
        image = read_picture(CASES / "grey12in16.tif")
    assert 60 < image.mean() < 200 and image.max() == round(3376 / 4095 * 255)


@pytest.mark.parametrize("mode, suffix", (("1", ".png"), ("L", ".jpg"), ("1", ".tif"), ("L", ".pgm")))
def test_black_and_white(mode, suffix, tmp_path):
    image = read_picture(written(tmp_path / f"a{suffix}", mode))
    truth = np.array(Image.fromarray(TRUTH).convert(mode).convert("L"))
    assert away(image, truth[..., None].repeat(3, -1)) < 1 and np.ptp(image, axis=2).max() == 0


@pytest.mark.parametrize("kind", ("RGBA", "LA", "palette", "colour key", "webp"))
def test_transparency_is_said_and_black_where_nothing_shows(kind, tmp_path):
    clear = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    clear[:, : WIDTH // 2] = 0
    whole, path = Image.fromarray(np.concatenate([TRUTH, clear], 2)), tmp_path / ("a.webp" if kind == "webp" else "a.png")
    if kind == "LA":
        whole.convert("LA").save(path)
    elif kind == "palette":
        whole.quantize(method=Image.Quantize.FASTOCTREE).save(path)
    elif kind == "colour key":
        Image.fromarray(np.where(clear > 0, TRUTH, (1, 2, 3)).astype(np.uint8)).save(path, transparency=(1, 2, 3))
    else:
        whole.save(path, lossless=True)
    with pytest.warns(UserWarning, match=r"a\.(png|webp): it is transparent in parts, which keep their colours"):
        image = read_picture(path)
    assert not image[:, : WIDTH // 2].any() and image[:, WIDTH // 2 :].mean() > 90
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once a folder is enough
        read_picture(path)


def test_colours_that_pillow_would_take_for_others_are_refused(tmp_path):
    with pytest.raises(LabError, match=r"a.tif: this picture cannot be read \(uncompressed YCbCr colours\)"):
        read_picture(written(tmp_path / "a.tif", "YCbCr"))


def test_half_transparent_picture():
    with pytest.warns(UserWarning, match="half_transparent.png: it is transparent in parts"):
        image = read_picture(CASES / "half_transparent.png")
    with Image.open(CASES / "half_transparent.png") as picture:
        stored = np.array(picture).astype(float)
    assert away(image, np.where(stored[..., 3:] > 0, stored[..., :3], 0).astype(np.uint8)) < 1


def test_an_opaque_alpha_channel_is_no_transparency(tmp_path):
    Image.fromarray(TRUTH).convert("RGBA").save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert away(read_picture(tmp_path / "a.png"), TRUTH) == 0


def test_nothing_in_a_folder_is_passed_over_without_a_word(tmp_path):
    write_picture(tmp_path / "good.png", TRUTH)
    (tmp_path / "photo.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not so")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "more.png").mkdir()
    write_picture(tmp_path / "b.png", TRUTH)
    (tmp_path / "b.png").rename(tmp_path / "nameless")
    (tmp_path / "dead.png").symlink_to(tmp_path / "gone.png")
    os.mkfifo(tmp_path / "pipe.png")
    lines = passed_over(tmp_path)
    for name, reason in {
        "photo.HEIC": "a format that is not read here. Save it as JPEG or PNG.",
        "notes.txt": "no picture.",
        "empty.jpg": "an empty file.",
        "broken.jpg": "a damaged picture",
        ".DS_Store": "a hidden file.",
        "more.png": "a folder of its own.",
        "nameless": "a picture whose name does not say so.",
        "dead.png": "a link to a file that is not there.",
        "pipe.png": "no ordinary file.",
    }.items():
        assert any(f": {name}: {reason}" in line and str(tmp_path) in line for line in lines), (name, lines)
    assert len(lines) == 9
    (tmp_path / "broken.jpg").unlink(), (tmp_path / "empty.jpg").unlink()
    frames = list(open_video(tmp_path).frames())
    assert len(frames) == 1 and away(frames[0].image, TRUTH) == 0


def test_many_of_a_kind_are_one_line(tmp_path):
    for number in range(30):
        (tmp_path / f"{number}.txt").touch()
        (tmp_path / f"{number}.txt").write_text("x")
    assert passed_over(tmp_path) == [
        f"{tmp_path}: passed over: {', '.join(f'{number}.txt' for number in range(10))} and 20 more: no picture."
    ]


@pytest.mark.filterwarnings("ignore")
def test_spoilt_pictures_are_read_or_refused_in_a_sentence(tmp_path):
    """Seeded damage in files of every kind: never another error, and a picture is as large as its header says."""
    draw = np.random.default_rng(7)
    for name, (mode, options, _) in list(WAYS.items()):
        if name.endswith(".avif") and not features.check("avif"):
            continue
        good = written(tmp_path / name, mode, **options).read_bytes()
        for number in range(12):
            spoilt = bytearray(good)
            for at in draw.integers(0, len(good), 1 + number):
                spoilt[at] = draw.integers(256)
            path = tmp_path / f"spoilt-{name}"
            path.write_bytes(spoilt[: draw.integers(1, len(good))] if number % 3 == 2 else spoilt)
            size = picture_size(path)
            try:
                assert read_picture(path).shape[1::-1] == size
            except LabError as error:
                assert str(error).startswith(f"{path}: this picture"), error


def test_a_face_set_of_a_folder_says_what_was_skipped(tmp_path, capsys):
    """A camera's strange tag, a dead link, a file that is no picture: four faces, and a line that names each of the others."""
    folder = tmp_path / "photographs"
    shutil.copytree(CASES / "folder_exif", folder)
    (folder / "dead.jpg").symlink_to(folder / "gone.jpg")
    (folder / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    (folder / "spoilt.jpg").write_bytes((folder / "a1.jpg").read_bytes()[:9000])
    consented(folder)
    assert main(["faces", str(folder), str(tmp_path / "set")]) == 0
    said = capsys.readouterr()
    assert "4 faces, 1 person" in said.out
    for name in ("dead.jpg: a link to a file", "photo.heic: a format that is not read", "spoilt.jpg: this picture cannot be"):
        assert [name in line for line in said.out.splitlines()].count(True) == 1, said.out
    os.remove(folder / "photo.heic")
    for path in folder.glob("*.jpg"):
        path.unlink()
    (folder / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    assert main(["faces", str(folder), str(tmp_path / "other")]) == 1
    assert "photo.heic: a format that is not read here. Save it as JPEG or PNG." in capsys.readouterr().err


def test_limit_of_pixels_holds_where_pillows_is_switched_off(monkeypatch):
    assert pictures.MOST_PIXELS == 2 * Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert runpy.run_path(pictures.__file__)["MOST_PIXELS"] == pictures.MOST_PIXELS
