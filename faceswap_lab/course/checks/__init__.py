"""The course's exercises: `checks.iou(iou)` says in one line what is right or wrong, and returns what to go on with.

A module for each part of the course; in it one function an exercise (the reference), with its cases and common mistakes.
"""

from faceswap_lab.course.checks import evidence, faces, frames, networks, numbers, swaps, translation  # noqa: F401
from faceswap_lab.course.checks.exercise import EXERCISES, VERDICTS, Choice, Exercise, Function  # noqa: F401


def __getattr__(name: str) -> Exercise:
    """The exercise of that name."""
    if name not in EXERCISES:
        raise AttributeError(f"there is no exercise {name!r}; there are: {', '.join(EXERCISES)}")
    return EXERCISES[name]


def of_lesson(number: str) -> dict[str, Function | Choice]:
    """A lesson's exercises by name."""
    return {name: one for name, one in EXERCISES.items() if one.lesson == number}
