"""The presets: three, frozen, growing; a name that does not exist is refused with those that do."""

import dataclasses

import pytest

from faceswap_lab.errors import LabError
from faceswap_lab.presets import PRESETS, preset


def test_names():
    assert list(PRESETS) == ["quick", "class", "full"]
    assert preset("quick").name == "quick"
    own = dataclasses.replace(preset("quick"), name="own", gan_steps=3)
    assert preset(own) is own


def test_unknown_name_lists_the_known():
    with pytest.raises(LabError, match="preset 'fast'.*quick, class, full"):
        preset("fast")


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        preset("quick").every = 2


def test_each_asks_for_more_than_the_one_before():
    presets = list(PRESETS.values())
    for smaller, larger in zip(presets, presets[1:], strict=False):
        for field in ("minutes", "autoencoder_steps", "gan_steps", "face_size"):
            assert getattr(smaller, field) <= getattr(larger, field)
    assert preset("full").autoencoder_steps == 40_000
    for one in presets:
        assert one.face_size % 16 == 0 and one.gan_size % 16 == 0
        assert all(value > 0 for value in dataclasses.asdict(one).values() if not isinstance(value, str))
