"""Videos as people have them: each small file of tests/cases gives its true frames, at its true times, in its true colours.

All are made from the rendered actors or from test patterns; what each is, and its right value, stands in the tests.
"""

import shutil
from fractions import Fraction
from pathlib import Path

import av
import ffmpeg_program
import numpy as np
import pytest
from PIL import Image

from faceswap_lab.course import samples
from faceswap_lab.video import VideoWriter, ffmpeg, open_video, timing
from faceswap_lab.video.joining import join
from faceswap_lab.video.sound import recoded

CASES = Path(__file__).parents[1] / "cases"
BARS = ((200, 40, 40), (224, 172, 140), (40, 160, 60), (40, 60, 200), (230, 220, 50), (128, 128, 128))


def run_ffmpeg(*arguments):
    done = ffmpeg_program.run("-loglevel", "error", "-y", *arguments)
    assert done.returncode == 0, done.stderr


def read(path):
    video = open_video(path)
    frames = list(video.frames())
    return (
        video,
        frames,
        [n for n, (a, b) in enumerate(zip(frames, frames[1:], strict=False), 1) if np.array_equal(a.image, b.image)],
    )


@pytest.mark.parametrize(
    ("name", "count", "rate", "seconds"),
    [
        ("old_24.mkv", 144, 24, 6.0),  # the first frame stands at 0, all others 21 ms late, in a clock of milliseconds
        ("b.avi", 20, 20, 1.0),  # B-frames, for which AVI has no times
        ("pi_b.h264", 40, 20, 2.0),  # no times at all
        ("raw.hevc", 20, 20, 1.0),
        ("size_change.ts", 80, 20, 4.0),  # from the middle on half as large
        ("clock_restarts.ts", 80, 20, 4.0),  # two recordings put together, each from 0 on
        ("anim.webp", 20, 20, 1.0),
        ("two_frames.mp4", 2, 20, 0.1),
        ("gray.mp4", 10, 20, 0.5),
    ],
)
def test_every_frame_is_there_and_none_twice(name, count, rate, seconds):
    video, frames, doubled = read(CASES / name)
    assert (len(frames), video.num_frames, video.rate) == (count, count, rate) and not doubled
    assert video.duration == pytest.approx(seconds, abs=0.03)
    assert [frame.index for frame in frames] == list(range(count))
    assert not [one for one in video.remarks if "rate" in one]
    assert any("change their size" in one for one in video.remarks) == (name == "size_change.ts")
    part = list(video.frames(start=float(count // 2 / video.rate)))
    assert np.array_equal(part[0].image, frames[count // 2].image) and len(part) == count - count // 2


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30", "50", "60"])
@pytest.mark.parametrize("late", [0.0213, 0.0232])
def test_a_shift_of_all_frames_but_the_first_loses_none(rate, late):
    """What old versions of ffmpeg wrote beside AAC of 48 and 44.1 kHz, at any rate and in a clock of milliseconds."""
    seconds = np.arange(200) / float(Fraction(rate))
    stamps = np.round(1000 * (seconds + np.where(seconds > 0, late, 0)))
    packets = [_packet(int(stamp), round(1000 / float(Fraction(rate)))) for stamp in stamps]
    with av.open(str(CASES / "old_24.mkv")) as container:
        times, *_ = timing.listed(container, container.streams.video[0], packets)
    clock = timing.clock(times, Fraction(rate))
    assert clock.dropped == clock.doubled == 0 and np.array_equal(clock.shown, np.arange(200))
    assert clock.start == pytest.approx(late, abs=0.0015)


def _packet(stamp, length):
    packet = av.Packet(1)
    packet.pts, packet.dts, packet.duration = stamp, stamp, length
    return packet


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3]),
        ([0, 1.51, 2.49, 3.51], [0, 1, 2, 3]),  # half a tick late, to and fro
        ([0, 0.4, 1, 2], [0, 2, 3]),  # the nearest counts
        ([0, 0.5, 1.5, 2], [0, 1, 3]),  # of two as near, the earlier
        ([0, 1, 4], [0, 1, 1, 1, 2]),  # doubled
        ([0, 1, 1.3, 3], [0, 1, 2, 3]),  # a frame that lost its tick to a nearer one is still newer than that
    ],
)
def test_the_rule_of_the_constant_rate(seconds, shown):
    times = timing.Times(np.arange(len(seconds)), np.array(seconds, float), seconds[-1] + 1.0, False)
    clock = timing.clock(times, Fraction(1))
    assert clock.shown.tolist() == shown
    assert clock.doubled == len(shown) - len(set(shown)) and clock.dropped == len(seconds) - len(set(shown))


def test_a_browsers_recording_comes_at_a_sensible_rate():
    """VP8, 91 frames 20 to 46 ms apart; the header knows neither rate nor duration."""
    video, frames, doubled = read(CASES / "mr2_chrome.webm")
    assert video.rate == 30 and 87 <= len(frames) <= 91 and video.duration == pytest.approx(2.98, abs=0.01)
    assert len(doubled) <= 3 and any("do not come at a constant rate" in one for one in video.remarks)
    for frame in frames:
        shown = video.times.seconds[video.clock.shown[frame.index]]
        assert abs(shown - frame.time) < 0.034


@pytest.mark.parametrize(
    ("name", "said"), [("bars_720_tagged", ""), ("bars_720_untagged", "709"), ("bars_480_untagged", "601")]
)
def test_colours_that_are_not_named_are_those_of_the_size(name, said, tmp_path):
    video, frames, _ = read(CASES / f"{name}.mp4")
    height, width = frames[0].image.shape[:2]

    def distance(image):
        shown = [image[height // 4, int(width * (bar + 0.5) / 6)] for bar in range(6)]
        return np.abs(np.array(shown, int) - BARS).max()

    assert distance(frames[0].image) <= 2
    assert [one.split(" is assumed")[0][-3:] for one in video.remarks] == ([said] if said else [])
    with VideoWriter(tmp_path / "again.mp4", video.rate, video.size) as writer:
        writer.write(frames[0].image)
    assert distance(next(open_video(tmp_path / "again.mp4").frames()).image) <= 3


@pytest.mark.parametrize("name", ["hdr_full.mp4", "hdr_container.mp4", "hdr_container.mkv"])
def test_high_dynamic_range_wherever_it_is_named(name):
    video, frames, _ = read(CASES / name)
    assert len(frames) == 20 and video.transfer == "smpte2084"
    assert np.abs(frames[0].image.mean((0, 1)) - (90.9, 99.5, 110.0)).max() < 0.3
    assert any("brought to ordinary colours" in one for one in video.remarks)


def test_high_dynamic_range_without_primaries(tmp_path):
    """Only the transfer is named: BT.2020's primaries and a white of 100 cd/m2 are assumed, and said."""
    named = read(CASES / "hdr_trc_only.mp4")[1][0].image
    assert np.abs(named.mean((0, 1)) - (90.9, 99.5, 110.0)).max() < 0.3
    raw = tmp_path / "raw.hevc"
    run_ffmpeg("-i", CASES / "hdr_trc_only.mp4", "-c", "copy", raw)  # the container's tags are lost
    video, frames, _ = read(raw)
    assert np.array_equal(frames[0].image, named) and any("cd/m2 are assumed" in one for one in video.remarks)


def test_a_range_that_changes_on_the_way(tmp_path):
    for name, span in (("a", "tv"), ("b", "pc")):
        colours = f"scale=out_range={span}:out_color_matrix=bt709,setparams=range={span}:colorspace=bt709"
        run_ffmpeg("-f", "lavfi", "-i", "color=0xC08040:64x64:rate=20:d=0.5", "-vf", colours, "-pix_fmt", "yuv420p", 
                   "-c:v", "libx264", "-color_range", span, "-bsf:v", f"h264_metadata=video_full_range_flag={int(span == 'pc')}",
                   tmp_path / f"{name}.ts")  # fmt: skip
    path = tmp_path / "both.ts"
    path.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    _, frames, _ = read(path)
    assert len(frames) == 20
    assert max(np.abs(frame.image.mean((0, 1)) - (192, 128, 64)).max() for frame in frames) < 4


def combing(image):
    """How much lines differ from both their neighbours, where these agree."""
    lines = image[..., 1].astype(int)
    return np.abs(lines[1:-1] - (lines[:-2] + lines[2:]) / 2).mean()


def test_interlaced_pictures_are_made_of_both_fields(tmp_path):
    path, whole = tmp_path / "fields.mp4", tmp_path / "whole.mp4"
    moving = "color=gray:384x384:rate=40:d=1,drawbox=x=20+8*n:y=60:w=60:h=200:c=white:t=fill"
    moving = "testsrc2=384x384:rate=40:d=1,scroll=horizontal=0.02"
    run_ffmpeg("-f", "lavfi", "-i", moving, "-vf", "select='not(mod(n,2))',fps=20", "-crf", "5", whole)
    run_ffmpeg("-f", "lavfi", "-i", moving, "-vf", "tinterlace=interleave_top", "-flags", "+ildct+ilme", "-x264opts", "tff=1",
               "-crf", "5", path)  # fmt: skip
    video, frames, _ = read(path)
    assert len(frames) == 20 and any("deinterlaced" in one for one in video.remarks)
    progressive = np.mean([combing(frame.image) for frame in read(whole)[1][2:-2]])
    with av.open(str(path)) as container:
        combed = np.mean([combing(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)][2:-2])
    made = np.mean([combing(frame.image) for frame in frames[2:-2]])
    assert combed > 2 * progressive and made < progressive + 0.2 * (combed - progressive)


def test_animated_pictures_are_videos(tmp_path):
    images = [frame.image for frame in open_video(samples.sample_clip("target").path).frames(end=0.4)]
    first, *others = map(Image.fromarray, images)
    for name in ("a.png", "a.webp", "a.gif"):
        first.save(
            tmp_path / name,
            save_all=True,
            append_images=others,
            duration=50,
            loop=0,
            **({"lossless": True} if name == "a.webp" else {}),
        )
        video, frames, doubled = read(tmp_path / name)
        assert (video.kind, len(frames), video.rate) == ("video", 8, 20) and not doubled
        if name != "a.gif":
            assert all(np.array_equal(frame.image, image) for frame, image in zip(frames, images, strict=True))
    first.save(tmp_path / "still.png")
    assert open_video(tmp_path / "still.png").kind == "folder"


def test_transparency_is_lost_with_a_word(tmp_path):
    path = tmp_path / "clear.mov"
    run_ffmpeg("-f", "lavfi", "-i", "color=red@0.5:64x64:rate=20:d=0.2,format=yuva444p10le", "-c:v", "prores_ks", path)
    assert any("transparency is not kept" in one for one in open_video(path).remarks)


# Sound


def sound_of(path):
    with av.open(str(path)) as container:
        found = [frame.to_ndarray() for frame in container.decode(audio=0)]
        return np.concatenate(found, axis=1)[0], container.streams.audio[0].codec_context.codec.canonical_name


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """A click each half second, under frames, with sound of several kinds."""
    folder = tmp_path_factory.mktemp("sound")
    clicks = "aevalsrc='if(lt(mod(t,0.5),0.02),0.6*sin(2*PI*1000*t),0)':d=3:s=48000"
    made = {}
    for name, codec in (
        ("a.mov", "pcm_s16le"),
        ("b.mkv", "libvorbis"),
        ("c.mkv", "libopus"),
        ("d.mp4", "aac"),
        ("e.mkv", "flac"),
    ):
        made[codec] = folder / name
        run_ffmpeg(
            "-f", "lavfi", "-i", "testsrc=64x64:rate=20:d=3", "-f", "lavfi", "-i", clicks, "-c:a", codec, folder / name
        )
    return made


@pytest.mark.parametrize(
    ("codec", "wanted"),
    [("pcm_s16le", "aac"), ("libvorbis", "aac"), ("libopus", "opus"), ("aac", "aac"), ("flac", "flac")],
)
def test_sound_is_what_a_browser_plays(spoken, tmp_path, codec, wanted):
    source = spoken[codec]
    video = open_video(source)
    with VideoWriter(tmp_path / "o.mp4", video.rate, video.size, audio_from=source) as writer:
        for frame in video.frames():
            writer.write(frame.image)
    sound, name = sound_of(tmp_path / "o.mp4")
    assert name == wanted and (codec in ("pcm_s16le", "libvorbis")) == bool(recoded(source))
    heard = np.flatnonzero(np.abs(sound) > 0.2 * np.abs(sound).max())
    begins = heard[np.r_[True, np.diff(heard) > 9600]] / 48000
    assert begins == pytest.approx(np.arange(6) * 0.5 + begins[0], abs=0.01) and begins[0] < 0.03


@pytest.mark.parametrize("codec", ["pcm_s16le", "aac"])
def test_pieces_of_sound_are_cut_at_the_sample(spoken, tmp_path, codec):
    """From 0.25 to 0.75 s and from 1.75 to 2.25 s: a click a quarter of a second after each begins."""
    part = tmp_path / "part.mp4"
    with VideoWriter(part, 20, (64, 64)) as writer:
        for _ in range(20):
            writer.write(np.zeros((64, 64, 3), np.uint8))
    pieces = [(Fraction(1, 4), Fraction(3, 4)), (Fraction(7, 4), Fraction(9, 4))]
    join([(part, 20)], tmp_path / "o.mp4", Fraction(20), sound=spoken[codec], pieces=pieces)
    sound, _ = sound_of(tmp_path / "o.mp4")
    heard = np.flatnonzero(np.abs(sound) > 0.2)
    begins = heard[np.r_[True, np.diff(heard) > 9600]] / 48000
    assert begins == pytest.approx([0.25, 0.75], abs=0.003) and len(sound) / 48000 == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("late", [0.05, 0.5])
def test_sound_keeps_step_with_a_picture_that_begins_late(tmp_path, late):
    """Frame 0 is the first frame, and the copied sound starts as much before it as it did."""
    path, out = tmp_path / "late.mkv", tmp_path / "o.mp4"
    click = f"aevalsrc='if(between(t,{1 + late},{1.02 + late}),0.6*sin(2*PI*1000*t),0)':d=2:s=48000"
    run_ffmpeg("-f", "lavfi", "-i", click, "-itsoffset", late, "-f", "lavfi", "-i", "testsrc=64x64:rate=20:d=2", "-c:a", "aac",
               path)  # fmt: skip
    video = open_video(path)
    assert video.start == pytest.approx(late, abs=0.002) and video.num_frames == 40
    for pieces in (None, [(0.0, 2.0)]):
        part = tmp_path / "part.mp4"
        with VideoWriter(part, video.rate, video.size) as writer:
            for frame in video.frames():
                writer.write(frame.image)
        join([(part, 40)], out, video.rate, sound=path, pieces=pieces)
        with av.open(str(out)) as container:
            begins = min(frame.time for frame in container.decode(video=0))
        with av.open(str(out)) as container:
            times = [(frame.time, np.abs(frame.to_ndarray()).max()) for frame in container.decode(audio=0)]
        clicked = next(time for time, loud in times if loud > 0.2)
        assert clicked - begins == pytest.approx(1.0, abs=0.025)


def test_the_comment_and_a_changed_file_are_read_anew(tmp_path):
    path = tmp_path / "a.mp4"
    for count in (3, 7):
        with VideoWriter(path, 20, (64, 64), comment=f"{count} frames") as writer:
            for number in range(count):
                writer.write(np.full((64, 64, 3), 20 * number, np.uint8))
        assert (
            open_video(path).num_frames == ffmpeg.count_frames(path) == count
            and ffmpeg.comment(path) == f"{count} frames"
        )
    shutil.rmtree(tmp_path)
