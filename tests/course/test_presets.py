"""The presets: three, frozen, growing; a name that does not exist is refused with those that do."""

import dataclasses

import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.course.presets import PRESETS, preset


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


def test_networks_sizes_and_precisions_are_refused_by_name():
    quick = preset("quick")
    assert quick.choose(autoencoder="", gan_steps=0) == quick
    assert quick.choose(autoencoder="original", precision="mixed_float16").precision == "mixed_float16"
    with pytest.raises(LabError, match="autoencoder 'orginal': there is none .*quick, original, low_memory"):
        quick.choose(autoencoder="orginal")
    with pytest.raises(LabError, match="gan 'large'.*quick, standard, lite"):
        quick.choose(gan="large")
    with pytest.raises(LabError, match="precision 'half'.*float32, mixed_bfloat16, mixed_float16"):
        quick.choose(precision="half")
    with pytest.raises(LabError, match="'original': it has no form for 256-px faces.*64, 96, 128"):
        quick.choose(autoencoder="original", face_size=256)
    with pytest.raises(LabError, match="'quick': it has no form for 100-px faces.*multiples of 16"):
        quick.choose(gan_size=100)


def test_the_scales_are_what_they_say():
    quick, lesson, full = PRESETS.values()
    assert (quick.autoencoder, quick.gan, quick.precision) == ("quick", "quick", "float32")
    assert (lesson.face_size, lesson.gan_size, lesson.precision) == (128, 128, "mixed_float16")
    assert (full.autoencoder, full.gan) == ("original", "standard")
    assert full.choose(gan_size=256).gan_size == 256  # the published network's other size
