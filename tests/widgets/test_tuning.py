"""The tuning panel, driven as a hand would: its widgets' values and clicks, its picture, and the file afterwards."""

import dataclasses
import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tuned import Generator, some_frames

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors
from faceswap_lab.faces import alignment
from faceswap_lab.faces.faceset import COLUMNS, FaceSet
from faceswap_lab.swap import swapping
from faceswap_lab.swap.options import BLENDS, ConversionOptions, SwapOptions
from faceswap_lab.video.pictures import write_picture
from faceswap_lab.widgets import tuning, tuning_frames


@pytest.fixture(scope="module")
def frames():
    return some_frames(2)


@pytest.fixture
def generator():
    return Generator()


@pytest.fixture
def panel(frames, generator, tmp_path):
    return tuning.TuningPanel(frames, generator, tmp_path / "run é" / "conversion_settings.json", side=300)


def shown(panel):
    return np.asarray(Image.open(io.BytesIO(panel.image.value)).convert("RGB")).astype(int)


def greenness(picture):
    return float((picture[..., 1] - picture[..., [0, 2]].mean(axis=-1)).mean())


def send(widget, **state):
    """What a browser sends when a control is moved."""
    message = {"content": {"data": {"method": "update", "state": state, "buffer_paths": []}}, "buffers": []}
    widget._handle_msg(message)


def test_every_option_of_a_frame_has_its_control_and_changes_the_picture(panel, generator):
    assert list(panel.controls) == [field.name for field in dataclasses.fields(SwapOptions)]
    panel.position.value = 100
    send(panel.controls["sharpen"], index=2)
    assert panel.controls["sharpen"].value == "gaussian"
    moves = {"erode": 12.0, "blur": 6.0, "feather": 22.0, "amount": 2.5, "coverage": 0.8}
    for name, control in panel.controls.items():
        before = shown(panel)
        if name in tuning.CHOICES:
            send(control, index=(control.index + 1) % len(tuning.CHOICES[name]))
        else:
            send(control, value=moves.get(name, control.max))
        assert np.abs(shown(panel) - before).max() > 3, name
        assert getattr(panel.settings, name) == control.value
        panel.reset()
        panel.controls["sharpen"].value = "gaussian"


def test_the_picture_is_what_a_conversion_makes(panel, frames):
    panel.close_up.value, panel.view.value, panel.position.value = False, "fade", 100
    panel.controls["erode"].value, panel.controls["colour"].value = 5.0, "none"
    frame, options = frames[0], SwapOptions(erode=5.0, colour="none")
    wanted = swapping.swap_frame(frame.image, frame.matrix, frame.mask, Generator(), options)
    whole = tuning.TuningPanel(frames, Generator(), panel.path, panel.settings, side=wanted.shape[1])
    whole.close_up.value, whole.view.value, whole.position.value = False, "fade", 100
    np.testing.assert_array_equal(shown(whole), wanted)
    whole.position.value = 0
    np.testing.assert_array_equal(shown(whole), frame.image)


def test_the_wipe_uncovers_the_swap_from_the_left(panel):
    panel.controls["colour"].value = "none"
    panel.position.value = 0
    before = shown(panel)
    panel.position.value = 100
    after = shown(panel)
    assert greenness(after) > greenness(before) + 10
    panel.position.value = 40
    picture, edge = shown(panel), round(0.4 * before.shape[1])
    np.testing.assert_array_equal(picture[60:, : edge - 2], after[60:, : edge - 2])
    np.testing.assert_array_equal(picture[60:, edge + 2 :], before[60:, edge + 2 :])
    assert (picture[60:, edge] == 255).all()
    panel.view.value = "fade"
    np.testing.assert_allclose(shown(panel)[60:], (0.6 * before + 0.4 * after)[60:], atol=1)


def test_the_model_generates_each_frame_once(panel, generator):
    assert generator.calls == 1
    for erode in (0.0, 3.0, 9.0):
        panel.controls["erode"].value = erode
    panel.controls["blend"].value = "seamless"
    panel.view.value = "all blends"
    panel.show_mask.value = True
    assert generator.calls == 1
    panel.frame.value = 1
    assert generator.calls == 2
    panel.frame.value = 0
    assert generator.calls == 2
    panel.controls["coverage"].value = 0.9
    assert generator.calls == 3, "another crop is another face"


def test_all_blends_side_by_side(panel):
    panel.view.value = "all blends"
    picture = shown(panel)
    assert picture.shape[1] == 300 and panel.position.disabled
    parts = [half for row in np.array_split(picture, 2) for half in np.array_split(row, 2, axis=1)]
    assert len(parts) == len(BLENDS)
    changes = [np.abs(one - other).mean() for number, one in enumerate(parts) for other in parts[:number]]
    assert min(changes) > 0.05, "no two blends look the same"


