"""Videos from strangers: ffmpeg opens the file that is named and no other, and nothing larger than any camera's."""

import os
import resource
import shutil
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ffmpeg_program
import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import samples
from faceswap_lab.course.report import pictures
from faceswap_lab.swap.outputs import write_gif
from faceswap_lab.video import VideoWriter, ffmpeg, open_video
from faceswap_lab.video.joining import join, sound_tracks
from faceswap_lab.video.pictures import picture_size, write_picture

PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile 'private.mp4'\n",
    "whole address": "ffconcat version 1.0\nfile 'file:{folder}/private.mp4'\n",
    "hls": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nprivate.mp4\n#EXT-X-ENDLIST\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT3S">'
    '<Period><AdaptationSet><Representation id="1" bandwidth="1"><BaseURL>private.mp4</BaseURL>'
    '<SegmentBase indexRange="0-1"/></Representation></AdaptationSet></Period></MPD>',
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one private video of 20 frames of noise."""
    folder = tmp_path_factory.mktemp("stranger")
    noise = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), np.uint8)
    with VideoWriter(folder / "private.mp4", 25, (64, 64)) as writer:
        for image in noise:
            writer.write(image)
    return folder


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("name", ["video.mp4", "video.m3u8", "video.mkv"])
def test_a_playlist_is_no_film_and_what_it_names_is_not_read(folder, kind, name):
    path = folder / name
    path.write_text(PLAYLISTS[kind].format(folder=folder))
    with pytest.raises(LabError, match=rf"{name}: this is no video"):
        open_video(path)
    assert sound_tracks(path) == 0 and ffmpeg.count_frames(path) == 0
    assert not pictures.playable_clip(path, folder / "copy.mp4") and not (folder / "copy.mp4").exists()
    path.unlink()


def test_the_playlist_would_work_without_the_list_of_containers(folder):
    """What the tests above refuse is a real way in: plain ffmpeg follows it."""
    path = folder / "video.mp4"
    path.write_text(PLAYLISTS["ffconcat"])
    followed = ffmpeg_program.run(
        "-loglevel", "error", "-i", ffmpeg_program.url(path), "-map", "0:V:0", "-f", "framecrc", "-"
    )
    assert sum(line.startswith("0,") for line in followed.stdout.splitlines()) == 20
    with pytest.raises(LabError, match="video.mp4: this is no video but a playlist"):
        open_video(path)
    path.unlink()


def test_a_playlist_as_sound_gives_silence(folder, tmp_path):
    path = tmp_path / "sound.mp4"
    path.write_text(f"ffconcat version 1.0\nfile 'file:{samples.sample_clip('target').path}'\n")
    with VideoWriter(tmp_path / "out.mp4", 25, (64, 64), audio_from=path) as writer:
        for _ in range(3):
            writer.write(np.zeros((64, 64, 3), np.uint8))
    assert not open_video(tmp_path / "out.mp4").has_audio


@pytest.mark.parametrize(
    "name",
    ["-i.mp4", "-y", "concat:a.mp4|b.mp4", "http:x.mp4", "pipe:0", "subfile,,start,0,end,9,,:a.mp4", "a'b\"c.mp4",
     "%03d.mp4", "line\nbreak.mp4", "fd:", "data:,x", "~.mp4", "$(touch gone).mp4", "`touch gone`;&|.mp4"],
)  # fmt: skip
def test_names_are_plain_files(folder, tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(folder / "private.mp4", tmp_path / name)
    assert open_video(name).num_frames == 20 and sum(1 for _ in open_video(name).frames(every=5)) == 4
    assert pictures.playable_clip(tmp_path / name, tmp_path / "copy.mp4")
    parts = [(tmp_path / "part-000000.mp4", 20)]
    shutil.copy(folder / "private.mp4", parts[0][0])
    out = tmp_path / f"{name}.mp4"
    join(parts, out, open_video(name).rate, sound=name)
    assert ffmpeg.count_frames(out) == 20
    assert {entry.name for entry in tmp_path.iterdir()} == {name, f"{name}.mp4", "copy.mp4", "part-000000.mp4"}


def test_numbered_names_are_not_expanded(tmp_path):
    """A % in a folder's or a picture's name stays one."""
    place = tmp_path / "%03d" / "pictures"
    for number in range(3):
        write_picture(place / f"{number:06d}.png", np.full((16, 16, 3), 80 * number, np.uint8))
    out = tmp_path / "%03d" / "all_%02d.gif"
    write_gif(place, out, open_video(place).rate)
    assert out.is_file() and {entry.name for entry in tmp_path.iterdir()} == {"%03d"}
    shown = [frame.image.mean() for frame in open_video(out).frames()]
    assert np.allclose(shown, [0, 80, 160], atol=3)


def avi(width, height):
    """A video of one frame of some bytes, whose headers claim a size."""

    def chunk(name, content):
        return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)

    form = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"\0\0\0\0", 0, 0, 0, 0, 0)
    main = struct.pack("<14I", 40000, 0, 0, 0x10, 1, 0, 1, 0, width & 0xFFFFFFFF, height, 0, 0, 0, 0)
    stream = b"vids" + b"\0\0\0\0" + struct.pack("<10I4H", 0, 0, 0, 1, 25, 0, 1, 0, 0, 0, 0, 0, 0, 0)
    head = chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", form))
    head = chunk(b"LIST", b"hdrl" + chunk(b"avih", main) + head)
    movie = chunk(b"LIST", b"movi" + chunk(b"00dc", b"\x7f" * 3000))
    return b"RIFF" + struct.pack("<I", 4 + len(head + movie)) + b"AVI " + head + movie


def test_a_header_of_10_gigapixels_costs_nothing(tmp_path):
    (tmp_path / "huge.avi").write_bytes(avi(100_000, 100_000))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with pytest.raises(LabError, match=r"huge\.avi: (its frames are larger than 64 megapixels|this is no video)"):
        open_video(tmp_path / "huge.avi")
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # KB, the largest child's
    assert after - before < 300_000


@pytest.mark.parametrize("size", [(9000, 9000), (16000, 16000)])
def test_frames_beyond_the_limit_are_refused(tmp_path, size):
    (tmp_path / "large.avi").write_bytes(avi(*size))
    with pytest.raises(LabError, match=r"large\.avi: its frames are larger than 64 megapixels"):
        open_video(tmp_path / "large.avi")


@pytest.mark.parametrize("ratio", [300, 60000])
def test_pixels_of_absurd_shape_do_not_blow_a_frame_up(tmp_path, ratio):
    """A sample aspect ratio of 300:1 asks for frames of 38400x2000."""
    path = tmp_path / "wide.mov"
    blown = ("-vf", f"setsar=sar={ratio}:max=65000", "-c:v", "mjpeg", "-loglevel", "error")
    made = ffmpeg_program.run("-f", "lavfi", "-i", "color=red:128x2000:d=0.04", *blown, ffmpeg_program.url(path))
    assert made.returncode == 0, made.stderr
    with pytest.raises(LabError, match=r"wide\.mov: its frames are larger"):
        open_video(path)


def test_a_film_that_claims_to_last_for_days(folder, tmp_path):
    """Four gaps of 29 hours each (ffmpeg closes longer ones by itself): a table of its frames would fill the memory."""
    path = tmp_path / "days.mkv"
    gap = ("-vf", "setpts='(N+floor(N/4)*2600000)/25/TB'", "-fps_mode", "passthrough", "-c:v", "mjpeg")
    made = ffmpeg_program.run(
        "-loglevel", "error", "-i", ffmpeg_program.url(folder / "private.mp4"), *gap, ffmpeg_program.url(path)
    )
    assert made.returncode == 0, made.stderr
    with pytest.raises(
        LabError, match=r"days\.mkv: it claims to last 41600\d s at 25 frames a second, which is more than"
    ):
        open_video(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    for name in ("video.mp4", "picture.png"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(LabError, match=f"{name}: this is no ordinary file"):
            open_video(tmp_path / name)
    assert picture_size(tmp_path / "picture.png") is None
    with pytest.raises(LabError, match="there is no picture in this folder"):
        open_video(tmp_path)


def test_files_are_read_by_several_threads_at_once_and_closed(folder):
    """Each thread reads the whole video; afterwards no file of it is open any more."""

    def read(number):
        return [int(frame.image.sum()) for frame in open_video(folder / "private.mp4").frames(every=1 + number % 2)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, range(16)))
    assert all(one == found[0] for one in found[::2]) and all(one == found[0][::2] for one in found[1::2])
    begun = open_video(folder / "private.mp4").frames()
    next(begun)
    begun.close()
    assert not [link for link in Path("/proc/self/fd").iterdir() if "private.mp4" in os.path.realpath(link)]


PROBED = """
import sys
from concurrent.futures import ThreadPoolExecutor
from faceswap_lab.video import ffmpeg, open_video

for _ in range(60):
    ffmpeg._probe.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: sum(1 for _ in open_video(sys.argv[1]).frames()), range(16)))
"""


def test_threads_that_open_and_close_files_never_wait_for_each_other_for_ever(folder):
    """Freed decoders once waited under Python's lock for threads of theirs that wanted it to log an error: in 60 rounds it hung."""
    subprocess.run([sys.executable, "-c", PROBED, str(folder / "private.mp4")], check=True, timeout=120)
