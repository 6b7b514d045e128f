"""Exercises: the text's solutions are right, its stubs are not filled in, each usual mistake hears its reason, nothing raises."""

import ast
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from wrong_answers import WRONG

from faceswap_lab.course import checks
from faceswap_lab.course.checks.exercise import EMPTY, RIGHT, Choice

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import notebook_rules as rules  # noqa: E402

TEXTS = {path.name[:2]: path for path in sorted((ROOT / "notebooks" / "text").glob("[0-9][0-9]_*.py"))}
NOTEBOOKS = {number: rules.read_text(path) for number, path in TEXTS.items()}
ALL = list(checks.EXERCISES)
FUNCTIONS = [name for name, one in checks.EXERCISES.items() if not isinstance(one, Choice)]
CHOICES = [name for name in ALL if name not in FUNCTIONS]


def cells(name: str) -> dict[str, str]:
    """An exercise's cells by tag: those of its lesson from the task to the notes that follow its stub."""
    taught = NOTEBOOKS[checks.EXERCISES[name].lesson].cells
    place = next(k for k, cell in enumerate(taught) if rules.place_of(cell) == f"stub {name}")
    return {"".join(rules.tags(cell)): cell.source for cell in taught[place - 1 : place + 4]}


def answer(name: str, tag: str):
    """What an exercise's stub or solution defines."""
    kernel = {"np": np}
    if name == "nms":
        kernel["iou"] = checks.iou.reference
    if name == "hinge" and tag == "solution":
        from keras import ops

        kernel["ops"] = ops
    exec(compile(cells(name)[tag], name, "exec"), kernel)
    return kernel[name]


def signature(source: str) -> str:
    """What a student must not change: a function's head and docstring, a dictionary's fields."""
    node = ast.parse(source).body[0]
    if isinstance(node, ast.FunctionDef):
        return f"{node.name}({ast.unparse(node.args)}) {ast.get_docstring(node)}"
    return f"{node.targets[0].id} {[key.value for key in node.value.keys]}"


@pytest.mark.parametrize("name", ALL)
def test_an_exercise_has_its_five_cells_in_order_and_one_signature(name):
    found = cells(name)
    assert list(found) == ["exercise", "stub", "solution", "check", "notes"]
    assert found["check"].splitlines()[-1] == f"{name} = checks.{name}({name})"
    assert signature(found["stub"]) == signature(found["solution"])


@pytest.mark.parametrize("number", TEXTS)
def test_every_lesson_has_three_to_five_of_different_kinds(number):
    some = checks.of_lesson(number)
    tagged = [tag for cell in NOTEBOOKS[number].cells for tag in rules.tags(cell)]
    assert all(tagged.count(tag) == len(some) for tag in ("exercise", "stub", "solution", "check", "notes"))
    assert number in ("08", "12") or 3 <= len(some) <= 5 and {type(one) for one in some.values()} >= {Choice}


@pytest.mark.parametrize("name", ALL)
def test_the_solution_is_right_and_goes_on(name, capsys):
    mine = answer(name, "solution")
    assert getattr(checks, name)(mine) is mine
    assert capsys.readouterr().out == f"{name}: right: {checks.EXERCISES[name].praise}\n"
    assert checks.VERDICTS[name].word == RIGHT


@pytest.mark.parametrize("name", ALL)
def test_the_stub_is_not_filled_in_and_the_reference_goes_on(name, capsys):
    one = checks.EXERCISES[name]
    assert one(answer(name, "stub")) == one.reference
    assert capsys.readouterr().out == f"{name}: not filled in: the reference solution is used\n"
    assert checks.VERDICTS[name].word == EMPTY


def test_every_function_has_three_wrong_answers():
    assert sorted(WRONG) == sorted(FUNCTIONS) and all(len(some) >= 3 for some in WRONG.values())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_wrong_answer_hears_its_own_reason(name):
    one, heard = checks.EXERCISES[name], []
    for mine, piece in WRONG[name]:
        verdict = str(one.judge(one.answers(mine)))
        assert verdict.startswith("not yet: for ") and "until then the reference solution is used" in verdict
        assert piece in verdict, f"{name}: {verdict}"
        heard.append(next(reason for reason in one.mistakes if reason in verdict))
    assert len(set(heard)) == len(heard)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_no_mistake_explains_is_told_by_a_case_and_both_values(name):
    one = checks.EXERCISES[name]
    verdict = one.judge(one.answers(lambda *arguments: -123.25))
    assert re.match(r"for .+ it gives -123.25; .+ is right$", verdict.reason), verdict


@pytest.mark.parametrize("name", CHOICES)
def test_each_wrong_choice_hears_why_not(name):
    one, heard = checks.EXERCISES[name], []
    for field, options in one.fields.items():
        assert list(options.values()).count("") == 1
        for option, against in options.items():
            verdict = one.judge({**one.reference, field: option})
            assert (verdict.word == RIGHT) == (not against) and against.format(answer=option) in verdict.reason
            heard += [against] if against else []
        assert "choose from" in one.judge({**one.reference, field: "?"}).reason
    assert len(heard) >= 3 and all(len(reason) > 15 for reason in heard)
    assert name == "diagnosis" or len(set(heard)) == len(heard)


def test_the_text_of_a_choice_names_every_option():
    for name in set(CHOICES) - {"roles", "diagnosis"}:
        for options in checks.EXERCISES[name].fields.values():
            assert all(f'"{option}"' in cells(name)["exercise"] for option in options), name


def test_the_gallery_tells_a_wrong_cause_from_a_wrong_cure():
    right = checks.diagnosis.reference
    assert "another cause: everything is B's and sharp" in checks.diagnosis.judge({**right, "1": "fv"}).reason
    assert "the cause is right, and 'x' is no cure" in checks.diagnosis.judge({**right, "1": "dx"}).reason
    letters = {pair[0] for pair in right.values()}, {pair[1] for pair in right.values()}
    text = cells("diagnosis")["exercise"]
    assert all(f"({letter}) " in text for some in letters for letter in some) and list(map(len, letters)) == [6, 6]


STRANGE = {
    "an exception": lambda *_: 1 / 0,
    "an exit": lambda *_: sys.exit(1),
    "another kind": lambda *_: object(),
    "a text": lambda *_: "right",
    "arrays of two shapes": lambda *_: (np.zeros(3), np.zeros((2, 2))),
    "another signature": lambda: 0,
    "no function": 7,
}


@pytest.mark.parametrize("what", STRANGE)
def test_whatever_is_answered_nothing_raises(what, capsys):
    for name in ("iou", "nms", "hinge", "unchanged", "roles"):
        assert checks.EXERCISES[name](STRANGE[what]) == checks.EXERCISES[name].reference
        assert capsys.readouterr().out.startswith(f"{name}: not yet: ")


def test_an_answer_cannot_spoil_the_cases():
    def spoils(box, others):
        others[:] = 0
        return np.zeros(len(others))

    checks.iou(spoils)
    assert checks.iou.judge(checks.iou.answers(checks.iou.reference)).word == RIGHT


def test_an_unknown_exercise_is_named():
    with pytest.raises(AttributeError, match="no exercise 'iuo'; there are: .*iou"):
        checks.iuo  # noqa: B018


def test_no_lesson_uses_an_exercises_name_for_something_else():
    for number, notebook in NOTEBOOKS.items():
        taken = {*checks.of_lesson(number), "checks"}
        for cell in notebook.cells:
            if cell.cell_type == "code" and not set(rules.tags(cell)) & {"stub", "solution", "check", "setup"}:
                tree = ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", cell.source, flags=re.M))
                stored = {
                    node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
                }
                defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
                assert not taken & (stored | defined), f"{number}: {cell.source[:60]!r}"


def test_references_are_the_packages_own():
    from faceswap_lab.course.checks import faces, networks, numbers
    from faceswap_lab.faces import alignment, diagnosis, mtcnn_boxes
    from faceswap_lab.models import octave
    from faceswap_lab.models.layers import PixelShuffle
    from faceswap_lab.studies import ablation_effect
    from faceswap_lab.studies.detection import error_rates

    few = [k for k in mtcnn_boxes.suppress(faces.BOXES, faces.SCORES, 0.3)]
    assert sorted(checks.nms.reference(faces.BOXES, faces.SCORES, 0.3)) == sorted(few)
    poses = faces.THIRTY, faces.TWENTY
    assert checks.unknown_poses.reference(*poses, 12.0) == pytest.approx(diagnosis.unknown_poses(*poses))
    mirrored = faces.POINTS * [-1, 1]
    assert np.allclose(checks.similarity.reference(faces.POINTS, mirrored), alignment.umeyama(faces.POINTS, mirrored))
    assert np.allclose(checks.pixel_shuffle.reference(networks.CHANNELS), PixelShuffle()(networks.CHANNELS))
    assert checks.octave_cost.reference(0.25) == pytest.approx(octave.theoretical_cost(0.25))
    assert checks.false_share.reference(0.02, 0.8, 0.1) == pytest.approx(error_rates.alarms(0.02, 0.8, 0.1).false_share)
    results = [
        {"variant": name, "seed": seed, "structure_gain": 0.4 - worth_of}
        for seed, worth_of in enumerate(numbers.WORTH)
        for name, worth_of in (("base", 0.0), ("no_contrast", worth_of))
    ]
    found = ablation_effect.worth(results, "no_contrast", "structure_gain")
    assert np.allclose(checks.interval.reference(numbers.WORTH), (found.mean, found.half_width))
