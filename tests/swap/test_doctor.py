"""The doctor of a swap: each cause is planted, named rightly, and no other; a healthy swap gives no finding."""

import numpy as np
import pandas as pd
import pytest

from faceswap_lab import training
from faceswap_lab.base import weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors
from faceswap_lab.faces import alignment
from faceswap_lab.faces.faceset import COLUMNS, FaceSet
from faceswap_lab.swap import doctor, swapping
from faceswap_lab.swap.options import SwapOptions
from faceswap_lab.video import open_video
from faceswap_lab.video.pictures import write_picture

COUNT = 8
DEFAULT = SwapOptions()
REMEDIES = {"direction": "SwapFunction(model, source=0, target=1)", "region": "smaller erode", "match": "the model"}


class Generator:
    """A function in a model's place."""

    def __init__(self, generate, alpha=1.0, size=64):
        self.generate, self.alpha, self.size, self.calls = generate, alpha, size, 0

    def __call__(self, faces):
        self.calls += 1
        return self.generate(faces), np.full((*faces.shape[:3], 1), self.alpha, np.float32)


class People:
    """An autoencoder in outline: the person's own decoder gives the face back, the other one a face upside down."""

    def __init__(self, person=0, alpha=1.0):
        self.person, self.alpha, self.asked = person, alpha, []

    def translate(self, faces, source, target):
        self.asked.append((source, target))
        generated = faces if target == self.person else faces[:, ::-1]
        return generated, np.full((*faces.shape[:3], 1), self.alpha, np.float32)


def by(model, source, target, size=64):
    """A `training.SwapFunction` of anything that translates."""
    generator = Generator(None, size=size)
    generator.generate = lambda faces: np.asarray(model.translate(faces, source, target)[0])
    generator.model, generator.source, generator.target = model, source, target
    return generator


def oval():
    y, x = (np.mgrid[:256, :256] + 0.5) / 256
    return np.where(np.hypot((x - 0.52) / 0.36, (y - 0.54) / 0.42) < 1, 255, 0).astype(np.uint8)


def some_of(name, matrices=alignment.alignment_matrix):
    """Frames of an actor's clip, the five points, and transforms made of them."""
    clip = actors.clip(name)
    points = clip.points()
    chosen = np.linspace(0, len(points) - 1, COUNT).astype(int)
    frames = [frame.image for frame in open_video(clip.path).frames() if frame.index in chosen]
    return frames, points[chosen], [matrices(five, 256) for five in points[chosen]]


@pytest.fixture(scope="module")
def talk_a():
    return some_of("talk_A")


@pytest.fixture(scope="module")
def warm_start():
    return training.load_model(weights.data_folder() / "weights" / "quick_autoencoder")


def sampled(faces, swap_function, options=DEFAULT, outline=None):
    outline = oval() if outline is None else outline
    swaps = [
        swapping.prepare(frame, m, outline, swap_function.size, options) for frame, _, m in zip(*faces, strict=True)
    ]
    swapping.generate(swaps, swap_function, options)
    return doctor.Sample(swaps, list(faces[1]), [outline] * len(swaps))


def names(faces, swap_function, options=DEFAULT, outline=None, **counts):
    found = doctor.examine(sampled(faces, swap_function, options, outline), swap_function, options, **counts)
    for finding in found:
        assert finding.remedy.endswith(".") or finding.remedy.endswith("?")
        assert REMEDIES.get(finding.name, "") in finding.remedy
        assert all(np.isfinite(value) for value in finding.numbers.values()), finding
    return [finding.name for finding in found]


def another(faces):
    return faces[:, ::-1]


def test_a_healthy_swap_gives_no_finding(talk_a, warm_start):
    function = training.SwapFunction(warm_start)
    assert names(talk_a, function, frames=60, with_face=55) == []
    assert names(talk_a, function, SwapOptions(mask="alpha", colour="none")) == []
    assert names(talk_a, Generator(another)) == []
    assert names(talk_a, by(People(), 0, 1)) == []


@pytest.mark.parametrize("ends", [(0, 0), (1, 0)])
def test_the_wrong_direction(talk_a, warm_start, ends):
    assert names(talk_a, training.SwapFunction(warm_start, *ends)) == ["direction"]
    assert names(talk_a, by(People(), *ends)) == ["direction"]


def test_the_right_direction_on_the_wrong_clip(warm_start):
    function = training.SwapFunction(warm_start)
    found = doctor.examine(sampled(some_of("talk_B"), function), function)
    assert [finding.name for finding in found] == ["direction"]
    assert "SwapFunction(model, source=1, target=0)" in found[0].remedy and '"B<-A"' in found[0].remedy


def test_alpha_near_zero(talk_a, warm_start):
    by_alpha = SwapOptions(mask="alpha+hull")
    assert names(talk_a, Generator(another, alpha=0.01), by_alpha) == ["alpha"]
    assert names(talk_a, Generator(another, alpha=0.2), by_alpha) == []
    assert names(talk_a, Generator(another, alpha=0.01)) == [], "the outline alone does not ask for alpha"
    function = training.SwapFunction(warm_start)
    faint = Generator(lambda faces: function(faces)[0], alpha=0.0)
    faint.model, faint.source, faint.target = warm_start, 0, 1
    assert names(talk_a, faint, SwapOptions(mask="alpha")) == ["alpha"]


def test_faces_cut_out_by_their_boxes(warm_start):
    dense = actors.clip("talk_A").landmarks().dense
    frames, points, _ = some_of("talk_A")
    boxes = [
        alignment.square_box(np.concatenate([five.min(axis=0), five.max(axis=0)]))
        for five in dense[np.linspace(0, len(dense) - 1, COUNT).astype(int)]
    ]
    matrices = [np.array([[1, 0, -x0], [0, 1, -y0]]) * 256 / (x1 - x0) for x0, y0, x1, _ in boxes]
    function = training.SwapFunction(warm_start)
    found = doctor.examine(sampled((frames, points, matrices), function), function)
    assert [finding.name for finding in found] == ["alignment"]
    assert "by their boxes" in found[0].sentence and "Extract" in found[0].remedy


