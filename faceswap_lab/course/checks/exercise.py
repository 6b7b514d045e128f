"""What an exercise is: a reference, cases that an answer is tried on, and the mistakes that have a reason of their own."""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from faceswap_lab.base.messages import _

# These and the texts of the exercises are translated where they are said, see `tools/messages.py`.
RIGHT, EMPTY, WRONG = "right", "not filled in", "not yet"
GOES_ON = "the reference solution is used"


@dataclass(frozen=True)
class Verdict:
    """What is said of an answer.

    Args:
        word: RIGHT, EMPTY or WRONG.
        reason: why, in one sentence.
    """

    word: str
    reason: str

    def __str__(self) -> str:
        said = f"{_(self.word)}: {self.reason}"
        return _("{said} (until then the reference solution is used)").format(said=said) if self.word == WRONG else said


@dataclass(frozen=True)
class Stopped:
    """Stands for the answer of a call that gave none.

    Args:
        why: "it" followed by this is a sentence.
        error: the kind of error that it stopped with, or "".
    """

    why: str
    error: str = ""


EXERCISES: dict[str, Function | Choice] = {}  # all of the course, by the name that the student defines
VERDICTS: dict[str, Verdict] = {}  # what was said in this process, the last time


class Exercise:
    """What functions and choices share: called with the student's answer, it says its verdict and what to go on with."""

    name: str
    lesson: str
    reference: Any

    def __call__(self, mine: Any) -> Any:
        """Prints one verdict; never raises.

        Args:
            mine: the student's function, or dictionary.

        Returns:
            That, when it is right; else the reference.
        """
        try:
            verdict = self.judge(self.answers(mine))
        except Exception as error:  # whatever strange thing was answered: the lesson goes on
            said = _("the answer cannot be read ({error})")
            verdict = Verdict(WRONG, said.format(error=f"{type(error).__name__}: {error}"))
        VERDICTS[self.name] = verdict
        print(f"{self.name}: {verdict}")
        return mine if verdict.word == RIGHT else self.reference

    def answers(self, mine: Any) -> Any:
        """What the student's answer says, as `judge` takes it."""
        raise NotImplementedError

    def judge(self, answers: Any) -> Verdict:
        """The verdict on plain data: so it can be given in another process than the answer was."""
        raise NotImplementedError

    def texts(self) -> list[str]:
        """What a verdict may say of it, for translators; "" says nothing."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Function(Exercise):
    """A function to write.

    Args:
        lesson, name: where it stands, such as "02", and what the student defines.
        reference: the right one, of the same name.
        cases: what the arguments are, in words ("boxes that do not touch") -> the arguments.
        mistakes: a reason -> the function that somebody writes who needs to hear it.
        praise: what a right answer has understood.
    """

    lesson: str
    name: str
    reference: Callable
    cases: dict[str, tuple]
    mistakes: dict[str, Callable]
    praise: str

    def answers(self, mine: Callable) -> list:
        """What a function says to each case."""
        return [ask(mine, arguments) for arguments in self.cases.values()]

    def texts(self) -> list[str]:
        """Its cases, the reasons of its mistakes, its praise."""
        return [*self.cases, *self.mistakes, self.praise]

    def judge(self, answers: list) -> Verdict:
        """The verdict on one answer a case."""
        if all(answer is None for answer in answers):
            return Verdict(EMPTY, _(GOES_ON))
        wanted = self.answers(self.reference)
        wrong = [k for k, answer in enumerate(answers) if not same(answer, wanted[k])]
        if not wrong:
            return Verdict(RIGHT, _(self.praise))
        known = {}  # the cases in which each mistake would have given the same answer
        for reason, mistake in self.mistakes.items():
            theirs = self.answers(mistake)
            known[reason] = [k for k, answer in enumerate(answers) if same(answer, theirs[k])]
        likely = max(known, key=lambda reason: (len(set(known[reason]) & set(wrong)), len(known[reason])))
        explained = [k for k in wrong if k in known[likely]]
        seen = explained if 2 * len(explained) >= len(wrong) else []
        k = (seen or wrong)[0]
        given, case = answers[k], _(list(self.cases)[k])
        if isinstance(given, Stopped):
            says, against = _("for {case} it {stops}").format(case=case, stops=given.why), ""
        else:
            says = _("for {case} it gives {value}").format(case=case, value=shown(given, wanted[k]))
            against = _("{value} is right").format(value=shown(wanted[k], given))
        return Verdict(WRONG, "; ".join(filter(None, (says, _(likely) if seen else against))))


@dataclass(frozen=True, eq=False)
class Choice(Exercise):
    """Something to look for, or to change, and then to explain by one of several reasons.

    Args:
        lesson, name: where it stands, and what the student defines: a dictionary.
        fields: each field's options; what speaks against an option ({answer} stands for it), or "" for the right one.
        praise: what a right answer has understood.
    """

    lesson: str
    name: str
    fields: dict[str, dict[str, str]]
    praise: str

    @functools.cached_property
    def reference(self) -> dict[str, str]:
        """The right answer."""
        return {
            field: next(o for o, against in options.items() if not against) for field, options in self.fields.items()
        }

    def answers(self, mine: dict) -> dict:
        """The answer itself."""
        return mine

    def texts(self) -> list[str]:
        """What speaks against each option, and its praise."""
        return [*(against for options in self.fields.values() for against in options.values()), self.praise]

    def judge(self, answers: dict) -> Verdict:
        """The verdict on a dictionary of the fields; None where nothing was chosen."""
        if not isinstance(answers, dict) or set(answers) != set(self.fields):
            return Verdict(WRONG, _("a dictionary of {fields} is wanted").format(fields=", ".join(self.fields)))
        if all(answer is None for answer in answers.values()):
            return Verdict(EMPTY, _(GOES_ON))
        for field, options in self.fields.items():
            answer = answers[field]
            if answer not in options:
                said, known = _("{field} is {answer}; choose from {options}"), ", ".join(map(repr, options))
                return Verdict(WRONG, said.format(field=field, answer=repr(answer)[:60], options=known))
            if against := _(options[answer]).format(answer=answer):
                return Verdict(WRONG, _("{field} is {answer!r}? {against}").format(field=field, answer=answer, against=against))
        return Verdict(RIGHT, _(self.praise))


def exercise(lesson: str, cases: dict[str, tuple], mistakes: dict[str, Callable], praise: str) -> Callable:
    """Makes a reference, the decorated function, into the exercise of its name."""

    def made(reference: Callable) -> Function:
        one = EXERCISES[reference.__name__] = Function(lesson, reference.__name__, reference, cases, mistakes, praise)
        return one

    return made


def choice(lesson: str, name: str, fields: dict[str, dict[str, str]], praise: str) -> Choice:
    """Makes a `Choice` that `EXERCISES` knows."""
    one = EXERCISES[name] = Choice(lesson, name, fields, praise)
    return one


def ask(function: Callable, arguments: tuple) -> Any:
    """Calls a function with copies of the arguments and without what it prints; `Stopped` when it does not come back."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return function(*copy.deepcopy(arguments))
    except (Exception, SystemExit) as error:
        kind = type(error).__name__
        return Stopped(_("stops with {error}").format(error=f"{kind}: {error}".rstrip(": ")), kind)


