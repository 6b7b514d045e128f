"""Files that lack their end, or have lost something on the way: what is read of them, and that it is said."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from numbered import COUNT, FORMATS, QUALITY, picture, write
from PIL import Image
from test_video_corpus import ALL, program, read, remux

from faceswap_lab.video import structure

FORMATS |= {"mpeg1": "mpeg1video", "mpeg2": "mpeg2video"}
QUALITY |= dict.fromkeys(("mpeg1", "mpeg2"), {"qscale": "2", "b": "8M", "g": "6", "bf": "2"})
LIVE, PIECES, BOUNDED = {"live": "1"}, {"movflags": "frag_keyframe+empty_moov"}, {"omit_video_pes_length": "0"}
BREAKING = {  # which FFmpeg reads to the last whole frame without a word; most of them to the last half second, at least
    "mkv": ("h264", {}),
    "ffv1.mkv": ("ffv1", {}),
    "hevc.mkv": ("hevc", {}),
    "webm": ("vp9", {}),
    "live.webm": ("vp8", LIVE),
    "pieces.mp4": ("h264", PIECES),
    "mp4": ("hevc", {"movflags": "faststart"}),
    "hevc.ts": ("hevc", {}),
    "flv": ("h264", {}),
    "avi": ("mpeg4", {}),
    "mxf": ("mpeg2", {}),
    "nut": ("ffv1", {}),
    "mjpeg": ("mjpeg", {}),
}


def whole_clip(folder, name):
    codec, options = BREAKING[name]
    plain = write(folder / f"plain.{name.split('.')[-1]}", codec)
    return remux(plain, folder / f"clip.{name}", options=options) if options else plain


def places(path):
    """Where the packets of a clip lie in it."""
    with av.open(str(path)) as container:
        return [packet.pos for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("name", BREAKING)
def test_a_file_that_breaks_off_within_a_part_says_so(name, tmp_path):
    path = whole_clip(tmp_path, name)
    found, said, _ = read(path)
    assert found == ALL and not said
    content = path.read_bytes()
    for share in (0.45, 0.62, 0.83, 0.95):
        path.write_bytes(content[: int(len(content) * share)])
        found, said, _ = read(path)
        assert len(found) > 4 and str(path) in said and "cut off or damaged" in said, share


@pytest.mark.parametrize(
    ("name", "more"), [("mkv", 0), ("webm", 0), ("pieces.mp4", 0), ("mp4", 0), ("avi", 0), ("flv", 4), ("mxf", 4)]
)
def test_a_file_that_lacks_its_last_frame_says_so_where_a_part_tells_its_length(name, more, tmp_path):
    """An outer part does even where the cut lies exactly between two frames; a tag or a triplet does from its first bytes on."""
    path = whole_clip(tmp_path, name)
    path.write_bytes(path.read_bytes()[: places(path)[-1] + more])
    found, said, _ = read(path)
    assert found != ALL and str(path) in said


def test_a_broadcast_whose_last_packet_is_incomplete_says_so(tmp_path):
    """Though it ends with a whole packet of 188 bytes: the frame's own length tells, where there is one."""
    path = remux(write(tmp_path / "plain.ts", "hevc"), tmp_path / "clip.ts", options=BOUNDED)
    content, begins = path.read_bytes(), places(path)
    for place in [
        place for place, following in zip(begins[8:], begins[9:], strict=False) if following - place > 2 * 188
    ]:
        path.write_bytes(content[: place + 188])
        _, said, _ = read(path)
        assert str(path) in said and "not all of its frames are there" in said, place


def test_a_page_of_ogg_that_is_cut_off_is_noticed(tmp_path):
    clip, path = write(tmp_path / "clip.mp4", "h264"), tmp_path / "clip.ogv"
    program("-i", clip, "-c:v", "libtheora", "-q:v", "9", path)
    assert not read(path)[1]
    path.write_bytes(path.read_bytes()[:-100])
    assert "its end is missing" in read(path)[1]


@pytest.mark.parametrize(
    ("container", "behind"), [("mp4", b"a recorder's note"), ("avi", b"JUNK"), ("mkv", bytes(40)), ("flv", bytes(9))]
)
def test_what_lies_behind_the_end_of_a_sound_file_is_no_damage(container, behind, tmp_path):
    path = write(tmp_path / f"clip.{container}", "h264")
    path.write_bytes(path.read_bytes() + behind)
    found, said, _ = read(path)
    assert found == ALL and not said


