"""The commands `faces` and `diagnose`: a face set from any clip, and what two sets promise."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from faceswap_lab.base import files, machine
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, ngettext, retold
from faceswap_lab.cli import frames_bar
from faceswap_lab.cli.fields import add_fields, given_fields
from faceswap_lab.faces.options import Extraction


def faces_options(faces: argparse.ArgumentParser) -> None:
    """Finds, follows, aligns and masks the faces of a clip. Run it again after a stop: what is finished is kept."""
    faces.add_argument("source", help="a video, a folder of pictures, or a picture")
    faces.add_argument("folder", help="the face set's folder; it is made")
    add_fields(faces, Extraction)
    faces.add_argument("--workers", type=int, default=1, help="processes; -1: one for each core (1)")
    faces.add_argument(
        "--scheduler",
        default="",
        metavar="ADDRESS",
        help="of a dask cluster that does the work, such as tcp://host:8786",
    )


def diagnose_options(diagnose: argparse.ArgumentParser) -> None:
    """Compares the face set of A (whose video is changed) with that of B (whose face is put in)."""
    diagnose.add_argument("a", help="A's face set, such as runs/sample/faces/A")
    diagnose.add_argument("b", help="B's face set")
    diagnose.add_argument("--out", default="", metavar="FOLDER", help="write diagnosis.json and diagnosis.png there")


def faces_command(options: argparse.Namespace) -> int:
    """`faces`: makes or completes a face set."""
    from faceswap_lab.faces.extraction import extract_faces
    from faceswap_lab.faces.sources import write_sources
    from faceswap_lab.provenance.checks import may_prepare
    from faceswap_lab.video import open_video

    given = given_fields(options, Extraction)
    if len(given.get("rotations", ())) == 1:
        given["rotations"] = given["rotations"][0]
    wanted = Extraction(**given)
    agreed, workers = may_prepare(options.source), options.workers
    video = open_video(options.source)
    with contextlib.ExitStack() as stack:
        if options.scheduler:
            stack.enter_context(_cluster(options.scheduler))
            workers = -1
        notes = stack.enter_context(machine.noted())
        progress = stack.enter_context(frames_bar())
        faces = extract_faces(video, options.folder, wanted, workers=workers, progress=progress)
        write_sources(options.folder, agreed)
    found = ngettext("{count} face", "{count} faces", len(faces)).format(count=len(faces))
    people = faces.table["person"].nunique()
    print(f"{options.folder}: {found}, {ngettext('{count} person', '{count} people', people).format(count=people)}")
    for line in [*notes, *(f"{video.path.name}: {remark}." for remark in video.remarks)]:
        print("  " + _("note: {sentence}").format(sentence=retold(line)))
    return 0


@contextlib.contextmanager
def _cluster(address: str):
    """Work goes to a dask cluster while this is open."""
    try:
        from distributed import Client
    except ImportError as error:
        raise LabError(f"--scheduler {address}: dask is not installed. Run: pip install dask distributed") from error
    from joblib import parallel_config

    try:
        client = Client(address, timeout="5s")
    except (OSError, ValueError) as error:
        raise LabError(f"--scheduler {address}: no cluster answers there. Start one with: dask scheduler") from error
    with client, parallel_config(backend="dask"):
        yield


def diagnose_command(options: argparse.Namespace) -> int:
    """`diagnose`: prints what two face sets promise."""
    from faceswap_lab.faces.diagnosis import diagnose
    from faceswap_lab.faces.diagnosis_report import describe, draw
    from faceswap_lab.faces.faceset import FaceSet

    found = diagnose(FaceSet(options.a), FaceSet(options.b))
    print(describe(found))
    if options.out:
        folder = files.make_folder(Path(options.out))
        files.write_json(folder / "diagnosis.json", found.as_json())
        with files.atomic_path(folder / "diagnosis.png") as temporary:
            draw(found).savefig(temporary, dpi=100)
        print(_("Written: {files}").format(files=f"{folder / 'diagnosis.json'}, {folder / 'diagnosis.png'}"))
    return 0