def test_the_mask_is_laid_over(panel):
    panel.position.value = 100
    plain = shown(panel)
    panel.show_mask.value = True
    veiled = shown(panel)
    changed = np.abs(veiled - plain).sum(axis=-1) > 20
    assert 0.2 < changed.mean() < 0.7 and changed[changed.shape[0] // 2, changed.shape[1] // 2]
    panel.controls["erode"].value = 12.0
    panel.show_mask.value = False
    plain = shown(panel)
    panel.show_mask.value = True
    assert (np.abs(shown(panel) - plain).sum(axis=-1) > 20).mean() < 0.7 * changed.mean()


def test_only_controls_that_count_can_be_moved(panel):
    panel.controls["sharpen"].value = "none"
    assert panel.controls["amount"].disabled and not panel.controls["erode"].disabled
    panel.controls["sharpen"].value = "box"
    assert not panel.controls["amount"].disabled
    panel.controls["blend"].value = "direct"
    assert panel.controls["erode"].disabled and panel.controls["mask"].disabled
    panel.view.value = "all blends"
    assert not panel.controls["erode"].disabled


def test_saved_settings_are_read_again(panel, frames, generator):
    assert not panel.path.exists()
    panel.controls["blend"].value, panel.controls["feather"].value = "seamless", 11.0
    panel.save_button.click()
    assert "Saved to" in panel.message.value and "run é" in panel.message.value
    assert ConversionOptions.read(panel.path) == ConversionOptions(blend="seamless", feather=11.0)
    again = tuning.TuningPanel(frames, generator, panel.path)
    assert again.controls["blend"].value == "seamless" and again.settings == ConversionOptions.read(panel.path)
    again.reset_button.click()
    assert again.settings == ConversionOptions() and ConversionOptions.read(panel.path).feather == 11.0


def test_what_belongs_to_the_film_is_kept(frames, generator, tmp_path):
    path = tmp_path / "settings.json"
    ConversionOptions(smoothing="strong", crf=20, erode=24.0).write(path)
    panel = tuning.TuningPanel(frames, generator, path)
    assert panel.controls["erode"].value == 24.0, "a value beyond the usual range widens the slider"
    panel.controls["erode"].value = 1.0
    panel.save()
    assert ConversionOptions.read(path) == ConversionOptions(smoothing="strong", crf=20, erode=1.0)


def test_bad_files_and_places(frames, generator, tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"blend": "magic"}))
    with pytest.raises(LabError, match="settings.json.*magic"):
        tuning.TuningPanel(frames, generator, path)
    with pytest.raises(LabError, match="no frame to tune on"):
        tuning.TuningPanel([], generator, path)
    (tmp_path / "file").write_text("")
    panel = tuning.TuningPanel(frames, generator, tmp_path / "other.json")
    panel.path = tmp_path / "file" / "settings.json"
    panel.save_button.click()
    assert "stands where a folder is needed" in panel.message.value
    panel.controls["erode"].value = 4.0
    assert panel.message.value == "", "an old message goes away"


def test_a_cell_with_nobody_watching_shows_a_picture(panel, monkeypatch):
    import IPython.display

    seen = []
    monkeypatch.setattr(IPython.display, "display", seen.append)
    panel._ipython_display_()
    assert seen[0].content == panel.image.value
    monkeypatch.setattr(tuning, "somebody_watches", lambda: True)
    panel._ipython_display_()
    assert seen[1] is panel.widget


def test_shots_of_a_clip(frames, tmp_path):
    clip, rows = actors.clip("talk_A"), []
    for index, frame in ((0, 0), (1, 1), (2, 3), (3, 5)):
        name, five = f"{frame:06d}_0.png", clip.points()[frame]
        matrix = alignment.alignment_matrix(five, 256)
        write_picture(tmp_path / "faces" / name, np.full((256, 256, 3), index, np.uint8))
        write_picture(tmp_path / "masks" / name, np.full((256, 256, 3), 10 * frame, np.uint8))
        row = dict.fromkeys(COLUMNS, 0) | {"face": name, "source": "talk_A.mp4", "frame": frame}
        rows.append(row | {f"m{i}{j}": matrix[i, j] for i in range(2) for j in range(3)})
    pd.DataFrame(rows, columns=COLUMNS).to_csv(tmp_path / "faces.csv", index=False)
    faces = FaceSet(tmp_path)
    some = tuning_frames.choose_frames(clip.path, faces, 3)
    assert [frame.name for frame in some] == ["frame 0", "frame 3", "frame 5"]
    np.testing.assert_array_equal(some[0].image, frames[0].image)
    np.testing.assert_array_equal(some[1].matrix, faces.matrix(2))
    assert (some[1].mask == 30).all()
    assert [frame.name for frame in tuning_frames.choose_frames(clip.path, faces, [5, 0])] == ["frame 5", "frame 0"]
    with pytest.raises(LabError, match="no face in frame 4.*0 to 5"):
        tuning_frames.choose_frames(clip.path, faces, [4])
    with pytest.raises(LabError, match="no face of person 2"):
        tuning_frames.choose_frames(clip.path, faces, 3, person=2)


def test_a_slider_can_stand_on_the_lab_s_default():
    """A browser rounds a value to the slider's step: a default between two steps would be saved as another number."""
    for name, (low, high, step) in tuning.RANGES.items():
        default = getattr(ConversionOptions(), name)
        steps = (default - low) / step
        assert low <= default <= high and abs(steps - round(steps)) < 1e-6, name


def test_in_a_narrow_window_the_picture_shrinks_beside_its_controls(tmp_path):
    panel = tuning.TuningPanel(some_frames(1), Generator(), tmp_path / "settings.json")
    picture, column = panel.widget.children
    grow, shrink, basis = picture.layout.flex.split()
    assert (grow, shrink) == ("1", "1") and picture.layout.max_width == "560px" and panel.image.layout.width == "100%"
    least = int(basis.removesuffix("px")) + int(column.layout.width.removesuffix("px")) + 18
    assert least <= 780, "what a window of 1000 px leaves to a cell's output, less its edges"
