"""Every function that writes a picture or a video either signs it, or stands here with the reason why no generated face is in it.

Found in the syntax tree of every module and notebook. A new function that writes one fails here until somebody has decided.
"""

import ast
import re

import pytest
from test_no_way_in import ROOT, SOURCES, name_of, relative

NOTEBOOKS = sorted((ROOT / "notebooks" / "text").glob("*.py"))
WRITES = {  # last name of a call that writes a picture, a video, or bytes that may be one
    "write_picture", "coded_picture", "savefig", "imwrite", "imencode", "imsave", "mimsave", "write_gif", "place_picture",
    "place_pictures", "copyfile", "copytree", "write_bytes", "write_swapped", "write_signed", "sealed", "summary.image",
    "keeper", "publish", "publish_pictures", "playable_clip", "write_videofile",
}  # fmt: skip
SIGNS = {
    "write_swapped", "write_signed", "sealed", "sign", "sign_pictures", "keeper", "publish", "publish_pictures", "signed_cut",
}  # fmt: skip
SIGNED = {  # (module, function): what it writes may show a generated face and carries its manifest
    ("benchmarks/ablation.py", "measure"),
    ("benchmarks/asymmetry.py", "measure"),
    ("benchmarks/base.py", "photograph"),
    ("benchmarks/base.py", "show"),
    ("benchmarks/diagnosis.py", "_train_and_score"),
    ("benchmarks/gpu.py", "score"),
    ("benchmarks/octave.py", "_train_and_score"),
    ("benchmarks/translation.py", "score"),
    ("faceswap_lab/course/score_cards.py", "_write_frames"),
    ("faceswap_lab/studies/detection/scenes.py", "_classical"),
    ("faceswap_lab/provenance/publishing.py", "write_signed"),
    ("faceswap_lab/provenance/publishing.py", "write_swapped"),
    ("faceswap_lab/course/report/pictures.py", "playable_clip"),
    ("faceswap_lab/course/side_by_side.py", "signed_cut"),
    ("faceswap_lab/course/side_by_side.py", "write_side_by_side"),
    ("tools/welcome_picture.py", "write_still"),
    ("faceswap_lab/swap/conversion.py", "convert"),
    ("faceswap_lab/provenance/safeguards.py", "keeper"),
    ("faceswap_lab/provenance/safeguards.py", "publish"),
    ("faceswap_lab/provenance/safeguards.py", "write_swapped"),
    ("faceswap_lab/swap/finishing.py", "leave_what_plays"),
    ("faceswap_lab/swap/finishing.py", "place"),
    ("faceswap_lab/training/callbacks.py", "draw"),
    ("faceswap_lab/training/previews.py", "timelapse"),
    ("notebooks/text/05_video_conversion.py", ""),
    ("notebooks/text/08_octave_convolution.py", ""),
}
TOOL = "a helper: whoever calls it is in one of these lists"
SHOWN = "shown in a notebook, and no file: a notebook cannot carry a manifest"
GIVEN = "of a clip that was given, as it was given"
TEMPORARY = "a work file in a temporary folder, which goes with it"
COPY = "the copy of a file keeps its manifest"
PLAYABLE = "`playable_clip` copies a video with its manifest, or signs it anew"
CHART = "a chart: no pixel of a face"
ACTOR = "a rendered actor: no network generated it"
NO_PICTURE = "numbers or a manifest, no picture"
PLAIN = {  # (module, function): why it needs no manifest of its own
    **{(f"notebooks/text/{path.name}", "fetch"): "the lab itself, as it was uploaded" for path in NOTEBOOKS},
    ("faceswap_lab/course/run_storage.py", "_pack"): COPY,
    ("faceswap_lab/course/run_storage.py", "_take_along"): NO_PICTURE,
    ("faceswap_lab/course/run_storage.py", "_unpack"): COPY,
    ("tools/actors/pairs.py", "_write"): ACTOR,
    ("tools/true_swaps.py", "coded"): "coded and decoded again in memory",
    ("faceswap_lab/training/fine_tuning.py", "fine_tune"): NO_PICTURE,
    ("tools/make_challenge.py", "make"): ACTOR,
    ("tools/render_pairs.py", "looks"): ACTOR,
    ("tools/render_pairs.py", "main"): ACTOR,
    ("tools/test_colab_image.py", "colab"): NO_PICTURE,
    ("tools/messages.py", "begin"): NO_PICTURE,
    ("tools/messages.py", "main"): NO_PICTURE,
    ("tools/train_swapper.py", "main"): NO_PICTURE,
    ("tools/train_occlusion.py", "main"): NO_PICTURE,
    ("benchmarks/asymmetry.py", "own_set"): GIVEN,
    ("benchmarks/conversion.py", "sequential"): TEMPORARY,
    ("benchmarks/conversion.py", "rates_alone"): TEMPORARY,
    ("benchmarks/detection.py", "peak_memory"): TEMPORARY,
    ("benchmarks/diagnosis.py", "_planted"): ACTOR,
    ("benchmarks/gaze.py", "main"): "coded and decoded again in memory",
    ("benchmarks/landmarks.py", "still_clip"): TEMPORARY,
    ("benchmarks/score_trust.py", "look"): NO_PICTURE,
    ("benchmarks/reading.py", "make_clip"): TEMPORARY,
    ("benchmarks/watermark_attacks.py", "compressed"): TEMPORARY,
    ("benchmarks/watermark_attacks.py", "jpeg"): "coded and decoded again in memory",
    ("benchmarks/watermark_attacks.py", "webp"): "coded and decoded again in memory",
    ("benchmarks/steadiness.py", "draw"): "charts, and one row of pixels over time: nobody can be seen in it",
    ("faceswap_lab/cli/faces.py", "diagnose_command"): CHART,
    ("faceswap_lab/course/class_predictions.py", "draw"): CHART,
    ("faceswap_lab/faces/examination.py", "_face"): GIVEN,
    ("faceswap_lab/faces/examination.py", "examine"): GIVEN,
    ("faceswap_lab/faces/extraction.py", "_write_bytes"): GIVEN,
    ("faceswap_lab/video/ffmpeg.py", "opened"): "a file to read",
    ("faceswap_lab/studies/detection/recompression.py", "recoded"): TEMPORARY,
    ("faceswap_lab/studies/detection/provenance_signs.py", "passed_on"): "what passing on loses; 09 gives a temporary folder",
    ("faceswap_lab/video/pictures.py", "coded_picture"): TOOL,
    ("faceswap_lab/video/pictures.py", "write_picture"): TOOL,
    ("faceswap_lab/provenance/credentials.py", "sign"): NO_PICTURE,
    ("faceswap_lab/course/report/card.py", "write_card_page"): PLAYABLE,
    ("faceswap_lab/course/report/comparison.py", "_copied"): COPY,
    ("faceswap_lab/course/report/comparison.py", "_videos"): PLAYABLE,
    ("faceswap_lab/course/report/comparison.py", "_frames"): CHART,
    ("faceswap_lab/course/report/frames.py", "curves_picture"): CHART,
    ("faceswap_lab/course/report/frames.py", "legend_picture"): CHART,
    ("faceswap_lab/course/report/pictures.py", "_coded_again"): "for `playable_clip`, which signs what shows a swap",
    ("faceswap_lab/course/report/pictures.py", "contact_sheet"): "of a face set of the run's clips, which are given",
    ("faceswap_lab/course/report/pictures.py", "loss_picture"): CHART,
    ("faceswap_lab/course/report/__init__.py", "_clips"): "the target and the rendered truth: neither is a network's work",
    ("faceswap_lab/course/scoring.py", "present"): COPY,
    ("faceswap_lab/course/stages.py", "contact_sheet"): "of a face set of the run's clips, which are given",
    ("faceswap_lab/swap/outputs.py", "place_picture"): "into a hidden folder, where `finishing.place` has it signed it",
    ("faceswap_lab/swap/outputs.py", "_write_gif"): "into a hidden folder, where `finishing.place` has it signed it",
    ("faceswap_lab/swap/parts.py", "write"): "into the hidden folder of parts, where `finishing.place` signs what comes of them",
    ("faceswap_lab/widgets/browser.py", "_ipython_display_"): SHOWN,
    ("faceswap_lab/widgets/browser.py", "_show"): SHOWN,
    ("faceswap_lab/widgets/figures.py", "live_preview"): SHOWN,
    ("faceswap_lab/widgets/figures.py", "show"): SHOWN,
    ("tools/make_slides.py", "copy_scripts"): NO_PICTURE,
    ("tools/draw_rooms.py", "draw"): CHART,
    ("faceswap_lab/widgets/training_panel.py", "_draw"): SHOWN,
    ("faceswap_lab/widgets/tuning.py", "_show"): SHOWN,
    ("faceswap_lab/training/history.py", "picture"): "a record in TensorBoard's log, which cannot carry a manifest",
    ("faceswap_lab/video/frames.py", "extract_frames"): GIVEN,
    ("faceswap_lab/video/joining.py", "_write"): TOOL,
    ("faceswap_lab/video/writer.py", "_opened"): TOOL,
    ("notebooks/text/01_frame_extraction.py", ""): GIVEN,
    ("notebooks/text/02_face_alignment.py", ""): COPY,
    ("tools/actors/frames.py", "textures"): ACTOR,
    ("tools/actors/frames.py", "render_clip"): ACTOR,
    ("tools/actors/frames.py", "write_picture"): TOOL,
    ("tools/actors/packing.py", "pack_failure"): ACTOR,
    ("tools/convert_mtcnn.py", "main"): NO_PICTURE,
    ("tools/render_actors.py", "preview"): ACTOR,
}  # fmt: skip


