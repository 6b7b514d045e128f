"""People from numbers: the cast of the base model's training data, drawn from the mesh's space of shapes.

`person(number)` is one of 28 people who do not exist. Age, skin tone and sex are spread evenly over the cast (each person
has a rank of its own in each); everything else comes from the person's seed: the mesh's shape targets, hair, brows, beard,
freckles, make-up, glasses. Four of them are held out: no training sees them, so that a model can be judged on strangers.
"""

from __future__ import annotations

import numpy as np

from faceswap_lab.base.errors import LabError

from .cast import Actor, Hair

COUNT = 28
PEOPLE = tuple(f"P{number:02d}" for number in range(1, COUNT + 1))
HELD_OUT = ("P06", "P13", "P20", "P27")
TRAINING = tuple(name for name in PEOPLE if name not in HELD_OUT)
# people whose first seed looked wrong, or like somebody else
RESEEDED = {
    "P02": 8002,
    "P09": 8009,
    "P10": 9202,
    "P14": 9502,
    "P17": 9041,
    "P18": 9410,
    "P20": 9300,
    "P22": 8022,
    "P27": 9100,
}

# MakeHuman's shape targets that come in pairs, with the deviation of their weights
SHAPES = {
    "head/head": [("fat-decr", "fat-incr", 0.35), ("scale-horiz-decr", "scale-horiz-incr", 0.35)],
    "head/head-scale": [("vert-decr", "vert-incr", 0.3), ("depth-decr", "depth-incr", 0.25)],
    "forehead/forehead": [
        ("scale-vert-decr", "scale-vert-incr", 0.5),
        ("nubian-decr", "nubian-incr", 0.4),
        ("temple-decr", "temple-incr", 0.5),
        ("trans-backward", "trans-forward", 0.4),
    ],
    "eyebrows/eyebrows": [
        ("angle-down", "angle-up", 0.6),
        ("trans-down", "trans-up", 0.5),
        ("trans-backward", "trans-forward", 0.5),
    ],
    "eyes/eye": [
        ("scale-decr", "scale-incr", 0.45),
        ("height2-decr", "height2-incr", 0.35),
        ("corner1-down", "corner1-up", 0.5),
        ("corner2-down", "corner2-up", 0.5),
        ("eyefold-down", "eyefold-up", 0.5),
        ("trans-in", "trans-out", 0.45),
        ("trans-down", "trans-up", 0.3),
        ("push1-in", "push1-out", 0.3),
    ],
    "nose/nose": [
        ("hump-decr", "hump-incr", 0.5),
        ("curve-concave", "curve-convex", 0.4),
        ("point-down", "point-up", 0.5),
        ("point-width-decr", "point-width-incr", 0.5),
        ("scale-depth-decr", "scale-depth-incr", 0.4),
        ("scale-vert-decr", "scale-vert-incr", 0.45),
        ("width1-decr", "width1-incr", 0.4),
        ("width2-decr", "width2-incr", 0.5),
        ("width3-decr", "width3-incr", 0.5),
        ("flaring-decr", "flaring-incr", 0.4),
        ("greek-decr", "greek-incr", 0.4),
        ("volume-decr", "volume-incr", 0.35),
    ],
    "mouth/mouth": [
        ("scale-horiz-decr", "scale-horiz-incr", 0.5),
        ("trans-down", "trans-up", 0.4),
        ("upperlip-volume-decr", "upperlip-volume-incr", 0.5),
        ("lowerlip-volume-decr", "lowerlip-volume-incr", 0.5),
        ("upperlip-height-decr", "upperlip-height-incr", 0.4),
        ("lowerlip-height-decr", "lowerlip-height-incr", 0.4),
        ("cupidsbow-decr", "cupidsbow-incr", 0.6),
        ("angles-down", "angles-up", 0.35),
    ],
    "cheek/cheek": [
        ("bones-decr", "bones-incr", 0.55),
        ("volume-decr", "volume-incr", 0.5),
        ("inner-decr", "inner-incr", 0.4),
    ],
    "chin/chin": [
        ("width-decr", "width-incr", 0.6),
        ("height-decr", "height-incr", 0.45),
        ("prominent-decr", "prominent-incr", 0.4),
        ("bones-decr", "bones-incr", 0.5),
        ("jaw-drop-decr", "jaw-drop-incr", 0.4),
    ],
    "ears/ear": [("scale-decr", "scale-incr", 0.4), ("wing-decr", "wing-incr", 0.4)],
}
BOLD = 0.65  # of those deviations: more makes caricatures
HEADS = ("oval", "round", "square", "diamond", "rectangular", "triangular", "invertedtriangular")
# linear RGB, from very light to very dark
TONES = np.array(
    [
        [0.66, 0.42, 0.33],
        [0.53, 0.30, 0.21],
        [0.42, 0.225, 0.14],
        [0.30, 0.15, 0.085],
        [0.175, 0.082, 0.046],
        [0.085, 0.040, 0.025],
        [0.042, 0.022, 0.016],
    ]
)
HAIRS = np.array(
    [
        [0.42, 0.27, 0.12],
        [0.24, 0.13, 0.05],
        [0.23, 0.065, 0.018],
        [0.13, 0.056, 0.024],
        [0.055, 0.026, 0.013],
        [0.018, 0.012, 0.009],
        [0.008, 0.007, 0.007],
    ]
)
IRISES = np.array(
    [[0.06, 0.13, 0.22], [0.10, 0.14, 0.17], [0.075, 0.115, 0.06], [0.09, 0.05, 0.018], [0.045, 0.021, 0.008]]
)
LIPSTICKS = np.array([[0.42, 0.02, 0.03], [0.50, 0.07, 0.14], [0.22, 0.02, 0.05], [0.45, 0.13, 0.09]])
SHADOWS = np.array([[0.05, 0.03, 0.04], [0.05, 0.09, 0.17], [0.17, 0.06, 0.11], [0.14, 0.07, 0.03]])


