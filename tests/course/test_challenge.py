"""`grade --challenge`: films ranked against a hidden true swap; whatever a submission is, it ends in a line."""

import csv
import json
import os
import zipfile

import numpy as np
import pytest

from faceswap_lab.__main__ import main
from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors, challenge
from faceswap_lab.provenance import credentials
from faceswap_lab.swap.label import draw_label
from faceswap_lab.video import VideoWriter
from faceswap_lab.video.pictures import write_picture

COUNT = 8  # frames
FACTS = credentials.Facts(model="a test's")


def film(path, frames, signed=True):
    height, width = frames[0].shape[:2]
    with VideoWriter(path, 20, (width, height)) as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame))
    if signed:
        credentials.sign(path, FACTS)
    return path


@pytest.fixture(scope="module")
def clips():
    """The bundled actors' target and true swap: lists of (384, 384, 3) uint8 RGB."""
    return [list(actors.clip(name).frames(every=12)[:COUNT]) for name in ("talk_A", "truth_A_from_B")]


def mixed(clips, *shares):
    """The target with some of the truth: a swap that is so good, of which the shares are taken in turn."""
    return [
        np.rint(target * (1 - share) + truth * share).astype(np.uint8)
        for target, truth, share in zip(*clips, shares * COUNT, strict=False)
    ]


