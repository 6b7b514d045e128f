"""The webcam recorder in headless Chromium with a camera that is not real: the clip that comes out is one that the lab reads."""

import base64
import functools
import http.server
import importlib.util
import threading

import pytest
from chromium import browser_page, find_browser, wait_for

from faceswap_lab import video
from faceswap_lab.base.errors import LabError
from faceswap_lab.widgets.recorder import Recorder

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
VIDEO = """(async () => {
  const video = await (await fetch(document.querySelector(".faceswap-recorder a").href)).arrayBuffer();
  return btoa(Array.from(new Uint8Array(video), byte => String.fromCharCode(byte)).join(""));
})()"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *said):
        pass


@pytest.fixture
def address(tmp_path):
    (tmp_path / "page.html").write_text(Recorder(seconds=2)._repr_mimebundle_()["text/html"])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/page.html"
    server.shutdown()


@pytest.mark.skipif(find_browser() is None, reason="no Chromium or Chrome is installed")
@pytest.mark.skipif(importlib.util.find_spec("websocket") is None, reason="websocket-client is not installed")
def test_a_recording_is_a_clip_that_the_lab_reads(address, tmp_path):
    with browser_page(find_browser(), tmp_path, flags=CAMERA) as page:
        page.call("Page.navigate", url=address)
        wait_for(lambda: page.value("!!document.querySelector('.faceswap-recorder button')"), "the button")
        page.click("document.querySelector('.faceswap-recorder button')")
        wait_for(lambda: page.value("document.querySelector('.faceswap-recorder a').hidden === false"), "the link")
        (tmp_path / "my_clip.webm").write_bytes(base64.b64decode(page.value(VIDEO)))
        seen = "document.querySelector('.faceswap-recorder video')"
        wait_for(lambda: page.value(f"{seen}.controls && {seen}.readyState > 1"), "the recording, to look at", 20)
        assert "MB. Look at it, keep it" in page.value("document.querySelector('.faceswap-recorder [role=status]').textContent")
    clip = video.open_video(tmp_path / "my_clip.webm")
    assert clip.has_audio and 1 < clip.duration < 4 and min(clip.size) >= 240
    assert len({frame.image.tobytes() for frame in clip.frames()}) > 5


def test_no_length_of_a_clip_is_refused():
    with pytest.raises(LabError, match="seconds: 0 cannot be used"):
        Recorder(0)
