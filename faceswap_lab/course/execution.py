"""Runs the course: notebooks in order through papermill, a line for each, going on where an earlier run stopped."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, english, ngettext, retold
from faceswap_lab.course import notebooks, samples
from faceswap_lab.course.runtime import CLIPS, Run, read_marker
from faceswap_lab.swap.options import SETTINGS_FILE
from faceswap_lab.video.fingerprints import content_hash
from faceswap_lab.video.pictures import passed_over

BEAT = 60  # seconds from one sign of life to the next
SPACE_NEEDED = 500_000_000  # bytes free before a run starts: frames, face sets, checkpoints and clips of a few minutes


@dataclass(frozen=True)
class Result:
    """What became of one notebook.

    Args:
        name: such as "03_autoencoder".
        minutes: how long it ran (when it was skipped: when it ran).
        made: what it made, in one line.
        skipped: True when an earlier run had finished it.
    """

    name: str
    minutes: float
    made: str
    skipped: bool


def check_clips(clips: samples.Clips) -> list[str]:
    """Opens every clip and looks for the consent to it, so that a bad one is refused before anything slow starts.

    Returns:
        A line about each.

    Raises:
        LabError: naming the file, what is wrong and what to do.
    """
    from faceswap_lab import video
    from faceswap_lab.provenance.consent import Ledger
    from faceswap_lab.provenance.records import PURPOSES

    lines: list[str] = []
    ledger = Ledger.load()
    for name in CLIPS:
        path = getattr(clips, name)
        if path is not None:
            clip = video.open_video(path)
            width, height = clip.size
            facts = f"{clip.fps:.4g}/s, {clip.duration:.1f} s, {_('sound') if clip.has_audio else _('no sound')}"
            if clip.kind == "folder":  # no film: neither a rate nor seconds
                said = ngettext("{count} picture", "{count} pictures", clip.num_frames)
                facts = said.format(count=clip.num_frames)
            label = name.replace("_", " ")
            for purpose in ("prepare",) if name == "truth" else PURPOSES:
                ledger.require(path, purpose, label)
            lines += map(retold, passed_over(path)) if path.is_dir() else []
            lines.append(f"{_(label)}: {path.name}, {width}x{height}, {facts}")
    return lines


def run_fingerprint(run: Run, notebook: Path, parameters: dict[str, object]) -> str:
    """What a notebook's products depend on: its text, parameters and clips, the notebooks before it, the face sets.

    A face set counts by the names of its pictures, so that cleaning it makes the later notebooks run again; so do other
    conversion settings, from the notebook on that reads them.
    """
    clips = [path for path in (getattr(run.clips, name) for name in CLIPS) if path]
    number = notebook.name[:2]
    earlier = {
        marker.stem: read_marker(marker).get("fingerprint")
        for marker in sorted((run.out / "stages").glob("[0-9][0-9]_*.json"))
        if marker.stem[:2] < number
    }
    cleaned = run.out.glob("faces/*/faces/*") if number > "02" else ()
    pictures = sorted(path.relative_to(run.out).as_posix() for path in cleaned)
    settings = {name: value for name, value in parameters.items() if name not in ("out", "source", "target", "keep")}
    contents = [content_hash(path) for path in clips]
    tuned = run.out / SETTINGS_FILE
    if number >= "05" and tuned.exists():
        settings["conversion"] = tuned.read_text(encoding="utf-8", errors="replace")
    return notebooks.fingerprint(notebooks.text_fingerprint(notebook), settings, contents, earlier, pictures)


def run_course(run: Run, chosen: Iterable[Path], settings: dict[str, object] | None = None) -> list[Result]:
    """Executes notebooks in order; one that an earlier run finished with the same parameters and inputs is skipped.

    Args:
        run: the run, its clips settled.
        chosen: the notebooks, in order.
        settings: further parameters, each given to the notebooks that have it.

    Returns:
        A `Result` a notebook.

    Raises:
        LabError: when a cell raised one (its message alone), or anything else went wrong in a notebook.
    """
    chosen = list(chosen)
    width = max(len(path.stem) for path in chosen)
    results = []
    for count, path in enumerate(chosen, start=1):
        _say(f"[{count}/{len(chosen)}] {path.stem:<{width}} ")
        try:
            with _signs_of_life():
                result = _run_one(run, path, settings or {})
        except BaseException:
            _say(_("stopped") + "\n")
            raise
        state = _("done before") if result.skipped else _("{minutes:5.1f} min").format(minutes=result.minutes)
        _say(f"{state:>11}  {retold(result.made)}\n")
        results.append(result)
    return results


def _say(text: str) -> None:
    print(text, end="", flush=True)


@contextlib.contextmanager
def _signs_of_life() -> Iterator[None]:
    """A dot a minute, by which a long lesson is told from one that hangs."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT):
            _say(".")

    beating = threading.Thread(target=beat, daemon=True)
    beating.start()
    try:
        yield
    finally:
        over.set()
        beating.join()


