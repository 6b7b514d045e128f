"""The face browser, driven as a hand would: its widgets' values and clicks, and the folder afterwards."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import samples
from faceswap_lab.faces import curation
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.widgets.browser import FaceBrowser
from faceswap_lab.widgets.showing import Picture


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return extract_faces(samples.sample_clips()["target"], tmp_path_factory.mktemp("sets") / "set", every=10)


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original.folder, tmp_path / "set")


def shown(browser):
    return [
        toggle.tooltip
        for toggle, cell in zip(browser.toggles, browser._cells, strict=True)
        if cell.layout.display != "none"
    ]


def test_reject_and_undo_write_through(folder):
    browser = FaceBrowser(folder, page_size=4)
    names = FaceSet(folder).table["face"].tolist()
    assert shown(browser) == names[:4] and browser.previous.disabled
    assert Image.open(io.BytesIO(browser.images[0].value)).size == (96, 96)
    browser.toggles[1].value = True
    assert browser.toggles[1].description == "reject" and browser.marked == {names[1]}
    browser.next.click()
    assert shown(browser) == names[4:] and browser.next.disabled
    assert not any(toggle.value for toggle in browser.toggles[:2])
    browser.toggles[1].value = True
    browser.toggles[0].value = True
    browser.toggles[0].value = False
    assert len(FaceSet(folder)) == 6, "marking alone changes nothing"
    browser.reject_button.click()
    assert FaceSet(folder).table["face"].tolist() == [names[i] for i in (0, 2, 3, 4)]
    assert shown(browser) == [names[i] for i in (0, 2, 3, 4)] and not browser.marked
    assert "4 faces, 0 marked, 2 rejected" in browser.counter.value
    assert "2 faces rejected." in browser.message.value
    browser.reject_button.click()  # the second half of a double click
    assert "2 faces rejected. No other face is marked." in browser.message.value and len(FaceSet(folder)) == 4

    again = FaceBrowser(folder, page_size=4)  # as after a restart
    again.undo_button.click()
    assert FaceSet(folder).table["face"].tolist() == names
    assert shown(again) == names[:4] and again.undo_button.disabled
    again.reject_button.click()
    assert ">No face is marked." in again.message.value and len(FaceSet(folder)) == 6


def test_the_order_is_that_of_the_set(folder):
    browser = FaceBrowser(FaceSet(folder), by="sharpness", page_size=4)
    table = FaceSet(folder).table
    sharpest = table.sort_values("sharpness", ascending=False)["face"].tolist()
    assert shown(browser) == sharpest[:4]
    browser.next.click()
    browser.backwards.value = True
    assert shown(browser) == sharpest[::-1][:4], "another order begins at its first page"
    browser.sorting.value = "yaw"
    assert shown(browser) == table.sort_values("yaw")["face"].tolist()[::-1][:4]


def test_faces_can_be_marked_by_a_rule(folder):
    faces = FaceSet(folder)
    browser = FaceBrowser(faces.subset([0, 2, 4]), page_size=8)
    assert len(shown(browser)) == 3
    browser.mark(browser.faces.table["frame"] >= 20)
    assert [toggle.value for toggle in browser.toggles[:3]] == [False, True, True]
    browser.reject_button.click()
    assert FaceSet(folder).table["frame"].tolist() == [0, 10, 30, 50] and len(shown(browser)) == 1
    browser.undo_button.click()
    assert len(shown(browser)) == 3 and len(FaceSet(folder)) == 6


def test_all_faces_may_go(folder):
    browser = FaceBrowser(folder, page_size=8)
    browser.mark(range(6))
    browser.reject_button.click()
    assert shown(browser) == [] and "0 faces" in browser.counter.value
    browser.undo_button.click()
    assert len(shown(browser)) == 6


def test_errors_are_shown_not_lost(folder):
    with pytest.raises(LabError, match="no face set"):
        FaceBrowser(folder / "faces")
    with pytest.raises(LabError, match="page_size=0"):
        FaceBrowser(folder, page_size=0)
    with pytest.raises(LabError, match="by='colour'"):
        FaceBrowser(folder, by="colour")
    browser = FaceBrowser(folder, page_size=4)
    name = shown(browser)[0]
    browser.toggles[0].value = True
    browser.reject_button.click()
    shutil.copy(folder / "rejected" / name, folder / "faces")
    browser.undo_button.click()
    assert name in browser.message.value and "in the set again" in browser.message.value
    assert len(curation.rejected(folder)) == 1


def test_a_page_that_cannot_be_shown_is_not_turned_to(folder):
    browser = FaceBrowser(folder, page_size=4)
    names = shown(browser)
    for path in (folder / "faces").iterdir():
        path.unlink()
    browser.next.click()
    assert "Not done." in browser.message.value and "no such file" in browser.message.value
    assert browser.page == 0 and shown(browser) == names
    browser.toggles[0].value = True
    assert browser.marked == {names[0]}, "what is marked is what is seen"


def test_a_notebook_displays_it(folder, monkeypatch):
    import IPython.display

    seen = []
    monkeypatch.setattr(IPython.display, "display", seen.append)
    browser = FaceBrowser(folder, page_size=4)
    monkeypatch.setattr("faceswap_lab.widgets.browser.somebody_watches", lambda: True)
    browser._ipython_display_()
    assert seen == [browser.widget]


def test_a_static_page_shows_the_faces_and_says_what_is_missing(folder, monkeypatch):
    import IPython.display

    seen = []
    monkeypatch.setattr(IPython.display, "display", lambda *given: seen.extend(given))
    browser = FaceBrowser(folder, page_size=4, cell=32)
    browser._ipython_display_()
    picture, words = seen
    shown_now = np.asarray(Image.open(io.BytesIO(picture.content)).convert("RGB"))
    first = np.asarray(Image.open(io.BytesIO(browser.images[0].value)).convert("RGB"))
    np.testing.assert_array_equal(shown_now[:32, :32], first)
    assert type(picture) is Picture and picture.alt == "faces by time"  # not IPython's, see test_showing
    assert "6 faces" in words.data and "In a running notebook" in words.data
