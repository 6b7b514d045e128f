"""A run's videos: which clip is the other direction, and one face a moment."""

from faceswap_lab.course import actors, runtime, samples
from faceswap_lab.studies.detection import scenes


def test_the_other_direction_of_the_sample_is_a_clip_that_no_model_learnt_from(tmp_path):
    run = runtime.prepare(out=tmp_path / "bundled")
    clip, truth = scenes.other_direction(run)
    assert clip == actors.clip("talk_B").path and truth == actors.clip("truth_B_from_A").path
    assert clip not in (run.clip("B"), run.clip("A"), run.clip("target"))


def test_the_other_direction_of_own_clips_is_the_sources_own_without_a_truth(tmp_path):
    own = samples.sample_clips()
    run = runtime.prepare(out=tmp_path / "own", source=own["train_B"], target=own["target"])
    assert scenes.other_direction(run) == (own["train_B"], None)


def test_a_moment_has_one_face_of_the_main_person_and_a_long_clip_its_first_ones(shifted_faces, monkeypatch):
    faces = shifted_faces(range(12))
    faces.table.loc[[3, 5], "person"] = 1
    faces.table.loc[8, "frame"] = 7
    monkeypatch.setattr(scenes, "MOMENTS", 6)
    assert scenes._one_face_a_frame(faces).table["frame"].tolist() == [0, 1, 2, 4, 6, 7]
