"""Puts videos and pictures with swapped faces in their place: signed under a hidden name first, so that none appears unsigned."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.provenance import certificates, credentials
from faceswap_lab.video import pictures


@contextlib.contextmanager
def sealed(
    out: str | os.PathLike, hidden: Path, facts: credentials.Facts, enter: Callable[[Path], object] | None = None
) -> Iterator[Path]:
    """Gives a hidden path to write an output to; afterwards it is signed and put at its name, in this order.

    Args:
        out: the output, a file.
        hidden: a folder for this alone, on the same disk; it is removed. What a killed run left there is replaced.
        facts: what its manifest says.
        enter: called with the signed file before it gets its name, for the register of outputs.

    Raises:
        LabError: when it cannot be written or signed; it names `out`.
    """
    out = Path(out)
    unsigned = files.make_folder(hidden) / out.name
    files.remove_partial(hidden)
    try:
        yield unsigned
        credentials.sign(unsigned, facts, credentials.sidecar_of(out))
        if enter:
            enter(unsigned)
        with files.clear_write_errors(out):
            os.replace(unsigned, out)
            if credentials.holds_manifest(out):
                credentials.sidecar_of(out).unlink(missing_ok=True)  # of a file that was here before
    except LabError as error:
        raise LabError(str(error).replace(str(unsigned), str(out))) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def write_swapped(
    path: str | os.PathLike,
    image: np.ndarray,
    model: str = "",
    what: str = "",
    quality: float = 95,
    signing: certificates.Signing | None = None,
) -> None:
    """Writes a picture that shows faces made by a model, with its content credentials, in one step.

    Args:
        path: the file; its suffix chooses the format.
        image: (H, W, 3) uint8 RGB.
        model: whose faces they are.
        what: what the picture shows, in words.
        quality: as in `pictures.write_picture`.
        signing: the certificate; None: that of `certificates.signing`.

    Raises:
        LabError: when it cannot be written or signed.

    Example:
        >>> lab.write_swapped("swapped.png", frame, "quick_autoencoder")
        >>> lab.provenance.verify("swapped.png").state
        'valid'
    """
    write_signed(path, image, facts(Path(path), model, what), quality, signing)


def write_signed(
    path: str | os.PathLike,
    image: np.ndarray,
    facts: credentials.Facts,
    quality: float = 95,
    signing: certificates.Signing | None = None,
) -> None:
    """As `write_swapped`, with all that its manifest says; the title is the file's name."""
    path = Path(path)
    with files.atomic_path(path) as temporary:
        pictures.write_picture(temporary, image, quality)
        credentials.sign(temporary, dataclasses.replace(facts, title=path.name), credentials.sidecar_of(path), signing)


def facts(path: Path, model: str, what: str = "") -> credentials.Facts:
    """What is said of such a picture or video."""
    what = what or english("Among the faces shown are some that a neural network generated.")
    return credentials.Facts(title=path.name, model=model, description=what)
