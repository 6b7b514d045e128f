"""The ledger at work: what is refused and how to mend it, through the functions, the commands and the lab's own stages."""

import datetime
import re
import shlex
import shutil

import numpy as np
import pytest

from faceswap_lab import __main__, training
from faceswap_lab.base import files, weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import clean_up, execution, runtime, samples, scoring, stages
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.faces.sources import gather_sources, has_sources, read_sources, source_of
from faceswap_lab.provenance import checks, register
from faceswap_lab.provenance.consent import Ledger
from faceswap_lab.swap.conversion import convert
from faceswap_lab.video import open_video
from faceswap_lab.video.fingerprints import content_hash
from faceswap_lab.video.pictures import write_picture

CLIPS = samples.sample_clips()
MODEL = weights.data_folder() / "weights" / "quick_autoencoder"
TODAY = datetime.date.today


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """A ledger of its own for each test."""
    folder = tmp_path / "my ledger"
    monkeypatch.setenv("FACESWAP_LAB_CONSENT", str(folder))
    return folder


@pytest.fixture
def video(tmp_path):
    """A file that nobody's consent names."""
    path = tmp_path / "it's mine.mp4"
    path.write_bytes(CLIPS["target"].read_bytes() + b"another video")
    return path


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A frame of the sample's target and its face set, as a person's own picture would be."""
    place = tmp_path_factory.mktemp("picture")
    write_picture(place / "one.png", next(open_video(CLIPS["target"]).frames(start=1.0)).image)
    extract_faces(place / "one.png", place / "set")
    return place


class Generator:
    """Generates every face darker; `sources` as a model's folder would say."""

    size, name = 64, "generator"

    def __init__(self, *sources):
        self.sources = tuple(source_of(path) for path in sources)

    def __call__(self, faces):
        return faces * 0.5, np.ones((*faces.shape[:3], 1), np.float32)


def run(command):
    """A command line as a message shows it."""
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "faceswap_lab"]
    return __main__.main(words[3:])


def shown(error, *names):
    """The command that a message shows, with its placeholders filled in."""
    command = re.search(r"python -m faceswap_lab consent .*$", str(error.value))[0]
    for placeholder, name in zip(("NAME", '"WHO IS SHOWN"', '"WHO AGREED"'), names, strict=False):
        command = command.replace(placeholder, shlex.quote(name))
    return command


def rewrite(path, **changes):
    files.write_json(path, files.read_json(path) | changes)


def test_the_command_that_a_refusal_shows_mends_it(video, own, capsys):
    with pytest.raises(LabError, match="it's mine.mp4: nobody's consent is written down .target") as error:
        Ledger.load().require(video, "convert", "target")
    assert run(shown(error, "anna", "Anna Example", "her mother")) == 0
    assert "granted on" in capsys.readouterr().out
    found = Ledger.load().require(video, "convert", "target")
    assert found.identities == ("anna",) and found.sha256 == content_hash(video)
    record = Ledger.load().record("anna")
    assert (record.person, record.granted_by, record.granted_on) == ("Anna Example", "her mother", TODAY())
    video.write_bytes(b"cut")  # consent follows the content
    with pytest.raises(LabError, match="nobody's consent"):
        Ledger.load().require(video, "prepare")


@pytest.mark.parametrize(
    ("changes", "says", "mended"),
    [
        ({"granted_on": "2024-01-01", "until": "2025-01-01"}, "Anna ended on 2025-01-01", True),
        ({"revoked_on": "2026-01-01", "reason": "no"}, "Anna was revoked on 2026-01-01 .no.", True),
        ({"purposes": ["prepare"]}, "Anna is for prepare .face sets and training., not for convert", True),
        ({"granted_on": "2999-01-01"}, "Anna was granted on 2999-01-01.*check the clock", False),
    ],
)
def test_each_refusal_by_name_and_its_remedy(video, own, changes, says, mended):
    Ledger.load().grant("anna", [video], person="Anna")
    rewrite(own / "anna.json", **changes)
    with pytest.raises(LabError, match=f"mine.mp4: the consent of {says}") as error:
        Ledger.load().require(video, "convert")
    if mended:
        later = (TODAY() + datetime.timedelta(9)).isoformat()
        assert run(shown(error).replace("DATE", later)) == 0
        assert Ledger.load().require(video, "convert").identities == ("anna",)
    else:
        assert f"{own}/anna.json" in str(error.value)