def writes(call: ast.Call) -> bool:
    name = name_of(call.func)
    last = name.rpartition(".")[2]
    to_ffmpeg = name in ("ffmpeg.url", "url")  # what FFmpeg reads goes through ffmpeg.opened
    return (
        last in WRITES
        or last.endswith("VideoWriter")
        or to_ffmpeg
        or (last == "save" and "numpy" not in name and named(call))
    )


def named(call: ast.Call) -> bool:
    """Whether something is saved at a name: `image.save(path)`, not `session.save()` nor `np.save`."""
    return bool(call.args) and name_of(call.func) not in ("np.save", "self.save")


def functions_that_write(source: str) -> dict[str, set[str]]:
    """Outermost function or method ("" outside any) -> the last names of all its calls, where one of them writes."""
    tree = ast.parse(re.sub(r"^( +)# (?=[!%])", r"\1pass  # ", source, flags=re.MULTILINE))  # a notebook's shell lines
    calls: dict[str, list[ast.Call]] = {}

    def walk(node, function):
        for child in ast.iter_child_nodes(node):
            inside = function
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not function:
                inside = child.name
            if isinstance(child, ast.Call):
                calls.setdefault(function, []).append(child)
            walk(child, inside)

    walk(tree, "")
    return {
        function: {name_of(call.func).rpartition(".")[2] for call in some}
        for function, some in calls.items()
        if any(map(writes, some))
    }


