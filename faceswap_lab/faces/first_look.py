"""A first look at a clip before minutes are spent on it: each usual fault of own clips as a sentence, with a picture."""

from __future__ import annotations

import itertools
import shutil
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, english, retold
from faceswap_lab.base.safeguards import safeguards
from faceswap_lab.faces.diagnosis import about_set
from faceswap_lab.faces.drawing import YELLOW, draw_boxes
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.faces.faceset import BOX_COLUMNS, FaceSet
from faceswap_lab.faces.profile import profile
from faceswap_lab.video import Video, open_video

LOOKS = 24  # frames that are looked at, spread over the clip
SHORT = 5.0  # seconds; 20 with head turns and speech are a good clip
SIDEWAYS = 40.0  # degrees of yaw from which half of the face is hidden
LYING = 50.0  # degrees between the line of the eyes and the frame's own horizon
HEIGHT = 220  # px of the picture
# What few frames can tell of `diagnosis.about_set`; whether there are enough faces and poses is asked of the whole set.
TOLD = {"several_people", "dark", "blurred", "low_resolution", "small", "noisy"}
# What a fault is and what to do, in English; a look is printed in the reader's language.
SENTENCES = {
    "no_video": ("", "Save it again as MP4 (H.264), or copy it once more from the phone."),
    "damaged": ("The file is not whole: {damage}.", "Copy it again."),
    "short": (
        "The clip lasts {seconds:.1f} s: a model would learn its few faces by heart.",
        "Film 20 seconds or more, with slow head turns, speech and a smile.",
    ),
    "turned": (
        "The phone wrote it lying down, with a note to turn it by {degrees} degrees.",
        "The lab turns it. If the head is not upright in the picture, turn it in the phone's editor.",
    ),
    "uneven": (
        "Its frames come at uneven times, as phones and screen recorders write them.",
        "The lab brings them to {rate:.4g} a second, and the sound stays in step.",
    ),
    "no_face": (
        "No face was found{why}.",
        "Film the face from the front, in good light, at least a sixth of the picture's height.",
    ),
    "several_people": (
        "{share:.0%} of the frames show more than one face.",
        "Only the person with most faces is used: cut the clip to one person, or crop it.",
    ),
    "lying": (
        "The head lies on its side ({degrees:.0f} degrees): the clip lacks the note to turn it.",
        "Turn it in the phone's editor, or: ffmpeg -i clip.mp4 -vf transpose=1 upright.mp4",
    ),
    "sideways": (
        "The face is seen from the side ({degrees:.0f} degrees): half of it is hidden.",
        "Film from the front, and let the head turn both ways.",
    ),
}
WHOSE = "this clip"  # who has the faces, in sentences of `diagnosis`


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a clip, or unusual and taken care of.

    Args:
        name: no_video, damaged, short, no_face, lying, sideways, turned, uneven, or a name of `TOLD`.
        severity: "stop" (nothing can come of it), "warning", or "note" (the lab sees to it).
        sentence: what it is. advice: what to do.
    """

    name: str
    severity: str
    sentence: str
    advice: str


def _fault(name: str, severity: str, **values: object) -> Fault:
    return Fault(name, severity, *(text.format(**values) for text in SENTENCES[name]))


@dataclass(frozen=True)
class FirstLook:
    """What was seen.

    Args:
        path: the clip.
        facts: its size, rate and length in a line; "" where it cannot be read.
        faults: the gravest first.
        picture: (H, W, 3) uint8 RGB, three moments with the faces that were found; grey where there is none.
    """

    path: Path
    facts: str
    faults: tuple[Fault, ...]
    picture: np.ndarray = field(repr=False)

    @property
    def stops(self) -> bool:
        """Whether a run with this clip would be in vain."""
        return any(fault.severity == "stop" for fault in self.faults)

    def __str__(self) -> str:
        lines = [f"{_(one.severity).upper()}: {retold(one.sentence)} {retold(one.advice)}" for one in self.faults]
        facts = retold(self.facts) or _("no video")
        return "\n".join([f"{self.path.name}: {facts}", *(lines or [_("Nothing to remark.")])])


def first_look(path: str | Path, folder: str | Path, looks: int = LOOKS) -> FirstLook:
    """Looks at a clip in some frames.

    Args:
        path: a video, a folder of pictures, or a picture.
        folder: where the faces of those frames are put; what an earlier look left there is replaced.
        looks: how many frames.

    Returns:
        The `FirstLook`; a fault of the clip is in it, and raises nothing.

    Raises:
        LabError: when the consent to look for faces in it is missing.
    """
    path, folder = Path(path), Path(folder)
    try:
        clip = open_video(path)
    except LabError as error:
        return FirstLook(path, "", (Fault("no_video", "stop", str(error), SENTENCES["no_video"][1]),), _strip([]))
    safeguards().may_use(path, "clip")
    every = max(1, -(-clip.num_frames // looks))
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of several people it is said below
            faces = extract_faces(clip, folder, every=every, rotations=90)
    except LabError as error:
        faces, found = None, [_none(error)]
    if faces is not None:
        found = _about_faces(faces)
    shown = [frame for frame in clip.frames(every=every)]
    found = sorted(_about_file(clip) + found, key=lambda fault: ("stop", "warning", "note").index(fault.severity))
    width, height = clip.size
    facts = english(
        "{width}x{height}, {rate:.4g} frames a second, {seconds:.1f} s",
        width=width, height=height, rate=clip.fps, seconds=clip.duration,
    )  # fmt: skip
    return FirstLook(path, facts, tuple(found), _strip(_drawn(shown, faces)))


def _about_file(clip: Video) -> list[Fault]:
    found = []
    if clip.damage:
        found.append(_fault("damaged", "warning", damage=clip.damage))
    if clip.kind == "video" and clip.duration < SHORT:
        found.append(_fault("short", "warning", seconds=clip.duration))
    if clip.rotation:
        found.append(_fault("turned", "note", degrees=clip.rotation))
    if clip.clock is not None and (clip.clock.doubled or clip.clock.dropped):
        found.append(_fault("uneven", "note", rate=clip.fps))
    return found


def _none(error: LabError) -> Fault:
    return _fault("no_face", "stop", why="" if "no face was found" in str(error) else f" ({error})")


def _about_faces(faces: FaceSet) -> list[Fault]:
    own = profile(faces)
    severity = {"alarm": "warning", "warning": "warning", "note": "note"}
    found = [
        Fault(one.name, severity[one.severity], one.sentence, one.advice)
        for one in about_set(WHOSE, own)
        if one.name in TOLD
    ]
    # Of two people in one picture the diagnosis knows only when both are large; the frames themselves always tell.
    together = faces.table.groupby("frame").size()
    if (together > 1).mean() > 0.2 and "several_people" not in {fault.name for fault in found}:
        found.append(_fault("several_people", "warning", share=(together > 1).mean()))
    points = np.stack([faces.points(row) for row in range(len(faces))])
    across = points[:, 1] - points[:, 0]
    tilt = float(np.median(np.abs(np.degrees(np.arctan2(across[:, 1], across[:, 0])))))
    if tilt > LYING:
        found.append(_fault("lying", "warning", degrees=tilt))
    yaw = np.abs(own.pose[np.isfinite(own.pose[:, 0]), 0])
    if len(yaw) and np.median(yaw) > SIDEWAYS:
        found.append(_fault("sideways", "warning", degrees=np.median(yaw)))
    return found


def _drawn(frames: list, faces: FaceSet | None) -> list[np.ndarray]:
    """Three of the frames, early, middle and late, with the boxes of the faces found there."""
    chosen = [frames[place] for place in sorted({0, len(frames) // 2, len(frames) - 1})] if frames else []
    drawn = []
    for frame in chosen:
        boxes = np.zeros((0, 4)) if faces is None else faces.table[faces.table["frame"] == frame.index][BOX_COLUMNS]
        drawn.append(draw_boxes(frame.image, np.asarray(boxes, float), YELLOW, factor=1))
    return drawn


def _strip(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures side by side at one height; for a file without any a grey field with a cross."""
    if not pictures:
        grey = np.full((HEIGHT, HEIGHT * 16 // 9, 3), 128, np.uint8)
        for start, end in (((0, 0), (-1, -1)), ((0, -1), (-1, 0))):
            start, end = ((x % grey.shape[1], y % HEIGHT) for x, y in (start, end))
            cv2.line(grey, start, end, (255, 255, 255), 2, cv2.LINE_AA)
        return grey
    sized = [cv2.resize(one, (max(1, HEIGHT * one.shape[1] // one.shape[0]), HEIGHT)) for one in pictures]
    return np.hstack(list(itertools.chain(*((one, np.full((HEIGHT, 4, 3), 255, np.uint8)) for one in sized)))[:-1])
