"""What a model has to know when one step runs in parts: on several devices, each of which sees some rows of the batch.

One training step has one batch, whatever it runs on. Where the backend shows a model the whole batch and cuts it up
behind the scenes (JAX under `keras.distribution`), nothing has to be done. Where it runs the model once a device on a
part of the batch (TensorFlow under `MirroredStrategy`), three things would come out differently:

- random draws: every part draws for the whole batch from the same state, and keeps its own rows (`own_rows`);
- means over the batch inside a term, such as the area of the masks it is divided by: `batch_mean`;
- the loss: the sum over the parts is taken, so each gives its share (`share_of`).

`faceswap_lab.training.distribution` says where a part's place comes from; alone, all three are the identity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keras import ops


@dataclass(frozen=True)
class Replica:
    """One of the parts that a step runs in.

    Args:
        place: 0 to count - 1, an int or a scalar int32 tensor.
        count: how many there are.
        mean: a tensor that every part has its own value of to the mean of them all, with the right gradient.
    """

    place: object = 0
    count: int = 1
    mean: Callable = lambda x: x


ALONE = Replica()
_find: list[Callable[[], Replica]] = []


def set_finder(find: Callable[[], Replica] | None) -> None:
    """Sets what tells the running part (called while a step is traced); None: there is only one."""
    _find[:] = [find] if find else []


def current() -> Replica:
    """The part that the calling code runs in."""
    return _find[0]() if _find else ALONE


def own_rows(values, blocks: int = 1):
    """Those rows of something made for the whole batch that belong to this part.

    Args:
        values: (blocks * count * n, ...): equal blocks (A's rows, then B's), each in the order of the parts.
        blocks: how many.

    Returns:
        (blocks * n, ...).
    """
    replica = current()
    if replica.count == 1:
        return values
    rest = tuple(values.shape[1:])
    values = ops.reshape(values, (blocks, replica.count, -1, *rest))
    return ops.reshape(ops.take(values, replica.place, axis=1), (-1, *rest))


def batch_mean(value):
    """A mean over this part's rows to the mean over the whole batch."""
    return current().mean(value)


def share_of(loss):
    """A loss that is a mean over this part's rows, as its share of the whole batch's mean."""
    count = current().count
    return loss if count == 1 else loss / count