def test_fragments_behind_a_blanked_one_are_missed_and_those_behind_an_unknown_box_are_not(tmp_path):
    """FFmpeg takes zeros, or a box that is too long, for one that goes to the end."""
    plain = write(tmp_path / "plain.mp4", "h264")
    path = remux(plain, tmp_path / "clip.mp4", options={"movflags": "frag_every_frame+empty_moov+default_base_moof"})
    content = path.read_bytes()
    second = content.index(b"moof", content.index(b"moof") + 4) - 4
    path.write_bytes(content[:second] + b"\0\0\0\x0cmineabcd" + content[second:])
    found, said, _ = read(path)
    assert found == ALL and not said
    for other in (bytes(600), b"\xa5" * 600):
        path.write_bytes(content[:second] + other + content[second + 600 :])
        found, said, _ = read(path)
        assert len(found) < COUNT and str(path) in said and structure.BROKEN in said


@pytest.mark.parametrize(("first", "shown"), [(0, ALL[:12]), (8, ALL[8:20])])
def test_a_clip_that_was_trimmed_on_a_phone_is_not_cut_off(first, shown, tmp_path):
    """Its frames are all there, and an edit list says which are shown."""
    path = write(tmp_path / "clip.mp4", "h264", options={"g": "6"})
    content = bytearray(path.read_bytes())
    edit = content.index(b"elst") + 12
    content[edit : edit + 8] = (480).to_bytes(4, "big") + (512 * first).to_bytes(4, "big")  # in 1000, and in 12800 a second
    path.write_bytes(content)
    found, said, _ = read(path)
    assert found == shown and not said


def test_a_frame_that_the_index_of_an_avi_names_and_that_is_gone_is_missed(tmp_path):
    path = write(tmp_path / "clip.avi", "mjpeg")
    content, place = path.read_bytes(), places(path)[12] - 8  # its name and its length
    path.write_bytes(content[:place] + bytes(8) + content[place + 8 :])
    found, said, _ = read(path)
    assert 12 not in found and "not all of its frames are there" in said


def test_a_file_of_all_too_many_parts_is_not_gone_through(tmp_path, monkeypatch):
    monkeypatch.setattr(structure, "MOST_PARTS", 50)
    path = tmp_path / "clip.mp4"
    box = (8).to_bytes(4, "big") + b"free"
    for count, fault in ((10, structure.NO_END), (60, "")):
        path.write_bytes(box * count + b"\0\0\1\0mdat")
        assert structure.fault(path, "mov,mp4,m4a,3gp,3g2,mj2") == fault


@pytest.mark.parametrize("step", [188, 192, 204])
def test_transport_streams_of_every_kind_end_with_a_packet(step, tmp_path):
    """M2TS has a time of 4 bytes before each packet, broadcasts with error correction have 16 bytes behind it."""
    plain = write(tmp_path / "plain.ts", "h264").read_bytes()
    packets = [plain[place : place + 188] for place in range(0, len(plain), 188)]
    path = tmp_path / "clip.ts"
    path.write_bytes(
        b"".join({188: packet, 192: bytes(4) + packet, 204: packet + bytes(16)}[step] for packet in packets)
    )
    content = path.read_bytes()
    for changed, fault in (
        (content, ""),
        (content[50:], ""),  # cut out of a longer one
        (content[:-50], structure.NO_END),
        (content[:3000] + bytes(300) + content[3300:], structure.BROKEN),  # FFmpeg looks for the next packet, and says nothing
        (content[:3000] + content[3050:], structure.BROKEN),
    ):
        path.write_bytes(changed)
        assert structure.fault(path, "mpegts") == fault


def saved_gif(path):
    pages = [Image.fromarray(picture(n)) for n in ALL]
    pages[0].save(path, save_all=True, append_images=pages[1:], duration=40, loop=0)
    return path.read_bytes()