@pytest.fixture(scope="module")
def hidden(clips, tmp_path_factory):
    """A hidden folder, as make_challenge.py writes it."""
    folder, entries = tmp_path_factory.mktemp("hidden"), []
    for name, frames, more in (("target", clips[0], {}), ("truth", clips[1], {"truth_of": "target"})):
        with VideoWriter(folder / f"{name}.mp4", 20, (384, 384), crf=0) as writer:
            for frame in frames:
                writer.write(frame)
        rows = actors.clip("talk_A").labels[::12][:COUNT]
        files.write_text(folder / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        made = {"file": f"{name}.mp4", "labels": f"{name}.jsonl"}
        hashes = {file: files.sha256(folder / file) for file in made.values()}
        entries.append({"id": name, "role": name, **made, **more, "sha256": hashes})
    files.write_json(folder / "manifest.json", {"version": 2, "clips": entries})
    return folder


def test_a_better_swap_ranks_above_a_worse_one_and_what_is_none_has_no_rank(clips, hidden, tmp_path, capsys):
    place, table = tmp_path / "films", tmp_path / "ranks.csv"
    place.mkdir()
    film(place / "poor.mp4", mixed(clips, 0.4))
    film(place / "good.mp4", mixed(clips, 0.6, 0.7))
    film(place / "as_good.mp4", mixed(clips, 0.7, 0.6))  # better on each second frame, worse on the others
    film(place / "label_only.mp4", [draw_label(frame) for frame in mixed(clips, 0.5)], signed=False)
    film(place / "unlabelled.mp4", mixed(clips, 0.8), signed=False)
    film(place / "target_again.mp4", clips[0])
    film(place / "truth_again.mp4", clips[1])
    (place / "copy.mp4").write_bytes((place / "poor.mp4").read_bytes())
    for beside in (".DS_Store", "good.conversion.json", "good.mkv.c2pa"):  # no submissions
        (place / beside).touch()

    assert main(["grade", "--challenge", str(hidden), str(place), "--json", "--csv", str(table)]) == 1
    found = {one["file"]: one for one in json.loads(capsys.readouterr().out)}
    order = [name for name, one in found.items() if one["rank"]]
    assert order[0] == "truth_again.mp4" and set(order[1:3]) == {"good.mp4", "as_good.mp4"}
    assert order[3:] == ["label_only.mp4", "copy.mp4", "poor.mp4"] and [found[name]["rank"] for name in order] == [
        *range(1, 7)
    ]
    # Of 1 - (1 - share)^2 that a mixture gains by its definition, coding takes some
    gains = {name: one["swap_gain"] for name, one in found.items()}
    assert gains["poor.mp4"]["value"] == pytest.approx(0.62, abs=0.04)
    assert gains["label_only.mp4"]["value"] == pytest.approx(0.74, abs=0.04)
    assert gains["truth_again.mp4"]["value"] > 0.95
    assert all(gains[name]["low"] < gains[name]["value"] < gains[name]["high"] for name in order)
    assert [name for name in order if found[name].get("level_with_the_next")] == [order[1], "copy.mp4"]
    assert found[order[0]]["ahead_of_the_next"]["low"] > 0
    assert found["poor.mp4"]["sharpness"]["value"] < 0.9 < found["truth_again.mp4"]["sharpness"]["value"]
    assert found["poor.mp4"]["temporal_error"]["value"] > found["label_only.mp4"]["temporal_error"]["value"]

    assert found["unlabelled.mp4"]["rank"] is None and "neither the lab's label nor" in found["unlabelled.mp4"]["why"]
    assert gains["unlabelled.mp4"]["value"] > gains["good.mp4"]["value"]
    assert found["target_again.mp4"]["why"] == "this is the target, unchanged"
    assert found["label_only.mp4"]["marks"] == ["label"] and found["good.mp4"]["marks"] == ["credentials"]
    assert "no credentials" in found["label_only.mp4"]["look"][0]
    assert any("nearer to it than any model comes" in one for one in found["truth_again.mp4"]["look"])
    assert found["copy.mp4"]["look"] == ["the same file as poor.mp4"] and found["poor.mp4"]["look"] == [
        "the same file as copy.mp4"
    ]

    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert [row["file"] for row in rows] == list(found) and rows[0]["rank"] == "1" and rows[-1]["rank"] == ""
    assert float(rows[0]["swap_gain"]) == gains[order[0]]["value"]


def test_no_submission_stops_the_others(clips, hidden, tmp_path, capsys):
    place = tmp_path / "films"
    place.mkdir()
    whole = film(tmp_path / "whole.mp4", mixed(clips, 0.6))
    (place / "anna" / "deep").mkdir(parents=True)
    (place / "anna" / "deep" / "swap.mp4").write_bytes(whole.read_bytes())  # as a course system packs it
    (place / "anna" / "notes.txt").write_text("mine")
    film(place / "short.mp4", mixed(clips, 0.6)[:-1])
    film(place / "small.mp4", [np.ascontiguousarray(frame[::2, ::2]) for frame in mixed(clips, 0.6)])
    (place / "words.mp4").write_text("#EXTM3U\n/etc/hostname\n")
    (place / "empty.mp4").touch()
    (place / "half.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with zipfile.ZipFile(place / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("swap.mp4", bytes(20_000_000))
    (place / "bomb.mp4").write_bytes((place / "bomb.zip").read_bytes())
    (place / "link.mp4").symlink_to(hidden / "truth.mp4")
    (place / "both").symlink_to(hidden)
    (place / "two").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (place / "two" / name).write_bytes(whole.read_bytes())
    (place / "inside").mkdir()
    (place / "inside" / "swap.mp4").symlink_to(hidden / "truth.mp4")
    os.mkfifo(place / "pipe.mp4")
    (place / "first\n  1  winner.mp4\x1b[31m").write_text("no clip")
    (place / "\n1 line.mp4").write_text("no clip")
    changed = film(place / "changed.mp4", mixed(clips, 0.6))
    changed.write_bytes(changed.read_bytes().replace(b"a test's", b"a rest's"))
    write_picture(place / "picture.png", clips[0][0])

    assert main(["grade", "--challenge", str(hidden), str(place)]) == 1
    lines = capsys.readouterr().out.splitlines()
    ranked = [line for line in lines if line[:3].strip().isdigit()]
    assert len(ranked) == 1 and ranked[0].startswith("  1  anna ")
    why = {name.split()[1]: reason for name, reason in zip(lines, lines[1:], strict=False) if name.startswith("  -  ")}
    link, no_film = "this is a link", "this is no clip"
    said = {
        "short.mp4": "it has 7 frames, and the target has 8",
        "small.mp4": "its frames have 192x192 pixels, those of the target 384x384",
        "two": "2 clips lie in this folder, and one is wanted",
        "changed.mp4": "nothing in it says that it is a swap",
        **dict.fromkeys(("words.mp4", "half.mp4", "bomb.mp4"), "this is no video that can be read"),
        **dict.fromkeys(("link.mp4", "both", "inside"), link),
        **dict.fromkeys(("bomb.zip", "pipe.mp4", "picture.png"), no_film),
        "empty.mp4": "this file is empty",
    }
    for name, reason in said.items():
        assert why[name].startswith(f"     no rank: {reason}"), (name, why[name])
        assert len(why[name]) > 30 and str(place) not in why[name] and "Traceback" not in why[name]
    assert "  -  first�  1  winner.mp4�[31m" in "\n".join(lines) and not any(
        line.startswith("1 line") for line in lines
    )
    assert len(why) == len(list(place.iterdir())) - 1


def test_a_hidden_folder_that_is_none(hidden, tmp_path):
    with pytest.raises(LabError, match="manifest.json: it lists 3 true swaps"):
        challenge.Challenge(actors.MANIFEST.parent)
    with pytest.raises(LabError, match="manifest.json: the list of the actors' clips is missing"):
        challenge.Challenge(tmp_path)
    for path in hidden.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "truth.mp4").write_bytes((hidden / "target.mp4").read_bytes())
    with pytest.raises(LabError, match="truth.mp4: this is not the file that came with"):
        challenge.Challenge(tmp_path)
    with pytest.raises(LabError, match="nothing was handed in here"):
        challenge.submissions(files.make_folder(tmp_path / "none"))