def same(answer: Any, wanted: Any) -> bool:
    """True for two numbers, arrays, texts, or tuples of them, that agree as float32 would; and for two errors of one kind."""
    if isinstance(answer, Stopped) and isinstance(wanted, Stopped):
        return answer.error == wanted.error
    if isinstance(wanted, str) or isinstance(answer, str | Stopped | None):
        return isinstance(answer, str) and answer == wanted
    try:
        one, two = np.asarray(answer, float), np.asarray(wanted, float)
    except (TypeError, ValueError):
        return False
    return one.shape == two.shape and np.allclose(one, two, rtol=1e-4, atol=1e-5, equal_nan=True)


def shown(value: Any, other: Any) -> str:
    """A value in a sentence: short; of an array its shape, or, where the other's is the same, where they differ most."""
    try:
        one, two = np.asarray(value, float), np.asarray(other, float)
    except (TypeError, ValueError):
        return repr(value.tolist() if hasattr(value, "tolist") else value)[:60]
    if one.size <= 6:
        return np.array2string(one, precision=4, separator=", ", suppress_small=True).replace("\n", "")
    if one.shape != two.shape:
        return _("an array of shape {shape}").format(shape=one.shape)
    place = np.unravel_index(np.nanargmax(np.nan_to_num(np.abs(one - two), nan=np.inf)), one.shape)
    return _("{value:.4g} at {place}").format(value=one[place], place=tuple(map(int, place)))
