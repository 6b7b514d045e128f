"""When stopping loses nothing: a measure on held-out faces, looked at every now and then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from faceswap_lab.base.messages import _

# Shares of the way that a measure has come: what counts as no movement (its own scatter is added), and what as a fall.
STILL, FALLEN = 0.02, 0.1


@dataclass(frozen=True)
class HeldOut:
    """A measure on faces that the training does not see, and what to make of it.

    Args:
        measure: model -> {"identity": 0.41, ...}, numbers of which more is better.
        every: steps from one evaluation to the next; None: at every preview.
        patience: after so many evaluations without movement, advice is given; the training goes on.
    """

    measure: Callable[..., dict[str, float]]
    every: int | None = None
    patience: int = 5


def smoothed(values) -> np.ndarray:
    """The median of each value and the two before it: one lucky evaluation does not count."""
    values = np.asarray(values, np.float64)
    return np.array([np.median(values[max(0, i - 2) : i + 1]) for i in range(len(values))])


def still_since(steps, values, patience: int) -> int | None:
    """The step since which a measure has not moved; None while it moves.

    Args:
        steps, values: the evaluations so far.
        patience: how many evaluations it must have stood still.
    """
    smooth = smoothed(values)
    if len(smooth) <= patience:
        return None
    scatter = 2 * float(np.median(np.abs(np.asarray(values, np.float64) - smooth)))
    allowed = STILL * float(np.ptp(smooth)) + scatter + 1e-9
    last = len(smooth) - 1
    first = last
    while first > 0 and np.ptp(smooth[first - 1 :]) <= allowed:
        first -= 1
    return int(steps[first]) if last - first >= patience else None


def best_before(steps, values, patience: int) -> int | None:
    """The step at which a measure was best, if it has been worse than that for `patience` evaluations; None otherwise."""
    smooth = smoothed(values)
    best = int(np.argmax(smooth))
    if len(smooth) - 1 - best < patience:
        return None
    allowed = FALLEN * float(np.ptp(smooth))
    return int(steps[best]) if (smooth[best] - smooth[best + 1 :][-patience:] > allowed).all() else None


def advise(rows: list[dict], patience: int = 5) -> str:
    """A sentence when all measures have stopped moving, or one has been falling; "" otherwise.

    Args:
        rows: the evaluations, {"step": ..., "identity": ..., ...} each.
    """
    names = [name for name in rows[-1] if name != "step"] if rows else []
    steps = [row["step"] for row in rows]
    fallen, still = [], []
    for name in names:
        values = [row.get(name, np.nan) for row in rows]
        if not np.isfinite(values).all():
            return ""
        if (best := best_before(steps, values, patience)) is not None:
            said = _("{measure} on held-out faces was best at step {step} and has been lower since")
            fallen.append(said.format(measure=name, step=best))
        elif (since := still_since(steps, values, patience)) is not None:
            said = _("{measure} on held-out faces has not moved since step {step}")
            still.append(said.format(measure=name, step=since))
    told = "; ".join(fallen) or (", ".join(still) if len(still) == len(names) else "")
    return _("{reasons}: stopping now loses nothing.").format(reasons=told) if told else ""