def found() -> dict[tuple[str, str], set[str]]:
    every = [*SOURCES, *NOTEBOOKS]
    return {
        (relative(path), function): calls
        for path in every
        for function, calls in functions_that_write(path.read_text(encoding="utf-8")).items()
    }


def test_whoever_writes_a_picture_or_a_film_signs_it_or_says_why_not():
    known = found()
    assert len(known) > 60, "the search finds nothing any more"
    assert not (undecided := known.keys() - SIGNED - PLAIN.keys()), f"decide for {sorted(undecided)}"
    assert not (gone := (SIGNED | PLAIN.keys()) - known.keys()), f"does not write any more: {sorted(gone)}"
    assert not SIGNED & PLAIN.keys()
    assert not (unsigned := [one for one in SIGNED if not known[one] & SIGNS]), f"no signature in {unsigned}"


@pytest.mark.parametrize(
    "source",
    ["def f():\n    write_picture(path, image)", "def f():\n    cv2.imwrite(path, image)", "def f():\n    figure.savefig(path)",
     "def f():\n    with video.VideoWriter(path, 25, size) as video:\n        video.write(image)", "Image.fromarray(a).save(path)",
     "def f():\n    av.open(ffmpeg.url(b), 'w')", "class A:\n    def f(self):\n        shutil.copyfile(a, b)",
     "if x:\n    # !git clone\nfigure.savefig(path)", "def f():\n    film.write_videofile(path, fps=25)"],
)  # fmt: skip
def test_the_search_finds_what_writes(source):
    assert list(functions_that_write(source)) == ["f" if "def f" in source else ""]


@pytest.mark.parametrize(
    "source",
    ["def f():\n    read_picture(path)", "def f():\n    np.save(path, a)", "def f():\n    self.save(inside=True)"],
)
def test_the_search_passes_what_does_not(source):
    assert not functions_that_write(source)
