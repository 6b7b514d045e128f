"""Training on more than one device, without an engine of our own: one way for several GPUs, one for several hosts.

**Several GPUs of one machine**, on TensorFlow, with `tf.distribute.MirroredStrategy`:

    with distribution.over_devices():
        model = FaceAutoencoder(original(128))
        model.set_faces(faces, masks)
        model.compile(optimizer=Adam(5e-5), jit_compile=False)
    training.fit(model, folder, counts, steps, batch_size=64)

**Several hosts** (or several processes), on JAX, with `keras.distribution.DataParallel`; every host runs the same script
with KERAS_BACKEND=jax, and only its own number differs:

    distribution.join_hosts("10.0.0.1:8476", hosts=2, host=0)
    model = ...                                                # made, compiled and fitted as on one machine
    training.fit(model, folder, counts, steps, batch_size=64)

The batch size is the whole batch's in both. The faces lie on every device, only indices travel. A step computes the same
loss as on one device with that batch, and the weights stay together, up to the order in which float32 numbers are
added: each face keeps its own random view (`models.replicas`), mixup has one share for the whole batch, masked means
and the relativistic discriminators' means are the whole batch's.

Not equal on several GPUs: the perceptual and the identity term look at `frozen_faces` faces *a device*, so at more faces
than one device looks at alone. On several hosts the autoencoder was seen to be equal; a GAN has not been run there to
its end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import keras

from faceswap_lab.base.errors import LabError
from faceswap_lab.models import replicas


def _backend(wanted: str, way: str) -> None:
    found = keras.backend.backend()
    if found != wanted:
        raise LabError(
            f"{way}: this runs on the {wanted} backend, and Keras runs on {found}. Set KERAS_BACKEND={wanted} before Python "
            "starts (in a notebook: restart the kernel first)."
        )


@contextlib.contextmanager
def over_devices(devices: list[str] | None = None) -> Iterator[int]:
    """Makes the models that are built inside train on several devices of this machine (TensorFlow).

    Args:
        devices: their names, such as ["GPU:0", "GPU:1"]; None: all GPUs. With one or none, nothing changes.

    Yields:
        How many devices share a batch. The batch size must be a multiple of it.

    Raises:
        LabError: on another backend than TensorFlow, or for a device that is not there.
    """
    _backend("tensorflow", "several devices")
    import tensorflow as tf

    there = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    chosen = [name for name in there if name.startswith("GPU")] if devices is None else list(devices)
    missing = sorted(set(chosen) - set(there))
    if missing:
        raise LabError(f"{', '.join(missing)}: no such device. TensorFlow sees {', '.join(there)}.")
    if len(chosen) < 2:
        yield 1
        return
    # Between GPUs NCCL would be the default; the hierarchical copy also runs where it is missing, and on CPUs.
    on_cpus = all(name.startswith("CPU") for name in chosen)
    strategy = tf.distribute.MirroredStrategy(
        chosen, cross_device_ops=tf.distribute.ReductionToOneDevice() if on_cpus else None
    )
    replicas.set_finder(_tensorflow_replica)
    with strategy.scope():
        yield strategy.num_replicas_in_sync


def _tensorflow_replica() -> replicas.Replica:
    """The replica that is being traced; alone outside of a strategy's step."""
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return replicas.ALONE
    return replicas.Replica(
        context.replica_id_in_sync_group,
        context.num_replicas_in_sync,
        lambda value: context.all_reduce(tf.distribute.ReduceOp.MEAN, value),
    )


def join_hosts(coordinator: str, hosts: int, host: int) -> None:
    """Makes this process one of several that train together (JAX); call it before anything else of Keras or JAX.

    Args:
        coordinator: address of host 0 with a free port, "10.0.0.1:8476".
        hosts: how many processes there are; the batch size must be a multiple of all their devices together.
        host: which of them this is, 0 to hosts - 1.

    Raises:
        LabError: on another backend than JAX, for numbers that do not fit, or when the others do not answer.
    """
    _backend("jax", "several hosts")
    if not 0 <= host < hosts:
        raise LabError(f"host {host} of {hosts}: there is none of that number. Hosts count from 0 to {hosts - 1}.")
    try:
        keras.distribution.initialize(coordinator, hosts, host)
    except (RuntimeError, ValueError) as error:
        raise LabError(
            f"{coordinator}: host {host} of {hosts} cannot join ({str(error).splitlines()[0][:160]}). Join before anything "
            "else runs, give every host the same address, and start all of them."
        ) from error
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))


def hosts() -> tuple[int, int]:
    """(this host's number, how many there are); (0, 1) when training on one."""
    if keras.backend.backend() != "jax" or keras.distribution.distribution() is None:
        return 0, 1
    import jax

    return jax.process_index(), jax.process_count()


def own_folder(folder: str | Path) -> Path:
    """Where this host keeps its files: the folder itself, or host_1, host_2, ... in it for all hosts but the first.

    Every host saves its own checkpoints, so no disk has to be shared. To go on after a stop, all must have the same newest
    one; `training.fit` says from which step each goes on.
    """
    host = hosts()[0]
    return Path(folder) / f"host_{host}" if host else Path(folder)


def feed(make_batches: Callable[[], Iterator[tuple[dict]]], model):
    """What `fit` is given so that every device and every host sees its own rows of the same batches, in the same order.

    Args:
        make_batches: makes an endless iterator over tuples of one dictionary {"A": (batch_size,) int32, "B": ...}; every
            call, and every host, begins with the same batch.
        model: made inside `over_devices`, after `join_hosts`, or on one device: then the iterator comes back as it is.

    Raises:
        LabError: when a batch cannot be shared out equally.
    """
    host, count = hosts()
    parts = getattr(getattr(model, "distribute_strategy", None), "num_replicas_in_sync", 1)
    (first,) = next(make_batches())
    for name, rows in first.items():
        if len(rows) % (count * parts):
            raise LabError(
                f"batch size {len(rows)} of {name}: {count * parts} devices cannot share it equally. Give a multiple of "
                f"{count * parts}."
            )
    if parts > 1:
        import tensorflow as tf

        # Keras opens a Python iterator twice here and loses the batches that the first opening read ahead; a dataset
        # begins anew each time.
        kind = ({name: tf.TensorSpec((None,), tf.int32) for name in first},)
        return tf.data.Dataset.from_generator(make_batches, output_signature=kind)
    if count > 1:
        return (({name: rows.reshape(count, -1)[host] for name, rows in batch.items()},) for (batch,) in make_batches())
    return make_batches()