def test_transforms_of_other_frames(talk_a, warm_start):
    frames, points, matrices = talk_a
    turned = [
        np.array([[np.cos(a), -np.sin(a), 40 * a], [np.sin(a), np.cos(a), -60 * a]]) @ np.vstack([m, [0, 0, 1]])
        for m, a in zip(matrices, np.linspace(-0.5, 0.5, COUNT), strict=True)
    ]
    found = doctor.examine(sampled((frames, points, turned), function := training.SwapFunction(warm_start)), function)
    assert [finding.name for finding in found] == ["alignment"] and "boxes" not in found[0].sentence


def test_few_frames_with_a_face(talk_a):
    assert names(talk_a, Generator(another), frames=60, with_face=29) == ["detection"]
    assert names(talk_a, Generator(another), frames=60, with_face=30) == []
    assert [finding.name for finding in doctor.examine(doctor.Sample(), frames=60, with_face=0)] == ["detection"]


def test_a_stranger_to_the_model(warm_start):
    assert names(some_of("stranger"), training.SwapFunction(warm_start)) == ["match"]


def test_faces_of_another_crop(warm_start):
    closer = some_of("talk_A", lambda five, size: alignment.alignment_matrix(five, size, coverage=1.0))
    function = training.SwapFunction(warm_start)
    found = doctor.examine(sampled(closer, function), function)
    assert [finding.name for finding in found] == ["match"]
    assert found[0].numbers["coverage"] == pytest.approx(1.0, abs=0.05)
    assert "closer" in found[0].sentence and "coverage" in found[0].remedy


@pytest.mark.parametrize("size", [64, 128])
def test_a_region_worn_away_or_small_from_the_start(talk_a, size):
    generator = Generator(another, size=size)
    assert names(talk_a, generator, SwapOptions(erode=16)) == ["region"]
    assert names(talk_a, generator, SwapOptions(erode=5, feather=10)) == []
    assert names(talk_a, generator, SwapOptions(erode=16, mask="alpha")) == [], "the outline does not count there"
    assert names(talk_a, generator, SwapOptions(erode=16, blend="direct")) == [], "nor where the whole square is pasted"
    tiny = np.zeros((256, 256), np.uint8)
    tiny[100:150, 100:150] = 255
    found = doctor.examine(sampled(talk_a, generator, SwapOptions(erode=0, feather=0), tiny), generator)
    assert [finding.name for finding in found] == ["region"] and "masks" in found[0].remedy


def test_a_function_that_generates_what_it_sees(talk_a):
    assert names(talk_a, Generator(lambda faces: faces)) == ["change"]
    tinted = Generator(lambda faces: faces * 0.7)
    assert names(talk_a, tinted) == [], "a darker face keeps less contrast"
    assert names(talk_a, Generator(lambda faces: faces - 0.1)) == ["change"], "the mean colour is matched"
    assert names(talk_a, Generator(lambda faces: faces - 0.1), SwapOptions(colour="none")) == []


def test_several_causes_at_once(talk_a):
    found = names(talk_a, by(People(), 0, 0), SwapOptions(erode=16), frames=60, with_face=8)
    assert found == ["detection", "region", "direction"]


def test_a_model_is_asked_rarely_and_one_without_decoders_not_for_itself(talk_a):
    people = People()
    doctor.examine(sample := sampled(talk_a, Generator(another)), by(people, 0, 1))
    assert people.asked == [(0, 0), (1, 1), (1, 0)] and sample.faces().shape == (COUNT, 64, 64, 3)
    people.generators, people.asked = (), []
    assert doctor.examine(sample, by(people, 0, 1)) == [] and people.asked == [(1, 0)]
    same = sampled(talk_a, back := by(people, 1, 0))
    assert [finding.name for finding in doctor.examine(same, back)] == ["direction"]
    knows_one_way = by(People(alpha=0.0), 1, 0)
    assert "direction" not in names(talk_a, knows_one_way), "what it cannot translate says nothing"


def test_a_face_set_without_its_clip(tmp_path, talk_a, warm_start):
    rows = []
    for index, (frame, five, matrix) in enumerate(zip(*talk_a, strict=True)):
        name = f"{index:06d}_0.png"
        write_picture(tmp_path / "faces" / name, alignment.align(frame, matrix, 256))
        write_picture(tmp_path / "masks" / name, np.repeat(oval()[..., None], 3, axis=2))
        row = dict.fromkeys(COLUMNS, 0) | {"face": name, "source": "talk_A.mp4", "frame": index, "score": 1}
        row |= {f"m{i}{j}": matrix[i, j] for i in range(2) for j in range(3)}
        rows.append(row | {f"p{i}{axis}": five[i, j] for i in range(5) for j, axis in enumerate("xy")})
    pd.DataFrame(rows, columns=COLUMNS).to_csv(tmp_path / "faces.csv", index=False)
    faces = FaceSet(tmp_path)
    assert doctor.examine_set(faces, training.SwapFunction(warm_start)) == []
    wrong = doctor.examine_set(faces, training.SwapFunction(warm_start, 0, 0))
    assert [finding.name for finding in wrong] == ["direction"]
    assert str(wrong[0]).startswith("The direction is wrong") and str(wrong[0]).endswith(wrong[0].remedy)
    with pytest.raises(LabError, match="no face to examine"):
        doctor.examine_set(faces.subset([]), training.SwapFunction(warm_start))
