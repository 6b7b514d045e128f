"""A device that is out of memory: half the batch, once, and the run stays one run."""

import numpy as np
import pytest
import small
import tensorflow as tf

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.training import checkpoints, out_of_memory

FULL = "OOM when allocating tensor with shape[32,64,64,256]"


def starved(made, room: int):
    """The model on a device whose memory takes steps of `room` faces of each person at most."""
    step = made.train_step

    def train_step(data):
        beyond = tf.maximum(tf.shape(data[0]["A"])[0] - room, 0)  # what no machine can allocate, for each face too many
        with tf.control_dependencies([tf.reduce_sum(tf.random.normal([beyond, 10**7, 10**6]))]):
            return step(data)

    made.train_step = train_step
    return made


def test_half_the_batch_and_the_run_goes_on_as_one_that_began_with_it(tmp_path, capsys):
    halved = small.train(starved(one := small.model(), 4), tmp_path / "halved", 4, batch_size=8)
    said = capsys.readouterr().out
    assert said.count("out of memory with 2 x 8 faces") == 1 and "with half, 2 x 4" in said
    plain = small.train(other := small.model(), tmp_path / "plain", 4, batch_size=4)
    assert halved["loss"].tolist() == plain["loss"].tolist() and halved["step"].tolist() == [2, 4]
    for key, array in small.arrays(one).items():
        np.testing.assert_array_equal(array, small.arrays(other)[key], err_msg=key)
    (event,) = files.read_csv(tmp_path / "halved" / "events.csv").to_dict("records")
    assert event["kind"] == "memory" and "OOM when allocating" in event["text"]

    capsys.readouterr()
    again = starved(small.model(seed=1), 4)  # the whole batch is not tried again, and nothing is a change
    small.train(again, tmp_path / "halved", 8, batch_size=8)
    said = capsys.readouterr().out
    assert "out of memory" not in said and "other settings" not in said and "4 steps of 2 x 4 faces" in said
    small.train(other, tmp_path / "plain", 8, batch_size=4)
    for key, array in small.arrays(again).items():
        np.testing.assert_array_equal(array, small.arrays(other)[key], err_msg=key)


def test_memory_that_ends_later_goes_back_to_what_was_saved(tmp_path):
    made, calls = small.model(), []
    make = made.make_train_function

    def patched(force=False):
        if made.train_function is not None and not force:
            return
        make(force)
        step = made.train_function

        def train_function(iterator):
            calls.append(force)
            if len(calls) == 6:  # of another notebook on the same GPU
                raise tf.errors.ResourceExhaustedError(None, None, FULL)
            return step(iterator)

        made.train_function = train_function

    made.make_train_function = patched
    history = small.train(made, tmp_path, 8, batch_size=8)
    assert history["step"].tolist() == [2, 4, 6, 8]
    assert len(calls) == 5 + 1 + 4, "steps 5 to 8 were done again from the state of step 4, at half the batch"
    facts = files.read_json(tmp_path / "checkpoints" / "step_000008" / checkpoints.FACTS)["facts"]
    assert facts["settings"]["batch_size"] == 4 and facts["settings"]["halved_from"] == 8


def test_a_second_time_it_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(LabError, match="with 4 faces of each person, already half of 8 .*smaller batch_size.*float16"):
        small.train(starved(small.model(), 2), tmp_path, 4, batch_size=8)
    with pytest.raises(LabError, match="out of memory with one face of each person"):
        small.train(starved(small.model(), 0), tmp_path / "one", 4, batch_size=1)


def test_which_errors_are_meant():
    class XlaRuntimeError(RuntimeError):
        pass

    assert "3.2GiB" in out_of_memory.said(
        XlaRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 3.2GiB")
    )
    assert out_of_memory.said(type("OutOfMemoryError", (RuntimeError,), {})("CUDA"))
    try:
        try:
            raise XlaRuntimeError("RESOURCE_EXHAUSTED: Failed to allocate request")
        except XlaRuntimeError:
            raise RuntimeError("Array has been deleted") from None
    except RuntimeError as masked:
        assert "Failed to allocate" in out_of_memory.said(masked)
    assert not out_of_memory.said(ValueError("shapes (3,) and (4,) do not fit"))
    assert not out_of_memory.said(LabError("a.mp4: out of memory. No."))  # a sentence of our own passes as it is
