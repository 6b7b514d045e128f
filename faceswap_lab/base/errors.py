"""The one error that a user of the lab should ever see, and the check of numbers that raises it."""

import math
from numbers import Real


class LabError(Exception):
    """Something outside the code is wrong: a file, a folder, a parameter, the disk.

    The message names the file (or the parameter) first, then what is wrong with it, then what to do. Whoever catches
    it (the command line, a notebook) can show the message alone.

    Example:
        >>> try:
        ...     lab.open_video("no such.mp4")
        ... except lab.LabError as error:
        ...     print(error)
        no such.mp4: no such file. Check the name and the folder.
    """


def check_number(parameter: str, value: float, low: float, high: float, what: str, whole: bool = False) -> None:
    """Refuses what is no number between `low` and `high` (both included; infinity: no bound), or no whole one.

    Raises:
        LabError: naming the parameter, and saying `what` to give.
    """
    good = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not low <= value <= high or (whole and value != int(value)):
        bounds = f"{low:g} or more" if math.isinf(high) else f"{low:g} to {high:g}"
        raise LabError(f"{parameter}: {value!r} cannot be used. Give {what}, {bounds}.")
