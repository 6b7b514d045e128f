"""A recorder for the webcam, in the browser alone: what is recorded goes to the browser's downloads, and to nobody else."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_lab.base.errors import check_number

_PAGE = """<div class="faceswap-recorder" style="max-width:480px">
<video muted playsinline style="width:100%; background:#222; aspect-ratio:4/3" aria-label="what the camera sees"></video>
<p><button type="button">Record {seconds:g} seconds</button> <a hidden download="my_clip.webm">Keep my_clip.webm</a></p>
<p role="status">The camera is asked for when you press the button.</p>
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
        status.textContent = `${{(video.size / 1e6).toFixed(1)}} MB. Look at it, keep it, and bring it to the notebook's files.`;
      }};
      recorder.start();
      status.textContent = "Recording: turn the head slowly left, right, up and down; then speak and smile.";
      setTimeout(() => recorder.stop(), {milliseconds:.0f});
    }} catch (error) {{
      button.disabled = false;
      status.textContent = `No recording (${{error.name}}): allow camera and microphone, or record with the phone.`;
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
        page = _PAGE.format(seconds=self.seconds, milliseconds=1000 * self.seconds)
        return {"text/html": page, "text/plain": "in a running notebook: a button that records a clip by the webcam"}
