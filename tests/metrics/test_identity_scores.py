"""Whose face a swap shows, by two networks: on known numbers, and on the actors."""

import numpy as np
import pandas as pd
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors
from faceswap_lab.metrics.catalogue import value_of
from faceswap_lab.metrics.frame_samples import measure_clips
from faceswap_lab.metrics.identity import _MARGINS, Gallery, Identity
from faceswap_lab.metrics.recognition_features import Dlib, FaceRes, Remembering, features

EVERY = 40  # of the talking clips' 120 frames


class Plain(Remembering):
    """A network that gives three numbers: the mean colour."""

    name, title, numbers = "dlib", "plain", 3

    def __init__(self):
        super().__init__()
        self.looked = 0

    def cut(self, image, points):
        return image[:4, :4]

    def look(self, faces):
        self.looked += len(faces)
        return faces.reshape(len(faces), -1, 3).mean(axis=1).astype(np.float32) / 255


def plain_gallery(network=None, **more):
    people = {"A": np.array([[1.0, 0, 0], [0.8, 0, 0]]), "B": np.array([[0, 1.0, 0]]), "C": np.array([[0, 0, 1.0]])}
    return Gallery(network or Plain(), people | more, "B", "A")


def test_move_is_0_at_the_target_1_at_the_source_and_forgets_the_light():
    gallery = plain_gallery()
    target = np.array([[0.9, 0, 0]])
    assert gallery.move(target, target) == pytest.approx([0])
    assert gallery.move(np.array([[0, 1.0, 0]]), target) == pytest.approx([1])
    light = np.array([[0.1, 0.2, -0.3]])
    assert gallery.move((target + [[0, 1.0, 0]]) / 2 + light, target + light) == pytest.approx([0.5])


def test_distances_are_medians_and_cosines_leave_out_what_all_share():
    gallery = plain_gallery()
    face = np.array([[0, 1.0, 0], [np.nan] * 3])
    distances = gallery.distances(face)
    assert (
        distances[0] == pytest.approx([(np.sqrt(2) + np.sqrt(1.64)) / 2, 0, np.sqrt(2)])
        and np.isnan(distances[1]).all()
    )
    assert gallery.centre == pytest.approx([0.3, 1 / 3, 1 / 3])
    cosines = gallery.cosines(face)[0]
    assert cosines[1] == pytest.approx(1) and cosines[0] < 0 and cosines[2] < 0


def test_a_gallery_that_cannot_judge_is_refused():
    for people, source, target, words in (
        ({"A": np.ones((1, 3)), "B": np.ones((1, 3))}, "C", "A", "source: 'C' is not in the gallery"),
        ({"A": np.ones((1, 3)), "B": np.ones((1, 3))}, "A", "A", "both 'A'"),
        ({"A": np.ones((1, 3)), "B": np.full((2, 3), np.nan)}, "B", "A", "no picture of B"),
    ):
        with pytest.raises(LabError, match=words):
            Gallery(Plain(), people, source, target)
    other = Gallery(Plain(), {"A": np.ones((1, 3)), "Z": np.ones((1, 3))}, "Z", "A")
    with pytest.raises(LabError, match="not about the same people"):
        Identity([plain_gallery(), other])


def test_frames_come_in_batches_and_no_face_is_looked_at_twice():
    network = Plain()
    target = [np.full((40, 40, 3), (255 - i, 0, 0), np.uint8) for i in range(30)]
    output = [np.full((40, 40, 3), (0, 255 - i, 0), np.uint8) for i in range(30)]
    points = np.tile([[10.0, 10], [30, 10], [20, 20], [12, 30], [28, 30]], (30, 1, 1))
    points[3] = np.nan
    found = measure_clips(
        {"swap": output, "unchanged": target}, target, points, lambda name: [Identity([plain_gallery(network)])],
        finder=lambda *both: None,
    )  # fmt: skip
    assert network.looked == 2 * 29
    scores = {name: value_of(*pair) for name, pair in found.items()}
    assert scores["swap"]["retrieval_dlib"] == 1 and scores["unchanged"]["retrieval_dlib"] == 0
    assert scores["unchanged"]["identity_move_dlib"] == 0
    table = found["swap"][1]
    assert table.loc[3].drop("frame").isna().all() and table.drop(3).notna().all(axis=None)


