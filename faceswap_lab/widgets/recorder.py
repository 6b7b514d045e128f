"""A recorder for the webcam, in the browser alone: what is recorded goes to the browser's downloads, and to nobody else."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass

from faceswap_lab.base.errors import check_number
from faceswap_lab.base.messages import _, ngettext

_PAGE = """<div class="faceswap-recorder" style="max-width:480px">
<video muted playsinline style="width:100%; background:#222; aspect-ratio:4/3" aria-label="{seen}"></video>
<p><button type="button">{record}</button> <a hidden download="my_clip.webm">{keep}</a></p>
<p role="status">{before}</p>
</div>
<script>
(() => {{
  const all = document.querySelectorAll(".faceswap-recorder"), box = all[all.length - 1];
  const [view, button, link, status] = ["video", "button", "a", "[role=status]"].map(one => box.querySelector(one));
  button.onclick = async () => {{
    button.disabled = true;
    view.controls = false;
    view.muted = true;
    try {{
      const wanted = {{video: {{width: {{ideal: 1280}}, height: {{ideal: 720}}}}, audio: true}};
      const stream = await navigator.mediaDevices.getUserMedia(wanted);
      const recorder = new MediaRecorder(stream), parts = [];
      view.srcObject = stream;
      await view.play();
      recorder.ondataavailable = event => parts.push(event.data);
      recorder.onstop = () => {{
        stream.getTracks().forEach(track => track.stop());
        view.srcObject = null;
        const video = new Blob(parts, {{type: recorder.mimeType}});
        link.href = view.src = URL.createObjectURL(video);
        view.controls = true;
        view.muted = false;
        link.hidden = button.disabled = false;
        status.textContent = {after}.replace("{{size}}", (video.size / 1e6).toFixed(1));
      }};
      recorder.start();
      status.textContent = {meanwhile};
      setTimeout(() => recorder.stop(), {milliseconds:.0f});
    }} catch (error) {{
      button.disabled = false;
      status.textContent = {refused}.replace("{{error}}", error.name);
    }}
  }};
}})();
</script>"""


@dataclass(frozen=True)
class Recorder:
    """A button that records a clip, for `display`; nothing is sent to the kernel.

    Args:
        seconds: how long.

    Raises:
        LabError: when that is no length of a clip.
    """

    seconds: float = 20.0

    def __post_init__(self):
        check_number("seconds", self.seconds, 1, 300, "seconds")

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        words = {
            "seen": _("what the camera sees"),
            "record": ngettext("Record {seconds:g} second", "Record {seconds:g} seconds", round(self.seconds)).format(
                seconds=self.seconds
            ),
            "keep": _("Keep my_clip.webm"),
            "before": _("The camera is asked for when you press the button."),
        }
        script = {  # what is between braces here, the page fills in itself
            "meanwhile": _("Recording: turn the head slowly left, right, up and down; then speak and smile."),
            "after": _("{size} MB. Look at it, keep it, and bring it to the notebook's files."),
            "refused": _("No recording ({error}): allow camera and microphone, or record with the phone."),
        }
        told = {name: html.escape(text) for name, text in words.items()}
        told |= {name: json.dumps(text) for name, text in script.items()}
        still = _("in a running notebook: a button that records a clip by the webcam")
        return {"text/html": _PAGE.format(milliseconds=1000 * self.seconds, **told), "text/plain": still}
