"""A pipeline: stages that work at the same time, each in its own thread, joined by queues that never grow.

Decoding, resizing, a network and a blend wait for different things (another process, OpenCV, TensorFlow), and all of them let
other Python threads run meanwhile. Put one behind the other they take the sum of their times; side by side, that of the
slowest.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial

Stage = Callable[[Iterator], Iterable]
_END = object()


class _Stopped(BaseException):
    """Raised inside a stage whose results nobody wants any more; no `except Exception` of a stage holds it up."""


class _Channel:
    """A queue of at most `depth` items between two threads, which can be closed from anywhere."""

    def __init__(self, depth: int):
        self.depth, self.closed = depth, False
        self.items: deque[object] = deque()
        self.changed = threading.Condition()

    def put(self, item) -> None:
        with self.changed:
            while len(self.items) >= self.depth and not self.closed:
                self.changed.wait()
            if self.closed:
                raise _Stopped
            self.items.append(item)
            self.changed.notify_all()

    def get(self):
        with self.changed:
            while not self.items and not self.closed:
                self.changed.wait()
            if self.closed:
                raise _Stopped
            item = self.items.popleft()
            self.changed.notify_all()
            return item

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.items.clear()
            self.changed.notify_all()

    def __iter__(self) -> Iterator:
        while (item := self.get()) is not _END:
            yield item


def each(function: Callable) -> Stage:
    """A stage that makes one item of each, by `function(item)`."""
    return partial(map, function)


def overlapped(source: Iterable, *stages: Stage, depth: int = 4) -> Generator:
    """Runs a source and stages at the same time and gives the last one's results, in order.

    Args:
        source: where the items come from; read in a thread of its own.
        stages: functions from an iterator to an iterable (a generator function; `each` makes one of a function of one item).
            Every stage runs in its own thread and in one thread only, so it may keep state.
        depth: items that wait between two neighbours at most. At no time are more than (stages + 1) * (depth + 1) items on
            their way, beside those that stages themselves hold back.

    Yields:
        What the last stage gives. Closing the generator (or an error in whoever reads it) stops all: each stage's own
        generator is closed in its thread, so that its `finally` runs, and the threads have ended when `close` returns.

    Raises:
        Whatever a source or stage raised first, with the traceback of where it happened. Items on their way are dropped.
    """
    channels = [_Channel(depth) for _ in range(len(stages) + 1)]
    failure: list[BaseException] = []
    lock = threading.Lock()

    def stop() -> None:
        for channel in channels:
            channel.close()

    def work(make: Callable[[], Iterable], out: _Channel) -> None:
        items = None
        try:
            items = iter(make())
            for item in items:
                out.put(item)
                del item  # or the thread would hold it while it waits for the next
            out.put(_END)
        except _Stopped:
            pass
        except BaseException as error:  # carried to the caller's thread, whatever it is
            with lock:
                failure.append(error)
            stop()
        finally:
            try:
                if close := getattr(items, "close", None):
                    close()
            except BaseException as error:
                with lock:
                    failure.append(error)
                stop()

    makers = [
        lambda: source,
        *(partial(stage, iter(channel)) for stage, channel in zip(stages, channels, strict=False)),
    ]
    threads = [
        threading.Thread(target=work, args=(make, channel), name=f"pipeline-{number}", daemon=True)
        for number, (make, channel) in enumerate(zip(makers, channels, strict=True))
    ]
    for thread in threads:
        thread.start()
    try:
        yield from channels[-1]
    except _Stopped:
        pass
    finally:
        stop()
        for thread in threads:
            thread.join()
    if failure:
        raise failure[0]