def test_a_truth_needs_the_consent_of_both(own):
    ledger = Ledger.load()
    assert set(ledger.require(CLIPS["truth"], "prepare").identities) == {"actor_A", "actor_B"}
    ledger.revoke("actor_B", "a lesson")
    for clip in ("truth", "train_B"):
        with pytest.raises(LabError, match="actor B.* was revoked on .*a lesson.*--renew"):
            Ledger.load().require(CLIPS[clip], "prepare")
    assert Ledger.load().require(CLIPS["target"], "prepare").identities == ("actor_A",)
    Ledger.load().grant("actor_B", renew=True)
    assert Ledger.load().require(CLIPS["train_B"], "convert").identities == ("actor_B",)


def test_files_are_added_and_names_are_kept_apart(video, own, tmp_path):
    ledger = Ledger.load()
    ledger.grant("actor_A", [video])  # a part cut from an actor's clip, say
    assert {r.identity for r in Ledger.load().find(video)} == {"actor_A"}
    stored = files.read_json(own / "actor_A.json")
    rewrite(own / "actor_A.json", sources=stored["sources"][-1:])
    assert Ledger.load().find(CLIPS["target"]), "the bundled record's files count as well"
    with pytest.raises(LabError, match="identity Actor_a: there is actor_A already"):
        ledger.grant("Actor_a", [video], person="x")
    with pytest.raises(LabError, match="no file is given"):
        ledger.grant("anna", person="Anna")
    with pytest.raises(LabError, match="say who is shown"):
        ledger.grant("anna", [video])
    for name in ("../anna", "", "a/b", ".hidden", "a b"):
        with pytest.raises(LabError, match="short name"):
            ledger.grant(name, [video], person="Anna")
    assert sorted(path.name for path in own.iterdir()) == ["actor_A.json"]
    ledger.grant("anna", [video], person="Anna")
    shutil.copy(own / "anna.json", own / "ANNA.json")
    rewrite(own / "ANNA.json", identity="ANNA")
    with pytest.raises(LabError, match="upper and lower case"):
        Ledger.load()


def test_a_home_that_cannot_be_written_to(video, picture, tmp_path, monkeypatch):
    """Reading goes on without one's own records; writing says what to do; a conversion is not lost for its entry."""
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("FACESWAP_LAB_CONSENT", str(tmp_path / "file" / "consent"))
    ledger = Ledger.load()
    assert ledger.find(CLIPS["target"]) and not ledger.own
    with pytest.raises(LabError, match="cannot be written to. Set FACESWAP_LAB_CONSENT"):
        ledger.grant("anna", [video], person="Anna")
    given = register.record_output(video, ["anna"], [], {"model": "m"})
    assert len(given) == 1 and "FACESWAP_LAB_CONSENT" in given[0]
    problems = []
    from faceswap_lab.cli.consent import doctor_rows

    assert "records: 0 own, 3 bundled, cannot be written" in doctor_rows(problems)[0][1] and len(problems) == 1


def test_converting_asks_for_the_target_and_for_all_behind_the_model(picture, tmp_path, own, capsys):
    out = tmp_path / "two.png"
    given = (picture / "one.png", picture / "set", Generator(CLIPS["train_A"], CLIPS["train_B"]), out)
    with pytest.raises(LabError, match="one.png: nobody's consent"):
        convert(*given)
    assert not out.exists() and not own.exists()
    Ledger.load().grant("me", [picture / "one.png"], person="I", purposes=["prepare"])
    with pytest.raises(LabError, match="consent of I is for prepare"):
        convert(*given)
    Ledger.load().grant("me", purposes=["prepare", "convert"])
    report = convert(*given)
    assert report.swapped == 1 and not [line for line in report.warnings if "register" in line]
    (made,) = register.outputs_of("actor_B")
    assert made.path == str(out) and made.identities == ("actor_A", "actor_B", "me") and made.state == register.THERE
    assert [one.name for one in made.sources] == ["one.png", "train_A.mp4", "train_B.mp4"]
    assert made.made_with["model"] == "generator" and made.made_with["settings"]["blend"] == report.options["blend"]

    assert run("python -m faceswap_lab consent revoke actor_B --reason 'no more'") == 0
    printed = capsys.readouterr().out
    assert f"{out}  (generator)" in printed and "1 made with it" in printed and "no more" in printed
    with pytest.raises(
        LabError, match="model generator: it was made from train_B.mp4, and for this the consent of actor B"
    ):
        convert(*given, overwrite=True)
    before = out.read_bytes()
    out.write_bytes(b"other")
    assert register.outputs_of("me")[0].state == register.REPLACED
    out.unlink()
    assert run("python -m faceswap_lab consent show me") == 0
    assert register.MISSING in capsys.readouterr().out and len(before) > 1000
    assert register.outputs_of("stranger") == []
    for content in (b"1", b"2"):
        out.write_bytes(content)
        assert register.record_output(out, ["stranger"], [], {"model": "m"}) == []
    assert [line.split()[:2] for line in register.told(register.outputs())] == [
        ["there", str(TODAY())],
        ["replaced", "2"],
    ]
    out.unlink()
    (line,) = register.told(register.outputs_of("stranger"))
    assert line.startswith("moved or deleted") and line.endswith("(m, 2 times)")
    entry = next((own / "outputs").glob("*.json"))
    entry.write_text("{}")
    with pytest.raises(LabError, match=f"{entry.name}: this entry of the register is damaged"):
        register.outputs()


def test_a_face_set_remembers_its_clip(picture, tmp_path, capsys):
    faces = extract_faces(picture / "one.png", picture / "set").folder
    back = shutil.copytree(faces, tmp_path / "back")
    (source,) = read_sources(back)
    assert (source.name, source.sha256) == ("one.png", content_hash(picture / "one.png"))
    (tmp_path / "both").mkdir()
    assert gather_sources([back, faces], tmp_path / "both") == read_sources(tmp_path / "both") == (source,)
    with pytest.raises(LabError, match="back: it was made from one.png, and for this nobody's consent") as error:
        checks.may_prepare(back)
    assert f"--sha256 {source.sha256}" in shown(error)
    assert run(shown(error, "me", "I", "I")) == 0
    assert checks.may_prepare(back)[0].identities == ("me",)
    files.write_json(back / "sources.json", {"sources": [source_of(CLIPS["truth"]).as_json()]})
    extract_faces(picture / "one.png", back)
    assert read_sources(back) == (source,), "the set was not cut from what stood there"
    (back / "sources.json").unlink()
    half = tmp_path / "half"
    half.mkdir()
    assert gather_sources([back, faces], half) == () and not has_sources(half), "half of the truth would look like the whole"
    assert run(f"python -m faceswap_lab consent sources {shlex.quote(str(half))} {picture / 'one.png'}") == 0
    assert read_sources(half)[0].identities == ("me",)
    with pytest.raises(LabError, match="short name"):
        Ledger.load().grant("x y", [picture / "one.png"], person="x")
    assert run(f"python -m faceswap_lab consent check {picture / 'one.png'}") == 0
    assert "me (I), allows prepare, convert" in capsys.readouterr().out
    assert run(f"python -m faceswap_lab consent check {CLIPS['target']} {back / 'faces.csv'}") == 1


def test_a_folder_of_pictures_is_told_as_one(tmp_path):
    for number in range(3):
        write_picture(tmp_path / "b" / f"{number}.png", np.zeros((48, 64, 3), np.uint8))
    Ledger.load().grant("mine", [tmp_path / "b"], person="B")
    lines = execution.check_clips(samples.find_clips(tmp_path / "b", CLIPS["target"]))
    assert lines[0] == "source: b, 64x48, 3 pictures" and "/s, " in lines[1]


def test_commands_refuse_before_they_work(picture, video, tmp_path, capsys):
    one = str(picture / "one.png")
    for command in (
        ["faces", one, str(tmp_path / "new set")],
        ["convert", one, "--model", str(MODEL), "--out", str(tmp_path / "o.png")],
        ["score", one, "--target", one],
        ["consent", "check", one],
    ):
        assert __main__.main(command) == 1
        captured = capsys.readouterr()
        assert "nobody's consent is written down" in captured.err + captured.out
    assert sorted(path.name for path in tmp_path.iterdir()) == [video.name]
    with pytest.raises(LabError, match="mine.mp4: nobody's consent.*source"):
        execution.check_clips(samples.find_clips(video, CLIPS["target"]))
    assert __main__.main(["consent", "grant", "--identity", "a", "--person", "A", "--sha256", "12"]) == 1
    assert "--sha256 12: this is not 64" in capsys.readouterr().err
    assert __main__.main(["consent", "grant", "--identity", "a", "--source", one, "--until", "soon"]) == 1
    assert "--until: 'soon' is no date" in capsys.readouterr().err
    assert __main__.main(["consent", "revoke", "nobody"]) == 1
    assert "no such identity. It has: actor_A, actor_B, stranger" in capsys.readouterr().err


def test_a_run_asks_again_and_its_models_remember(tmp_path, own, monkeypatch, capsys):
    """The face sets name their clips, the model theirs and those of the weights that it began with."""
    clips = {"source": CLIPS["train_B"], "target": CLIPS["target"], "target_training": CLIPS["train_A"]}
    one = runtime.prepare("quick", 0, tmp_path / "a run", **clips)
    for role in ("target", "A", "B"):
        stages.ensure_faces(one, role, every=60)
        one.mark_done(f"faces_{role}", every=1 if role == "target" else one.preset.every)
    assert read_sources(one.faces("A")) == (source_of(CLIPS["train_A"], ["actor_A"]),)
    folder = stages.model_folder(one, "autoencoder", steps=1)
    assert [source.sha256 for source in read_sources(folder)] == [
        content_hash(CLIPS[name]) for name in ("target", "train_A", "train_B")
    ]
    generator = stages.generator_to_begin_with(one, 64)
    training.save_model(generator, folder, "autoencoder")
    learnt = read_sources(folder)
    (tmp_path / "old model").mkdir()
    generator.begun_from, kept = str(tmp_path / "old model"), generator.begun_from
    training.save_model(generator, folder, "autoencoder")
    assert not has_sources(folder), "what its beginning learnt from is not known"
    generator.begun_from = kept
    stages.model_folder(one, "autoencoder", steps=1)
    training.save_model(generator, folder, "autoencoder")
    assert read_sources(folder) == learnt
    assert len(learnt) == 5 and learnt[3:] == read_sources(MODEL)
    function = training.SwapFunction(training.load_model(folder))
    assert function.sources == learnt and training.SwapFunction(generator).sources == ()

    stranger = {content_hash(CLIPS["truth"])}
    assert clean_up.runs_of({content_hash(CLIPS["train_B"])}, [tmp_path, tmp_path / "gone"]) == [one.out]
    assert clean_up.runs_of(stranger, [one.out]) == []
    register.record_output(__file__, ["actor_B"], [], {}, own)  # of a run that lies nowhere near
    one.swap("autoencoder", "mask").write_bytes(b"a video")
    register.record_output(one.swap("autoencoder", "mask"), ["actor_B"], [], {}, own)
    assert __main__.main(["consent", "revoke", "actor_B"]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  run ")]
    told = [line for line in told if str(runtime.ROOT / "runs") not in line]  # `make lab` leaves one there
    assert len(told) == 1 and f"clean '{one.out}' --remove" in told[0]
    with pytest.raises(LabError, match="clip B"):
        stages.ensure_faces(one, "B")  # though the set is there
    with pytest.raises(LabError, match="clip B"):
        stages.ensure_frames(one, "B")
    with pytest.raises(LabError, match="model autoencoder: it was made from train_B.mp4"):
        scoring.swap_clip(one, "autoencoder", function)
    Ledger.load().grant("actor_B", renew=True)
    (folder / "sources.json").unlink()
    unknown = training.SwapFunction(training.load_model(folder))
    with pytest.raises(LabError, match="consent sources .*autoencoder.? FILE"):
        convert(one.clip("target"), one.faces("target"), unknown, tmp_path / "o.mp4")
    assert not (tmp_path / "o.mp4").exists()