@pytest.mark.parametrize("harm", ["blanked", "taken out"])
def test_a_gif_that_loses_frames_says_so_wherever_the_damage_lies(harm, tmp_path):
    path = tmp_path / "clip.gif"
    content = saved_gif(path)
    assert read(path)[0] == ALL and not read(path)[1]
    for place in range(900, len(content) - 1000, 4999):
        path.write_bytes(content[:place] + bytes(1000 * (harm == "blanked")) + content[place + 1000 :])
        found, said, _ = read(path)
        assert len(found) >= COUNT or str(path) in said, place


def test_the_structure_of_a_gif(tmp_path):
    path = tmp_path / "clip.gif"
    content = saved_gif(path)
    first = content.index(b"\0,") + 1  # the end of a block, and a picture
    for changed, fault in (
        (content, ""),
        (content + bytes(5), ""),  # padding
        (content[:first] + b"\0" + content[first:], ""),  # a block that is ended twice
        (b"RIFF" + content, ""),  # another picture with its name
        (content[:-1], structure.NO_END),
        (content[: len(content) // 2], structure.NO_END),
        (content[:first] + b";" + content[first:], structure.BROKEN),  # Pillow would read no further
        (content[:first] + bytes(200) + content[first + 200 :], structure.BROKEN),
    ):
        path.write_bytes(changed)
        assert structure.fault(path, "gif") == fault


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mpg", "mpeg2"), ("m2v", "mpeg2"), ("ts", "mpeg2"), ("ts", "mpeg1"), ("ts", "hevc"), ("h264", "h264")],
)
def test_no_frame_is_lost_where_the_size_changes(container, codec, tmp_path):
    """An MPEG-2 decoder holds a frame back, and forgot it when the next size began."""
    parts = [
        write(tmp_path / f"{n}.{container}", codec, [picture(8 * n + k, size) for k in range(8)],
              container="mpeg2video" if container == "m2v" else None)
        for n, size in enumerate(((128, 96), (256, 192), (128, 96)))
    ]  # fmt: skip
    joined = tmp_path / f"joined.{container}"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    found, said, video = read(joined)
    assert found == ALL and "could not be decoded" not in said
    assert any("change their size" in one for one in video.remarks)


def jpeg(number, **options):
    coded = io.BytesIO()
    Image.fromarray(picture(number)).save(coded, "JPEG", quality=92, **options)
    return coded.getvalue()


def motion_jpeg(path, frames):
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuvj420p"
        for number, content in enumerate(frames):
            packet = av.Packet(content)
            packet.stream, packet.time_base, packet.pts, packet.dts = stream, Fraction(1, 25), number, number
            packet.is_keyframe = True
            out.mux(packet)
    return path


@pytest.mark.parametrize("container", ["avi", "mov"])
def test_motion_jpeg_that_is_damaged_says_so_where_it_shows(container, tmp_path):
    """Its codes have no check sums: half of the blocks of 16 zeros go unnoticed, but hardly any of 200."""
    generator, noticed = np.random.default_rng(3), 0
    for _ in range(20):
        frames = [jpeg(n) for n in ALL]
        number = int(generator.integers(COUNT))
        place = int(generator.integers(700, len(frames[number]) - 210))
        frames[number] = frames[number][:place] + bytes(200) + frames[number][place + 200 :]
        found, said, _ = read(motion_jpeg(tmp_path / f"clip.{container}", frames))
        assert len(found) == COUNT and [n for n in found if n in (None, number)] == [
            found[number]
        ]  # it is shown as far as it goes
        assert not said or "damaged frames: 1" in said
        noticed += bool(said)
    assert noticed >= 16


@pytest.mark.parametrize(
    "frame",
    [
        jpeg,
        lambda n: jpeg(n, restart_marker_blocks=3),
        lambda n: jpeg(n, progressive=True),
        lambda n: jpeg(n, subsampling=0),
        lambda n: jpeg(n) + bytes(37),
        lambda n: jpeg(n) + b"behind the end",
        lambda n: jpeg(n)[:-2],
        lambda n: jpeg(n) + jpeg(n),
    ],
    ids=["plain", "restart markers", "progressive", "444", "padded", "note", "no end mark", "two pictures"],
)
def test_motion_jpeg_as_cameras_write_it_is_not_called_damaged(frame, tmp_path):
    found, said, _ = read(motion_jpeg(tmp_path / "clip.avi", map(frame, ALL)))
    assert found == ALL and not said
