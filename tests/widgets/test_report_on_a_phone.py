"""The report page in headless Chromium as wide as a phone: nothing sticks out, and tables keep low rows."""

import importlib.util

import pytest
from chromium import browser_page, find_browser, wait_for

from faceswap_lab.base import files
from faceswap_lab.course import report

ROWS = "[...document.querySelectorAll('section table tr')].map(row => row.getBoundingClientRect().height)"


@pytest.mark.skipif(find_browser() is None, reason="no Chromium or Chrome is installed")
@pytest.mark.skipif(importlib.util.find_spec("websocket") is None, reason="websocket-client is not installed")
def test_the_page_is_readable_on_a_phone(tmp_path):
    about = {"title": "swap gain", "unit": "share", "better": "higher", "needs": ["truth"]}
    about["meaning"] = "How much of the way from the untouched target to the true swap, judged by local contrast. " * 2
    run = tmp_path / "run"
    scores = {"models": {"autoencoder": {"swap_gain": 0.45}}, "baselines": {"unchanged": {"swap_gain": 0.0}}}
    scores |= {"best": "autoencoder", "scores": {"swap_gain": about}, "notes": []}
    scores["intervals"] = {"autoencoder": {"swap_gain": [0.41, 0.49]}}
    files.write_json(run / "scores.json", scores)
    files.write_json(run / "run.json", {"preset": "quick", "seed": 0, "clips": {}})
    page_file = report.write_report(run)
    with browser_page(find_browser(), tmp_path) as page:
        size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False}
        page.call("Emulation.setDeviceMetricsOverride", **size)
        page.call("Page.navigate", url=page_file.as_uri())
        wait_for(lambda: page.value("document.querySelectorAll('section table tr').length > 2"), "the tables")
        assert page.value("document.documentElement.scrollWidth") <= 390, "nothing sticks out of the window"
        heights = page.value(ROWS)
        assert len(heights) >= 4 and max(heights) < 260, heights
        first = page.value("getComputedStyle(document.querySelector('section table tr:nth-child(2) td')).position")
        assert first == "sticky", "a table that scrolls keeps its names in sight"
