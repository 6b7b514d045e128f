"""One step, several devices: the loss and the weights of two replicas or two hosts are those of one, at the same batch.

The trainings run in processes of their own (`distribution_worker.py`): two devices must be made before TensorFlow starts,
and JAX is chosen before Keras is imported.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.models import replicas
from faceswap_lab.training import distribution

WORKER = Path(__file__).parents[1].joinpath("distribution_worker.py")


def start(*arguments, backend="tensorflow"):
    """A worker; its output goes to files, since a host that waits for a full pipe to be read keeps all others waiting."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(WORKER), *map(str, arguments)]
    out, errors = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
    process = subprocess.Popen(command, env=environment, stdout=out, stderr=errors, text=True)
    return process, out, errors


def result(started):
    process, out, errors = started
    with out, errors:
        try:
            code = process.wait(timeout=600)
        finally:
            process.kill()
        out.seek(0), errors.seek(0)
        assert code == 0, errors.read()[-3000:]
        return json.loads(out.read().splitlines()[-1])


def assert_the_same_training(one, other):
    assert one["losses"].keys() == other["losses"].keys()
    for name, values in one["losses"].items():
        np.testing.assert_allclose(values, other["losses"][name], rtol=1e-4, atol=1e-4, err_msg=name)
    assert one["moved"] > 1e-3
    np.testing.assert_allclose(one["weights"], other["weights"], rtol=0, atol=1e-2 * one["moved"])


def test_two_devices_train_as_one():
    """An autoencoder and a GAN whose masks, mixup shares, noise and relativistic means would all differ if each device
    looked at its own rows alone."""
    found = result(start("autoencoder,relativistic", "--devices", 2))
    for kind in ("autoencoder", "relativistic"):
        assert_the_same_training(found[f"{kind}/one"], found[f"{kind}/all"])
        assert found[f"{kind}/banks"] == ["CPU:0", "CPU:1"]  # the faces lie on both


def test_two_hosts_train_as_one():
    pytest.importorskip("jax")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kinds = "autoencoder"  # a GAN takes minutes more to compile, three times
    both = [start(kinds, "--hosts", 2, "--host", host, "--port", port, backend="jax") for host in (0, 1)]
    try:
        alone, *found_by_hosts = (result(each) for each in (start(kinds, backend="jax"), *both))
    finally:
        for process, *_ in both:
            process.kill()  # where one fails, the other waits for it
    for found in found_by_hosts:
        for kind in kinds.split(","):
            assert_the_same_training(alone[kind], found[kind])


def test_a_part_keeps_its_own_rows_of_every_block():
    values = keras.ops.reshape(keras.ops.arange(24), (12, 2))  # two blocks of six rows, for three parts
    replicas.set_finder(lambda: replicas.Replica(1, 3))
    try:
        mine = keras.ops.convert_to_numpy(replicas.own_rows(values, blocks=2))
        assert float(replicas.share_of(6.0)) == 2.0
    finally:
        replicas.set_finder(None)
    np.testing.assert_array_equal(mine[:, 0] // 2, [2, 3, 8, 9])
    assert replicas.own_rows(values) is values


def test_one_device_changes_nothing():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("TensorFlow's way")
    with distribution.over_devices() as count:
        assert count == 1
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    def batches():
        yield ({"A": np.arange(3), "B": np.arange(3)},)

    (batch,) = next(distribution.feed(batches, model))
    np.testing.assert_array_equal(batch["A"], [0, 1, 2])
    assert distribution.hosts() == (0, 1) and distribution.own_folder("models/x") == Path("models/x")


def test_what_cannot_work_is_refused():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("TensorFlow's way")
    with pytest.raises(LabError, match="GPU:7: no such device"), distribution.over_devices(["CPU:0", "GPU:7"]):
        pass
    with pytest.raises(LabError, match="KERAS_BACKEND=jax"):
        distribution.join_hosts("127.0.0.1:1", 2, 0)


def test_a_batch_that_cannot_be_shared_is_refused():
    class Strategy:
        num_replicas_in_sync = 2

    class Model:
        distribute_strategy = Strategy()

    def batches():
        yield ({"A": np.arange(3), "B": np.arange(3)},)

    with pytest.raises(LabError, match="batch size 3 of A.*multiple of 2"):
        distribution.feed(batches, Model())
