"""Records, hashes and sources on disk: what they keep, and everything that can be wrong in them."""

import datetime
import json
import os
import re

import numpy as np
import pytest

from faceswap_lab.base import files, weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors, samples
from faceswap_lab.faces.sources import Source, merged, read_sources, source_of, write_sources
from faceswap_lab.provenance.consent import Ledger, bundled_folder
from faceswap_lab.provenance.records import ConsentRecord, read_record
from faceswap_lab.video import fingerprints
from faceswap_lab.video.pictures import write_picture
from tools import actors_consent

DAY = datetime.date(2026, 3, 1)
HASH = "ab" * 32


def anna(**changes):
    given = {"purposes": ("prepare", "convert"), "granted_by": "Anna", "granted_on": DAY}
    given |= {"identity": "anna", "person": "Anna Example", "sources": (Source("a.mp4", HASH, 7),)}
    return ConsentRecord(**{**given, **changes})


def test_a_record_comes_back_as_it_was_written(tmp_path):
    whole = anna(
        identity="zoë_2", scope="in class, 3B", until=DAY + datetime.timedelta(30), revoked_on=DAY, reason="moved away"
    )
    assert read_record(whole.write(tmp_path)) == whole
    assert read_record(anna().write(tmp_path)) == anna()
    text = (tmp_path / "anna.json").read_text(encoding="utf-8")
    assert '"person": "Anna Example"' in text and '"until": null' in text and "2026-03-01" in text


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ({"colour": 3}, "no field 'colour'"),
        ({"person": None}, "person is None"),
        ({"person": "  "}, "person is empty; say who is shown"),
        ({"granted_by": ""}, "granted_by is empty; say who agreed"),
        ({"purposes": ["video"]}, "no purpose 'video'; choose from prepare, convert"),
        ({"purposes": []}, "no purpose is named"),
        ({"purposes": "prepare"}, "a list is wanted"),
        ({"until": "30.6.2027"}, "until: '30.6.2027' is no date.*2027-06-30"),
        ({"granted_on": "2026-02-30"}, "granted_on: '2026-02-30' is no date"),
        ({"until": "2025-01-01"}, "before it was granted on 2026-03-01"),
        ({"sources": [{"name": "a.mp4", "sha256": "abc", "bytes": 1}]}, "a.mp4 is not 64 hexadecimal digits"),
        ({"sources": [{"name": "../a.mp4", "sha256": HASH, "bytes": 1}]}, "'../a.mp4' is no file's name"),
        ({"sources": [{"name": "a.mp4", "sha256": HASH, "bytes": -1}]}, "bytes of a.mp4 are no number"),
        ({"sources": [{"name": "a.mp4", "sha256": HASH}]}, "no name, sha256 or bytes"),
        ({"identity": "bea"}, "record is of bea, and the file is called anna"),
        ({"identity": "../bea"}, "short name of letters"),
        ({"identity": ""}, "short name of letters"),
        ({"identity": "nul"}, "short name of letters"),
    ],
)
def test_what_is_wrong_in_a_record_is_named(tmp_path, spoil, says):
    path = anna().write(tmp_path)
    files.write_json(path, files.read_json(path) | spoil)
    with pytest.raises(LabError, match=f"anna.json.*{says}"):
        read_record(path)
    with pytest.raises(LabError, match="anna.json"):
        Ledger(tmp_path)


def test_damaged_files(tmp_path):
    path = anna().write(tmp_path)
    whole = path.read_text()
    for text, says in ((whole[:-40], "damaged"), ("[1]", "no consent record"), ("{}", "'identity' is missing")):
        path.write_text(text)
        with pytest.raises(LabError, match=f"anna.json.*{says}"):
            read_record(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LabError, match="damaged"):
        Ledger(tmp_path)


def test_a_refusal_says_why():
    record = anna(until=datetime.date(2026, 6, 30))
    assert record.refusal("convert", datetime.date(2026, 6, 30)) == ""
    assert record.refusal("convert", datetime.date(2026, 7, 1)) == "ended on 2026-06-30"
    assert "says it is 2025-01-01: check the clock" in record.refusal("convert", datetime.date(2025, 1, 1))
    assert anna(revoked_on=DAY, reason="x y").refusal("prepare") == "was revoked on 2026-03-01 (x y)"
    assert "is for prepare (face sets and training), not for convert" in anna(purposes=("prepare",)).refusal("convert")
    assert anna(granted_on=None).refusal("convert", datetime.date(1990, 1, 1)) == ""


