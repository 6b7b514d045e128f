"""The command line: one module a command. `python -m faceswap_lab` reads the words and calls them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def frames_bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar; what it gives is told how many frames are done, and of how many."""
    from tqdm import tqdm

    with tqdm(unit=" frames", smoothing=0.1) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress
