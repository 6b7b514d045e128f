"""The tuning panel in real JupyterLab in headless Chromium: a slider is moved, the picture changes, the settings are saved."""

import importlib.util
from pathlib import Path

import cv2
import nbformat
import numpy as np
import pytest
from chromium import browser_page, find_browser, jupyter_lab, wait_for

import faceswap_lab
from faceswap_lab.swap.options import ConversionOptions

HERE = Path(__file__).resolve().parent
MISSING = [name for name in ("jupyterlab", "websocket") if importlib.util.find_spec(name) is None]
PANEL = ".faceswap-tuning"
BARRED = "e => /auto|scroll/.test(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth"
OPENED = "[...(window.jupyterapp?.shell.widgets('main') ?? [])][0]"
# The picture's bytes as 64 numbers: what the browser shows, not what Python sent. A picture that is just being replaced
# cannot be decoded: there are none then.
SUMS = f"""(async () => {{
  const image = document.querySelector('{PANEL} img');
  try {{ await image.decode(); }} catch (error) {{ return null; }}
  const canvas = new OffscreenCanvas(8, 8), paper = canvas.getContext('2d');
  paper.drawImage(image, 0, 0, 8, 8);
  return Array.from(paper.getImageData(0, 0, 8, 8).data);
}})()"""


@pytest.fixture
def page(tmp_path):
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium or Chrome is installed, which this test opens JupyterLab in")
    if MISSING:
        pytest.skip(f"not installed: {', '.join(MISSING)} (pip install jupyterlab)")
    work, private = tmp_path / "work", tmp_path / "private"
    work.mkdir()
    private.mkdir()
    cells = [
        "from tuned import Generator, some_frames\n\nfrom faceswap_lab.widgets import tuning",
        'tuning.TuningPanel(some_frames(2), Generator(), "conversion_settings.json")',
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, work / "panel.ipynb")
    with (
        jupyter_lab(work, private, [Path(faceswap_lab.__file__).parents[1], HERE]) as (url, token),
        browser_page(browser, private) as page,
    ):
        page.call("Page.enable")
        page.call("Page.navigate", url=f"{url}lab/tree/panel.ipynb?token={token}")
        yield page


def slider(name):
    """The handle of a slider, as JavaScript."""
    found = f"[...document.querySelectorAll('{PANEL} .widget-slider')]"
    return f"{found}.find(s => s.querySelector('label')?.textContent === '{name}').querySelector('.noUi-handle')"


def button(text):
    return f"[...document.querySelectorAll('{PANEL} button')].find(b => b.textContent.trim() === '{text}')"


def picture(page):
    """What is shown, (8, 8, 4)."""
    found = []
    wait_for(lambda: found.append(page.value(SUMS)) or found[-1] is not None, "a picture that can be decoded", 20)
    return np.array(found[-1]).reshape(8, 8, 4)


def test_a_hand_tunes_in_jupyterlab(page, tmp_path):
    wait_for(lambda: page.value(f"{OPENED}?.sessionContext?.session?.kernel?.status === 'idle'"), "a kernel", 90)
    page.value(f"window.jupyterapp.shell.activateById({OPENED}.id)")
    page.value("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    wait_for(lambda: page.value(f"(document.querySelector('{PANEL} img')?.naturalWidth ?? 0) > 0"), "the panel", 90)
    page.value("window.jupyterapp.commands.execute('application:toggle-left-area')")
    first = picture(page)
    page.screenshot(tmp_path / "before.png")

    def changed(since, least=2):
        return lambda: np.abs(picture(page) - since).max() > least

    page.drag(f"document.querySelector('{PANEL} .noUi-handle')", 200)  # the wipe, below the picture
    wait_for(changed(first), "another picture after the wipe was moved", 20)
    wiped = picture(page)
    page.press(slider("erode"), "ArrowRight", 39, times=20)  # 20 steps of 0.5
    wait_for(changed(wiped), "another picture after erode was moved", 20)
    worn = picture(page)
    page.click(f"[...document.querySelectorAll('{PANEL} input[type=checkbox]')].at(-1)")
    wait_for(changed(worn, 20), "the mask over the picture", 20)
    page.click(button("Save settings"))
    path = tmp_path / "work" / "conversion_settings.json"
    wait_for(path.exists, "the settings file", 20)
    assert ConversionOptions.read(path) == ConversionOptions(erode=ConversionOptions().erode + 10)
    wait_for(lambda: page.value(f"document.querySelector('{PANEL}').textContent.includes('Saved to')"), "a word of it")
    page.screenshot(tmp_path / "panel.png")
    seen = cv2.imread(str(tmp_path / "panel.png"))
    assert seen.shape[1] == 1400 and len(np.unique(seen.reshape(-1, 3), axis=0)) > 2000, "a photograph is in it"
    box = page.value(f"(b => [b.left, b.right])(document.querySelector('{PANEL}').getBoundingClientRect())")
    assert 0 <= box[0] and box[1] <= 1400, "the panel fits into the window"
    wide = page.value(
        f"[...document.querySelectorAll('{PANEL} label')].filter(l => l.scrollWidth > l.clientWidth + 1).length"
    )
    assert wide == 0, "no option's name is cut off"
    scrolls = page.value(f"[...document.querySelectorAll('{PANEL}, {PANEL} *')].some({BARRED})")
    assert not scrolls, "no scrollbar inside of the panel"