def test_a_hash_is_of_the_content_and_is_reckoned_once(tmp_path, monkeypatch):
    read, sha256 = [], files.sha256
    monkeypatch.setattr(files, "sha256", lambda path: read.append(path) or sha256(path))
    one, other = tmp_path / "one.mp4", tmp_path / "other.mp4"
    one.write_bytes(b"a video"), other.write_bytes(b"a video")
    assert fingerprints.content_hash(one) == fingerprints.content_hash(other) == sha256(one)
    assert fingerprints.content_hash(one) and len(read) == 2
    one.write_bytes(b"A video")
    os.utime(one, ns=(1, 1))
    assert fingerprints.content_hash(one) != fingerprints.content_hash(other) and len(read) == 3
    with pytest.raises(LabError, match="nowhere.mp4: no such file"):
        fingerprints.content_hash(tmp_path / "nowhere.mp4")


def test_a_folders_hash_is_of_its_pictures(tmp_path):
    picture = np.zeros((8, 8, 3), np.uint8)
    for folder in ("one", "other"):
        for number in range(3):
            write_picture(tmp_path / folder / f"{number}.png", picture + number)
    (tmp_path / "other" / "notes.txt").write_text("x")
    first = fingerprints.content_hash(tmp_path / "one")
    assert first == fingerprints.content_hash(tmp_path / "other") and re.fullmatch("[0-9a-f]{64}", first)
    assert fingerprints.content_size(tmp_path / "one") == sum(p.stat().st_size for p in (tmp_path / "one").iterdir())
    write_picture(tmp_path / "other" / "1.png", picture + 100)
    changed = fingerprints.content_hash(tmp_path / "other")
    (tmp_path / "one" / "2.png").rename(tmp_path / "one" / "3.png")
    assert len({first, changed, fingerprints.content_hash(tmp_path / "one")}) == 3
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabError, match="no picture in this folder"):
        fingerprints.content_hash(tmp_path / "empty")


def test_sources_are_written_and_read(tmp_path):
    odd = tmp_path / "a\\b\n.mp4"
    odd.write_bytes(b"x")
    found = source_of(odd, ["anna"])
    write_sources(tmp_path, [found, Source("b.mp4", HASH, 3)])
    assert read_sources(tmp_path) == (found, Source("b.mp4", HASH, 3)) and found.name == "a_b_.mp4"
    assert found.identity == "anna" and merged([Source("x", found.sha256, 1)], [found], [found]) == (found,)
    with pytest.raises(LabError, match="consent sources '.*no where' FILE"):
        read_sources(tmp_path / "no where")
    for wrong in ({"sources": []}, {"sources": [3]}, [], {"sources": [{**found.as_json(), "identities": ["../x"]}]}):
        (tmp_path / "sources.json").write_text(json.dumps(wrong))
        with pytest.raises(LabError, match="sources.json"):
            read_sources(tmp_path)


def test_every_bundled_clip_has_the_consent_of_those_whom_it_shows():
    ledger, seen = Ledger.load(), {}
    for clip in [*actors.clips(), *actors.clips(manifest=samples.MANIFEST)]:
        found = {record.identity for record in ledger.find(clip.path)}
        assert found == set(actors_consent.shown(clip.facts["person"])), clip.path
        assert all(record.refusal(purpose) == "" for record in ledger.find(clip.path) for purpose in record.purposes)
        seen[f"{clip.folder.name}/{clip.id}"] = found
    assert seen["actors/truth_A_from_B"] == seen["sample/truth"] == {"actor_A", "actor_B"}
    assert seen["actors/two_people"] == {"actor_B", "stranger"} and seen["actors/stranger"] == {"stranger"}
    for record in actors_consent.records():
        assert read_record(bundled_folder() / f"{record.identity}.json") == record, "run tools/actors_consent.py again"
    learnt = read_sources(weights.data_folder() / "weights" / "quick_autoencoder")
    assert [one.sha256 for one in learnt] == [fingerprints.content_hash(actors.clip(f"train_{x}").path) for x in "AB"]
    assert [one.identity for one in learnt] == ["actor_A", "actor_B"]