def _rank(number: int, seed: int) -> float:
    """The person's place from 0 to 1 in an order of the whole cast that `seed` shuffles."""
    return (np.random.default_rng(seed).permutation(COUNT)[number] + 0.5) / COUNT


def _between(table: np.ndarray, share: float) -> np.ndarray:
    """The colour at `share`, 0 to 1, of a table of colours; mixed in logarithms, as pigments mix."""
    at = np.linspace(0, 1, len(table))
    return np.exp([np.interp(share, at, np.log(column)) for column in table.T])


def _colour(values: np.ndarray) -> tuple[float, float, float]:
    return tuple(round(float(value), 4) for value in np.clip(values, 0, 1))


def _shape(random: np.random.Generator, age: float) -> dict[str, float]:
    """Weights of the shape targets: a head's outline, and each pair of targets to one side or the other."""
    shape = {f"head/head-{random.choice(HEADS)}": round(float(random.uniform(0.3, 0.9)), 3)}
    for stem, pairs in SHAPES.items():
        for less, more, deviation in pairs:
            weight = float(np.clip(random.normal(0, BOLD * deviation), -1, 1))
            shape[f"{stem}-{more if weight > 0 else less}"] = round(abs(weight), 3)
    if random.uniform() < 0.6:
        shape["eyes/eye-bag-incr"] = round(0.2 + 0.6 * age, 3)
    if random.uniform() < 0.25:
        shape["chin/chin-cleft-incr"] = round(float(random.uniform(0.3, 0.8)), 3)
    shape["mouth/mouth-laugh-lines-in"] = round(0.6 * age, 3)
    return shape


def _race(random: np.random.Generator, tone: float) -> dict[str, float]:
    """Shares of MakeHuman's three kinds of head: mixed, and leaning to what goes with the tone most often."""
    lean = {"african": 0.15 + 5 * max(0.0, tone - 0.5), "asian": 1.1 - 0.7 * tone, "caucasian": 1.4 - 1.1 * tone}
    shares = random.dirichlet([0.7 * weight for weight in lean.values()])
    shares = np.round(shares, 3)
    shares[shares.argmax()] += 1 - shares.sum()
    return {name: round(float(share), 3) for name, share in zip(lean, shares, strict=True)}