def first_swap(run: Run, fine_tuning: int = 0) -> Path | None:
    """Swaps the target clip with the base model, before anything is trained: minutes later there is something to look at.

    What hinders it, the notebooks meet again and explain; it is said in a line.

    Args:
        run: the run.
        fine_tuning: steps for which the base is trained on the two people first.

    Returns:
        The video, or None where something hindered it.
    """
    from faceswap_lab.course import scoring

    _say(_("the same, fine-tuned:") + "\n" if fine_tuning else _("without training:") + " ")
    began = time.monotonic()
    try:
        with contextlib.nullcontext() if fine_tuning else _signs_of_life():  # a training says itself how far it is
            function = scoring.base_function(run, fine_tuning)
            swap = scoring.swap_clip(run, function.name, function)
    except LabError as error:
        _say(_("no swap ({why})").format(why=error) + "\n")
        return None
    minutes = _("{minutes:.1f} min").format(minutes=(time.monotonic() - began) / 60)
    _say(f"{minutes if swap.report else _('done before')}  {swap.path.relative_to(run.out)}\n")
    return swap.path


def _run_one(run: Run, path: Path, settings: dict[str, object]) -> Result:
    marker = run.out / "stages" / f"{path.stem}.json"
    defaults = notebooks.parameters(path)
    given = {
        "preset": run.preset.name,
        "seed": run.seed,
        "out": str(run.out),
        "source": str(run.clips.source),
        "target": str(run.clips.target),
    }
    given = {name: value for name, value in {**given, **settings}.items() if name in defaults}
    effective = {**defaults, **given}
    known = read_marker(marker)
    if known.get("done") and known.get("fingerprint") == run_fingerprint(run, path, effective):
        return Result(path.stem, known.get("minutes", 0.0), known.get("made", ""), skipped=True)
    files.write_json(marker, {"done": False})
    executed = files.make_folder(run.out / "notebooks") / path.name
    before = _products(run.out)
    started = time.monotonic()
    execute(path, executed, given)
    minutes = (time.monotonic() - started) / 60
    made = read_marker(marker).get("made") or _describe(_products(run.out) - before)
    files.write_json(
        marker,
        {
            "done": True,
            "minutes": round(minutes, 2),
            "made": made,
            "parameters": effective,
            "fingerprint": run_fingerprint(run, path, effective),
        },
    )
    return Result(path.stem, minutes, made, skipped=False)


def execute(path: Path, executed: Path, parameters: dict[str, object]) -> None:
    """Executes one notebook with this Python and keeps the executed copy, also when it fails.

    Args:
        path: the notebook.
        executed: the copy to write.
        parameters: values for its `parameters` cell.

    Raises:
        LabError: with the message of the cell's own `LabError`, or a line about another error and where to read it.
    """
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # silences the kernel's note about frozen modules
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # this environment's kernel, not one in the user's home
    python_path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(samples.ROOT) not in python_path:  # the kernel imports the same lab as we did, also when not installed
        os.environ["PYTHONPATH"] = os.pathsep.join([str(samples.ROOT), *filter(None, python_path)])
    import nbformat
    import papermill
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import DeadKernelError

    logging.getLogger("papermill").setLevel(logging.ERROR)
    where = f"Read {executed}, which shows how far it came, and run the same command again."
    try:
        with warnings.catch_warnings(), files.clear_write_errors(executed):
            warnings.simplefilter("ignore")
            papermill.execute_notebook(
                _braced(path),
                _braced(executed),
                parameters=parameters,
                kernel_name="python3",
                cwd=str(path.parent),
                progress_bar=False,
                log_output=False,
                extra_arguments=["--log-level=50"],  # the kernel's own remarks do not belong between our lines
            )
    except papermill.PapermillExecutionError as error:
        if error.ename == "LabError":
            raise LabError(f"{error.evalue}\n({path.stem}; its executed copy: {executed})") from None
        failed = f"{path.stem}: cell {error.exec_count} failed with {error.ename}: {error.evalue}"
        raise LabError(f"{failed}. {where}") from None
    except DeadKernelError:
        raise LabError(f"{path.stem}: its Python was ended from outside; most likely memory ran out. {where}") from None
    except NoSuchKernel:
        raise LabError(f"{sys.executable}: it has no notebook kernel. Install one: pip install ipykernel.") from None
    except nbformat.ValidationError as error:
        raise LabError(f"{path}: not a valid notebook ({str(error).splitlines()[0]}). Fetch it again.") from None


def _braced(path: Path) -> str:
    """A path as papermill wants it: it fills in {names}, so that braces of the path's own are doubled."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _products(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def _describe(products: set[Path]) -> str:
    """What appeared, by folder: "180 files in faces/A, swap.mp4"."""
    places: dict[str, list[Path]] = {}
    for path in products:
        if path.parts[0] not in ("notebooks", "stages"):
            places.setdefault("/".join(path.parts[: min(2, len(path.parts) - 1)]), []).append(path)
    parts = []
    for place, paths in sorted(places.items()):
        if not place or len(paths) == 1:
            parts += sorted(path.as_posix() for path in paths)
        else:
            parts.append(english("{count} files in {place}", count=len(paths), place=place))
    return ", ".join(parts) or english("nothing new")