def test_margins_of_two_networks():
    way = np.array([0.1, 0.2, 0.3, np.nan])
    table = pd.DataFrame({"distance_source_dlib": -way, "distance_target_dlib": way * 0})
    table["distance_source_face_res"], table["distance_target_face_res"] = -3 * way + 1, 0.0
    assert _MARGINS(table) == pytest.approx(1)
    table["distance_source_face_res"] *= -1
    assert _MARGINS(table) == pytest.approx(-1)
    assert np.isnan(_MARGINS(table[:2])) and np.isnan(_MARGINS(table[[]]))


@pytest.fixture(scope="module")
def networks():
    return Dlib(), FaceRes()


@pytest.fixture(scope="module")
def scored(networks):
    """The unchanged target, the true swap, half-way pixels, black: a few frames, judged by both networks."""
    people = {}
    for name, clip, every in (("A", "hard_A", 10), ("B", "talk_B", 20), ("stranger", "stranger", 10)):
        one = actors.clip(clip)
        people[name] = one.frames(every=every), one.points()[::every]
    clip = actors.clip("talk_A")
    target, truth = clip.frames(every=EVERY), actors.clip("truth_A_from_B").frames(every=EVERY)
    outputs = {"unchanged": target, "truth": truth, "black": target * 0}
    outputs["half"] = (target // 2 + truth // 2).astype(np.uint8)
    galleries = [
        Gallery(network, {name: features(*pictures, network) for name, pictures in people.items()}, "B", "A")
        for network in networks
    ]
    points = clip.points()[::EVERY]
    made = {}

    def measures(name):
        made[name] = Identity(galleries)
        return [made[name]]

    found = measure_clips(outputs, target, points, measures, finder=lambda *both: None)
    return (
        {name: value_of(*pair) for name, pair in found.items()},
        {name: pair[1] for name, pair in found.items()},
        made,
    )


@pytest.mark.parametrize("network", ["dlib", "face_res"])
def test_the_truth_is_the_source_and_the_unchanged_target_is_not(scored, network):
    values = scored[0]
    assert values["truth"][f"retrieval_{network}"] == 1 and values["unchanged"][f"retrieval_{network}"] == 0
    assert values["unchanged"][f"identity_move_{network}"] == 0
    assert 0.6 < values["truth"][f"identity_move_{network}"] < 1.4  # the gallery is small, and of odd light
    assert 0.1 < values["half"][f"identity_move_{network}"] < 0.9
    for kind, sign in (("source", 1), ("target", -1)):
        cosines = [sign * values[name][f"cosine_{kind}_{network}"] for name in ("unchanged", "half", "truth")]
        assert cosines == sorted(cosines) and cosines[2] - cosines[0] > 0.5


def test_dlibs_distance_is_under_its_own_threshold_for_the_truth_only(scored):
    values = scored[0]
    assert values["truth"]["distance_source_dlib"] < 0.6 < values["unchanged"]["distance_source_dlib"]
    assert values["black"]["distance_source_dlib"] > 0.6, "somebody is nearest, but it is nobody"


def test_both_networks_agree_where_it_is_clear(scored):
    values, tables, _ = scored
    assert values["truth"]["judges_disagree"] == values["unchanged"]["judges_disagree"] == 0
    assert abs(values["truth"]["judges_gap"]) < 0.5 and values["unchanged"]["judges_gap"] == 0
    mixed = pd.concat([tables[name] for name in ("unchanged", "half", "truth")])
    assert _MARGINS(mixed) > 0.9


def test_order_does_not_matter_and_features_are_kept(scored, networks):
    values, tables, made = scored
    seen = made["truth"].features("dlib")
    assert seen.shape == (3, 128) and np.isfinite(seen).all()
    one = made["truth"].scores[0]
    assert one.of(tables["truth"][::-1]) == one.of(tables["truth"])


def test_features_refuse_points_that_do_not_fit():
    frames = [np.zeros((20, 20, 3), np.uint8)] * 2
    for count in (1, 3):
        with pytest.raises(LabError, match=f"points: {count} rows"):
            features(frames, np.full((count, 5, 2), np.nan), Plain())
    assert np.isnan(features(frames, np.full((2, 5, 2), np.nan), Plain())).all()
