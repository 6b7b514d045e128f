"""The pipeline: order, errors, an early end, and no more on its way than was promised."""

import itertools
import threading
import time
import traceback

import pytest

from faceswap_lab.swap import pipeline


def alive():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pipeline")]


@pytest.mark.parametrize("depth", [1, 5])
def test_all_items_arrive_in_order_through_threads_of_their_own(depth):
    names = set()

    def noted(item):
        names.add(threading.current_thread().name)
        time.sleep(0.002 * (item % 3))
        return item

    def pairs(items):
        yield from itertools.batched(items, 2) if hasattr(itertools, "batched") else zip(items, items, strict=True)

    found = list(pipeline.overlapped(range(40), pipeline.each(noted), pairs, pipeline.each(sum), depth=depth))
    assert found == [sum((n, n + 1)) for n in range(0, 40, 2)]
    assert len(names) == 1 and threading.current_thread().name not in names and not alive()


def test_three_stages_work_at_the_same_moment():
    """They meet at a barrier, which would break if one worked after the other."""
    barrier = threading.Barrier(3, timeout=10)

    def meets_at(wanted):
        def meet(item):
            if item == wanted:
                barrier.wait()
            return item

        return pipeline.each(meet)

    assert list(pipeline.overlapped(range(4), meets_at(2), meets_at(1), meets_at(0), depth=4)) == [0, 1, 2, 3]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_error_arrives_with_its_traceback_and_ends_everything(place):
    closed = []

    def source():
        try:
            for n in itertools.count():
                if place == 0 and n == 7:
                    raise_here()
                yield n
        finally:
            closed.append(threading.current_thread().name)

    def raise_here():
        raise ValueError("seven")

    def stage(number):
        def work(item):
            if place == number and item == 7:
                raise_here()
            return item

        return pipeline.each(work)

    with pytest.raises(ValueError, match="seven") as caught:
        for _ in pipeline.overlapped(source(), stage(1), stage(2), depth=2):
            pass
    assert "raise_here" in "".join(traceback.format_tb(caught.value.__traceback__))
    assert closed == ["pipeline-0"] and not alive()


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_an_early_end_closes_the_source_and_leaves_no_thread(taken):
    closed = []

    def source():
        try:
            yield from itertools.count()
        finally:
            closed.append(True)

    items = pipeline.overlapped(source(), pipeline.each(lambda n: n), depth=3)
    assert list(itertools.islice(items, taken)) == list(range(taken))
    items.close()
    assert not alive() and closed == ([True] if taken else [])  # what never began has nothing to close


def test_an_error_of_the_reader_ends_everything_too():
    with pytest.raises(KeyError):
        for item in pipeline.overlapped(itertools.count(), pipeline.each(lambda n: n)):
            if item == 3:
                raise KeyError(item)
    for _ in range(100):  # the generator is closed when its last reference goes
        if not alive():
            break
        time.sleep(0.01)
    assert not alive()


def test_what_a_stage_holds_back_comes_at_the_end_and_an_empty_source_is_fine():
    def hold(items):
        yield from reversed(list(items))

    assert list(pipeline.overlapped(range(5), hold, depth=1)) == [4, 3, 2, 1, 0]
    assert list(pipeline.overlapped([], hold, pipeline.each(str))) == []
    assert list(pipeline.overlapped([1, 2])) == [1, 2]


def test_no_more_is_on_its_way_than_the_queues_hold():
    made, done, most = 0, 0, 0

    def source():
        nonlocal made, most
        for n in range(60):
            made += 1
            most = max(most, made - done)
            yield n

    for _ in pipeline.overlapped(source(), pipeline.each(lambda n: n), pipeline.each(lambda n: n), depth=3):
        time.sleep(0.003)  # the slowest: everything before it fills up
        done += 1
    assert done == 60 and 3 * 3 <= most <= 3 * (3 + 1) + 1
