"""What a student predicted, kept beside what came: hits, misses, and how far "90 % sure" can be trusted.

    <run>/predictions.json    name -> value, sure (per cent) and unit as typed; came, hit and said once the result was seen

Nothing here stops a notebook: where nothing was typed (None, as under papermill), nothing is written and nothing printed. What the
last cell shows is saved in the notebook with the same facts as data, so that a notebook that is handed in brings them along.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from faceswap_lab.base import files, machine
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _

FILE = "predictions.json"
MIME = "application/vnd.faceswap-lab.predictions+json"  # of what a notebook's last cell carries along, for `grade`
WITHIN = 0.25  # a number counts as a hit when it is off by less than this share of what came
_seen: set[tuple[str, str]] = set()  # results that this kernel has shown to somebody who had predicted nothing


def predict(folder: Path, name: str, value=None, sure: float | None = None, unit: str = "", choices: Iterable = ()):
    """Writes a prediction down; the last one before the result counts.

    Args:
        folder: the run's.
        name: the lesson's number and what is predicted, such as "02 boxes".
        value: a number, a range (low, high), a word of `choices`, or a list; None: no prediction.
        sure: how sure, in per cent, over 0 and at most 100; None: not said.
        unit: for the sentence.
        choices: the answers there are; those of a list must be among them.

    Returns:
        What is written down for this name, None where nothing is.
    """
    known = read(folder)
    entry, value, choices = known.get(name, {}), _plain(value), [_plain(choice) for choice in choices]
    if value is None:
        return entry.get("value")
    wrong = [one for one in (value if isinstance(value, list) else [value]) if choices and one not in choices]
    if wrong:
        said = _("{name}: {answer!r} is no answer. Choose from {choices}.")
        print(said.format(name=name, answer=wrong[0], choices=", ".join(map(str, choices))))
    elif sure is not None and not (isinstance(sure, int | float) and 0 < sure <= 100):
        print(_("{name}: sure = {sure!r} cannot be. Write per cent, for example sure=80.").format(name=name, sure=sure))
    elif "came" in entry and [value, sure] != [entry["value"], entry["sure"]]:
        said = _("{name}: {value} stays, since the result has been seen.")
        print(said.format(name=name, value=_told(entry["value"], unit)))
    elif "came" not in entry:
        late = {"late": True} if (str(folder), name) in _seen else {}
        entry = {"value": value, "sure": sure, "unit": unit, **late}
        _write(folder, name, entry)
        print(_("Written down: {value}.").format(value=_sure(entry, unit)))
    return entry.get("value")


def came(folder: Path, name: str, value, within: float | None = None, least: float = 0.0) -> None:
    """Sets a prediction beside what came; without a prediction it only remembers that the result was seen.

    Args:
        folder, name: as for `predict`.
        value: the result, of the kind that was asked for; a set where the order does not count; None or NaN: not known.
        within: how far a number may be off, as a share of the result. None: a quarter; in lists, not at all.
        least: how far it may be off in any case.
    """
    result, known = _plain(value), read(folder)
    if result is None or result != result:
        return
    if name not in known:
        _seen.add((str(folder), name))
        return
    entry = known[name]
    try:
        hit, said = _compare(entry["value"], result, within, least, isinstance(value, set | frozenset))
    except (TypeError, ValueError, OverflowError):
        hit, said = False, _("another kind of answer than {result}").format(result=_told(result))
    entry = {**entry, "came": result, "hit": hit, "said": said}
    _write(folder, name, entry)
    print(_line(name, entry))


def read(folder: Path) -> dict[str, dict]:
    """All that was predicted in a run, by name; {} where nothing was. What is damaged is left out."""
    return {name: entry for name, entry in (_stored(folder) or {}).items() if _is_whole(entry)}


def _stored(folder: Path) -> dict | None:
    """What the file holds; {} where there is none, None where it is damaged."""
    try:
        found = files.read_json(folder / FILE) if (folder / FILE).exists() else {}
    except (LabError, OSError):
        return None
    return found if isinstance(found, dict) else None


def _is_whole(entry) -> bool:
    if not (isinstance(entry, dict) and {"value", "sure", "unit"} <= set(entry) and isinstance(entry["unit"], str)):
        return False
    return (entry["sure"] is None or _is_number(entry["sure"])) and ("came" not in entry or "hit" in entry)


def _write(folder: Path, name: str, entry: dict) -> None:
    """Adds an entry, beside whatever else is there; a damaged file is put aside, for whoever can mend it."""
    known, path = _stored(folder), folder / FILE
    if known is None:
        aside = path.with_suffix(".damaged.json")
        path.replace(aside)
        said = _("{file}: this is not a JSON file any more. It lies in {aside} now, and a new one begins.")
        print(said.format(file=path, aside=aside.name))
    files.write_json(path, (known or {}) | {name: entry})


def calibration(folder: Path) -> dict[float, tuple[int, int]]:
    """How sure -> (how many came true, of how many), over the whole run; what was typed after the result does not count."""
    counts: dict[float, tuple[int, int]] = {}
    for entry in read(folder).values():
        if entry.get("came") is not None and entry["sure"] is not None and not entry.get("late"):
            hits, of = counts.get(entry["sure"], (0, 0))
            counts[entry["sure"]] = (hits + bool(entry["hit"]), of + 1)
    return dict(sorted(counts.items()))


def summary(folder: Path, lesson: str) -> str:
    """A lesson's predictions beside what came, and the run's calibration; "" where nothing was predicted.

    Args:
        folder: the run's.
        lesson: its number, such as "02".
    """
    mine = _of_lesson(folder, lesson)
    if not mine:
        return ""
    hits = sum(bool(entry["hit"]) for entry in mine.values())
    lines = [_("Your predictions:"), *(f"  {_line(name, entry)}" for name, entry in mine.items())]
    lines.append(_("{hits} of {count} came true in this lesson.").format(hits=hits, count=len(mine)))
    for sure, (hit, of) in calibration(folder).items():
        said = _("Over the run, of {count} that you were {sure:g} % sure of, {hits} came true ({share:.0%}).")
        lines.append(said.format(count=of, sure=sure, hits=hit, share=hit / of))
    return "\n".join(lines)


def _of_lesson(folder: Path, lesson: str) -> dict[str, dict]:
    return {name: entry for name, entry in read(folder).items() if name.startswith(f"{lesson} ") and "came" in entry}


def show(folder: Path, lesson: str) -> None:
    """Shows `summary`, if there is one; in a notebook with which came true, and how sure, as data beside it (`MIME`).

    Args:
        folder, lesson: as for `summary`.
    """
    if not (said := summary(folder, lesson)):
        return
    if machine.shell() is None:
        print(said)
        return
    from IPython.display import display

    kept = {
        name: {"hit": bool(entry["hit"]), "sure": entry["sure"], "late": bool(entry.get("late"))}
        for name, entry in _of_lesson(folder, lesson).items()
    }
    display({"text/plain": said, MIME: kept}, raw=True)


def _plain(value):
    """A value as JSON keeps it: numpy's numbers become Python's, tuples lists, sets sorted lists."""
    if isinstance(value, set | frozenset):
        return sorted(map(_plain, value), key=str)
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _near(value, result, within: float, least: float) -> bool:
    if _is_number(result):  # of an infinite result, such as the PSNR of equal pictures, any share is infinite
        off = abs(float(value) - result) if math.isfinite(result) else math.inf
        return float(value) == result or off <= max(within * abs(result), least) < math.inf
    return str(value).strip().casefold() == str(result).strip().casefold()


def _compare(value, result, within: float | None, least: float, as_set: bool) -> tuple[bool, str]:
    """Whether the prediction came true, and in words how far off it was."""
    if _is_number(result):
        share = WITHIN if within is None else within
        if isinstance(value, list):
            low, high = sorted(map(float, value))
            out = max(low - result, result - high, 0.0)
            return out == 0, _("{off:.3g} outside").format(off=out) if out else _("inside")
        off = float(value) - result
        said = _("exact") if float(value) == result else _("{off:.3g} too high") if off > 0 else _("{off:.3g} too low")
        return _near(value, result, share, least), said.format(off=abs(off))
    if not isinstance(result, list):
        return _near(value, result, 0.0, least), ""
    mine = value if isinstance(value, list) else [value]
    if as_set:
        right = len({str(one) for one in mine} & {str(one) for one in result})
        return sorted(mine, key=str) == result, _("{right} of {count}").format(right=right, count=len(result))
    pairs = list(zip(mine, result, strict=False))
    right = sum(a == b if isinstance(b, list) else _near(a, b, within or 0.0, least) for a, b in pairs)
    said = _("{right} of {count} in place").format(right=right, count=len(result))
    return right == len(result) == len(mine), said


def _told(value, unit: str = "") -> str:
    if isinstance(value, float) and math.isfinite(value):
        value = f"{value:.3g}"
    if isinstance(value, list):
        value = ", ".join(_told(one) for one in value)
        value = f"({value})"
    return f"{value} {unit}".strip()


def _sure(entry: dict, unit: str = "") -> str:
    """What was predicted, and how sure."""
    value = _told(entry["value"], unit)
    return value if entry["sure"] is None else _("{value}, {sure:g} % sure").format(value=value, sure=entry["sure"])


def _line(name: str, entry: dict) -> str:
    verdict, said = _("hit") if entry["hit"] else _("MISS"), _sure(entry)
    if entry.get("late"):
        verdict, said = _("late"), _("{prediction}, typed after the result").format(prediction=said)
    line = _("{name}: you said {prediction}; it came to {result}")
    line = line.format(name=name[3:], prediction=said, result=_told(entry["came"], entry["unit"]))
    return f"{verdict:4}  {line}" + (f" ({entry['said']})" if entry.get("said") else "")
