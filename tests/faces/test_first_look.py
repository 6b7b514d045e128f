"""Ten usual faults of own clips, made of the bundled ones: each leads to its sentence, its advice and a picture."""

import re
from fractions import Fraction

import av
import cv2
import ffmpeg_program
import numpy as np
import pytest
from consents import consented

from faceswap_lab import video
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors
from faceswap_lab.faces.first_look import first_look


def frames_of(name: str, count: int = 48, start: int = 0) -> list[np.ndarray]:
    return [frame.image for frame in video.open_video(actors.clip(name).path).frames()][start : start + count]


def write_clip(path, frames, fps=20):
    with video.VideoWriter(path, fps, frames[0].shape[1::-1]) as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame))
    return path


def long(frames, seconds=6):  # there and back again, so that length is no fault
    return (frames + frames[::-1]) * -(-seconds * 20 // (2 * len(frames)))


def no_video(folder):
    (folder / "clip.mp4").write_text("This is a letter, not a video.")
    return folder / "clip.mp4"


def no_face(folder):
    noise = np.random.default_rng(0).integers(60, 200, (12, 16, 3), dtype=np.uint8)
    return write_clip(folder / "clip.mp4", [cv2.resize(noise, (256, 192))] * 120)


def two_people(folder):
    pairs = zip(frames_of("talk_A"), frames_of("talk_B"), strict=True)
    return write_clip(folder / "clip.mp4", long([np.hstack(pair) for pair in pairs]))


def short(folder):
    return write_clip(folder / "clip.mp4", frames_of("talk_B", 30))


def dark(folder):
    return write_clip(folder / "clip.mp4", long([(frame * 0.15).astype(np.uint8) for frame in frames_of("talk_B")]))


def blurred(folder):
    return write_clip(folder / "clip.mp4", long([cv2.GaussianBlur(frame, (0, 0), 5) for frame in frames_of("talk_B")]))


def small(folder):
    def far(frame):
        canvas = np.full((384, 384, 3), 110, np.uint8)
        canvas[120:248, 120:248] = cv2.resize(frame, (128, 128), interpolation=cv2.INTER_AREA)
        return canvas

    return write_clip(folder / "clip.mp4", long([far(frame) for frame in frames_of("talk_B")]))


def sideways(folder):
    clip = actors.clip("hard_A")
    yaw = np.array([label["yaw"] for label in clip.labels])
    return write_clip(folder / "clip.mp4", long([clip.frames()[k] for k in np.flatnonzero(yaw > 45)]))


def lying(folder):
    return write_clip(folder / "clip.mp4", long([np.rot90(frame) for frame in frames_of("talk_B")]))


def turned(folder):
    plain, path = (
        write_clip(folder / "plain.mp4", long([np.rot90(frame) for frame in frames_of("talk_B")])),
        folder / "clip.mp4",
    )
    done = ffmpeg_program.run("-display_rotation", "270", "-i", plain, "-c", "copy", path)
    assert done.returncode == 0, done.stderr
    return path


def uneven(folder):
    path = folder / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 384, 384, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        time = 0
        for number, image in enumerate(long(frames_of("talk_B"), 7)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            time += (33, 33, 100, 50)[number % 4]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


FAULTS = {
    no_video: ("no_video", "stop", "MP4"),
    no_face: ("no_face", "stop", "No face was found"),
    two_people: ("several_people", "warning", "another person's|more than one face"),
    short: ("short", "warning", "lasts 1.5 s"),
    dark: ("dark", "warning", "are dark"),
    blurred: ("low_resolution", "warning", "out of focus"),
    small: ("small", "warning", "small in their frames"),
    sideways: ("sideways", "warning", "from the side"),
    lying: ("lying", "warning", "lies on its side"),
    turned: ("turned", "note", "note to turn it by"),
    uneven: ("uneven", "note", "uneven times"),
}
ALSO = {dark: {"noisy"}, small: {"low_resolution"}, turned: {"uneven"}}  # what comes with it


@pytest.mark.parametrize("make", FAULTS, ids=lambda make: make.__name__)
def test_each_fault_leads_to_its_sentence_and_a_picture(make, tmp_path):
    path = make(tmp_path)
    seen = first_look(consented(path) if make is not no_video else path, tmp_path / "look", looks=10)
    name, severity, words = FAULTS[make]
    found = {fault.name: fault for fault in seen.faults}
    assert name in found and found[name].severity == severity, str(seen)
    assert re.search(words, str(seen)) and found[name].advice in str(seen)
    assert seen.stops == (severity == "stop")
    assert seen.picture.dtype == np.uint8 and seen.picture.shape[0] == 220 and seen.picture.std() > 5
    others = set(found) - {name}
    assert not others - ALSO.get(make, set()), str(seen)


def test_a_good_clip_has_nothing_to_remark_and_no_consent_no_look(tmp_path):
    seen = first_look(actors.clip("talk_B").path, tmp_path / "look", looks=10)
    assert not seen.faults and not seen.stops and str(seen).endswith("Nothing to remark.")
    with pytest.raises(LabError, match="consent"):
        first_look(write_clip(tmp_path / "mine.mp4", frames_of("talk_B", 12)), tmp_path / "look")