def _hair(random: np.random.Generator, tone: float, age: float, male: bool) -> Hair:
    dark = float(np.clip(random.uniform(0.0, 0.95) + 1.1 * max(0.0, tone - 0.3), 0, 1))
    long = random.uniform() < (0.12 if male else 0.72)
    shortest = random.uniform(0.5, 1.9) if long else random.choice([0.05, 0.14, 0.22, 0.35])
    coils = random.uniform() < (0.8 if tone > 0.65 else 0.12)
    return Hair(
        style="long" if long else "short",
        colour=_colour(_between(HAIRS, dark)),
        length=(round(float(shortest), 3), round(float(shortest * random.uniform(1.25, 1.9)), 3)),
        strands=13000 if long else 15000,
        grey=round(float(np.clip(random.uniform(0.6, 1.5) * (age - 0.3) * 1.5, 0, 0.95)), 3),
        line=round(
            float(np.clip(random.normal(0, 2.5), -5, 4) + (random.choice([0, 5, 12]) * (0.3 + age) if male else 0)), 2
        ),
        clump=round(float(random.uniform(0.3, 0.8)), 3),
        curl=round(float(random.uniform(0.02, 0.06)), 3) if coils else 0.0,
    )


def person(name: str) -> Actor:
    """One of the cast, the same whenever asked for.

    Raises:
        LabError: when there is nobody of that name.
    """
    if name not in PEOPLE:
        raise LabError(f"{name}: nobody of the cast has this name. It has {PEOPLE[0]} to {PEOPLE[-1]}.")
    number = PEOPLE.index(name)
    seed = RESEEDED.get(name, 7000 + number)
    return drawn(name, seed, number % 2 == 1, _rank(number, 41), _rank(number, 42) ** 1.2)


def drawn(name: str, seed: int, male: bool, tone: float, age: float) -> Actor:
    """A person who does not exist, the same for the same numbers.

    Args:
        name: what the person is called.
        seed: of everything that the next three leave open.
        male: sex. tone: of the skin, 0 very light to 1 very dark. age: 0 young to 1 old.
    """
    random = np.random.default_rng(seed)
    skin = _between(TONES, tone) * np.exp(random.normal(0, 0.04, 3))
    hair = _hair(random, tone, age, male)
    made_up = not male and random.uniform() < 0.55
    bare = skin * random.uniform([0.75, 0.40, 0.48], [0.95, 0.55, 0.66])
    lips = LIPSTICKS[random.integers(len(LIPSTICKS))] if made_up and random.uniform() < 0.75 else bare
    bearded = male and random.uniform() < 0.45
    pale = 1 - min(1.0, 1.6 * tone)
    return Actor(
        name=name,
        seed=seed,
        gender=round(float(random.uniform(0.7, 1) if male else random.uniform(0, 0.3)), 3),
        age=round(age, 3),
        race=_race(random, tone),
        shape=_shape(random, age),
        skin=_colour(skin),
        lips=_colour(lips),
        iris=_colour(IRISES[-1 if random.uniform() > 0.15 + pale else random.integers(len(IRISES) - 1)]),
        brows=_colour(0.5 * np.array(hair.colour) + (0.12 * hair.grey if age > 0.6 else 0.0)),
        cloth=_colour(random.uniform(0.02, 0.45, 3) ** 1.3),
        hair=hair,
        freckles=round(float(random.choice([0.0, 0.1, random.uniform(0.3, 1)])) * (0.3 + 0.7 * pale), 3),
        stubble=round(float(random.uniform(0.3, 1.0)), 3) if bearded or male and random.uniform() < 0.5 else 0.0,
        beard=round(float(random.uniform(0.04, 0.16)), 3) if bearded else 0.0,
        wrinkles=round(0.05 + 0.9 * age, 3),
        redness=round(float(random.uniform(0.2, 0.8)), 3),
        brow_width=round(float(random.uniform(0.022, 0.05)), 4),
        brow_strands=int(random.integers(120, 420)),
        moles=tuple(
            (round(float(random.uniform(-0.5, 0.5)), 3), round(float(random.uniform(-0.9, 0.5)), 3))
            for _ in range(random.integers(0, 3))
        ),
        makeup=round(float(random.uniform(0.35, 0.9)), 3) if made_up else 0.0,
        lids=_colour(SHADOWS[random.integers(len(SHADOWS))]),
        glasses=str(random.choice(["round", "square"])) if random.uniform() < 0.1 else "",
    )
