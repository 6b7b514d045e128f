"""JupyterLab in headless Chromium, driven through the browser's DevTools protocol: real mouse, real keys, real pictures."""

import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}


def find_browser():
    """The path of a Chromium, or None."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def wait_for(look, what, seconds=60.0):
    """What `look()` gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


@contextlib.contextmanager
def running(command, log, **options):
    """A process with all its children, ended with the block."""
    with open(log, "wb") as said:
        process = subprocess.Popen(
            command, stdout=said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True, **options
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@contextlib.contextmanager
def jupyter_lab(folder: Path, private: Path, paths):
    """JupyterLab on a folder, with nobody's settings: gives its address and its token."""
    settings = private / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(NO_NEWS))
    places = {name: str(private / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | places
    environment |= {
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(private / "settings"),
        "PYTHONPATH": os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")]),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += ["--ServerApp.port=0", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
    with running(command, private / "lab.log", env=environment, cwd=folder) as process:

        def address():
            assert process.poll() is None, (private / "lab.log").read_text()[-2000:]
            for file in (private / "runtime").glob("jpserver-*.json"):
                with contextlib.suppress(ValueError):
                    told = json.loads(file.read_text())
                    return (told["url"], told["token"]) if told["port"] else None

        yield wait_for(address, "JupyterLab's address")


class Page:
    """One page of a browser.

    Args:
        socket: to its DevTools.
    """

    def __init__(self, socket):
        self.socket, self.numbers = socket, itertools.count(1)

    def call(self, method, **parameters):
        """Calls a method of the DevTools protocol and waits for its answer."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def value(self, expression):
        """The value of a JavaScript expression, a promise's when it is kept."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def middle(self, element):
        """Where the middle of an element (a JavaScript expression) lies, scrolled into sight: x, y in pixels."""
        self.value(f"({element}).scrollIntoView({{block: 'nearest'}})")
        time.sleep(0.2)
        box = self.value(f"(b => [b.x, b.y, b.width, b.height])(({element}).getBoundingClientRect())")
        return box[0] + box[2] / 2, box[1] + box[3] / 2

    def mouse(self, kind, x, y):
        held = {"button": "left", "buttons": 1, "clickCount": 1} if kind != "mouseMoved" else {"buttons": 1}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **held)

    def click(self, element):
        """Presses the mouse on an element."""
        x, y = self.middle(element)
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def drag(self, element, right, steps=4):
        """Takes an element by the mouse and moves it so many pixels to the right."""
        x, y = self.middle(element)
        self.mouse("mousePressed", x, y)
        for step in range(1, steps + 1):
            self.mouse("mouseMoved", x + right * step / steps, y)
        self.mouse("mouseReleased", x + right, y)

    def press(self, element, key, code, times=1):
        """Presses a key while an element has the keyboard."""
        self.value(f"({element}).focus()")
        for _ in range(times):
            for kind in ("keyDown", "keyUp"):
                self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def screenshot(self, path):
        """Writes what is seen as a PNG."""
        Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextlib.contextmanager
def browser_page(browser, private: Path, size=(1400, 1000), flags=()):
    """A headless Chromium with an empty page."""
    import websocket

    profile = private / "profile"
    command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    command += [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-extensions",
    ]
    command += ["--remote-debugging-port=0", f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"]
    with running([*command, *flags, "about:blank"], private / "chromium.log") as process:

        def port():
            assert process.poll() is None, (private / "chromium.log").read_text()[-2000:]
            file = profile / "DevToolsActivePort"
            return file.exists() and file.read_text().splitlines()[:1]

        local = f"http://127.0.0.1:{wait_for(port, 'the port of Chromium')[0]}/json/list"

        def target():
            with contextlib.suppress(OSError), urllib.request.urlopen(local, timeout=5) as answer:
                return [page for page in json.load(answer) if page["type"] == "page"]

        url = wait_for(target, "a page of Chromium")[0]["webSocketDebuggerUrl"]
        socket = websocket.create_connection(url, timeout=60, suppress_origin=True)
        try:
            yield Page(socket)
        finally:
            socket.close()
