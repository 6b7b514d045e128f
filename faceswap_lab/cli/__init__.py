"""The command line: one module a command. `python -m faceswap_lab` reads the words and calls them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def frames_bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar; what it gives is told how many frames are done, and of how many. Told fewer than before, it begins another.

    It appears with the first frames, so that what is printed until then has lines of its own.
    """
    from tqdm import tqdm

    with contextlib.ExitStack() as stack:
        bars: list = []

        def progress(done: int, total: int) -> None:
            if not bars or done < bars[-1].n:
                stack.close()
                bars.append(stack.enter_context(tqdm(total=total, unit=" frames", smoothing=0.1)))
            bars[-1].total = total
            bars[-1].update(done - bars[-1].n)

        yield progress
