"""What may be noticed in a face set, and in two: a sentence that says what it means, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was noticed.

    Args:
        name: few_faces, small, low_resolution, blurred, noisy, dark, one_light, frontal, several_people, duplicates, one_clip,
            unknown_poses, unknown_mouth, other_light, mixed_up, same_person.
        about: "A", "B", or the direction ("A<-B").
        severity: note, warning or alarm.
        number, unit: what was measured.
        sentence: what it means. advice: what to do.
    """

    name: str
    about: str
    severity: str
    number: float
    unit: str
    sentence: str
    advice: str


# What a finding means and what to do, in English; `diagnosis_report` shows it in the reader's language.
SENTENCES = {
    "few_faces": (
        "Faces of {who} that differ: {distinct} of {faces}. A model learns so few by heart.",
        "Film longer, with head turns and speech; 150 that differ are enough.",
    ),
    "blurred": (
        "{who}'s faces are blurred in one direction: the camera or the head moved while the shutter was open.",
        "Film with more light (a shorter exposure) and a still camera, or extract with min_sharpness.",
    ),
    "low_resolution": (
        "{who}'s faces carry detail of about {pixels:.0f} px only: they were enlarged, or out of focus.",
        "Take the original clip rather than a copy from the web, come nearer, or focus on the eyes.",
    ),
    "small": (
        "{who}'s faces are small in their frames: {number:.0f} px between the eyes.",
        "Come nearer or film in a higher resolution; 40 px serve a 64-px model, 75 px a 128-px one.",
    ),
    "noisy": (
        "{who}'s faces are mostly noise at the pixels' scale.",
        "More light, or a camera with a larger sensor; a denoiser before extraction helps a little.",
    ),
    "dark": (
        "{who}'s faces are dark ({number:.0%} of white): shadows hide what the model should learn.",
        "Film in daylight or with a lamp in front; brightening afterwards only brightens the noise.",
    ),
    "one_light": (
        "All of {who}'s faces are lit alike: the model cannot tell skin from light.",
        "Add clips in other lights: by a window, outdoors, under a lamp.",
    ),
    "frontal": (
        "{who}'s head hardly turns: {number:.0f} degrees of yaw and {pitch:.0f} of pitch between the 5th and 95th percentile.",
        "Add a clip in which the head turns slowly left, right, up and down.",
    ),
    "several_people": (
        "{number:.0%} of {who}'s faces are another person's: the model would mix them.",
        "Extract again with like=[a picture or two of the right person], or group by identity and reject the others.",
    ),
    "duplicates": (
        "{number:.0%} of {who}'s faces nearly repeat others.",
        "They cost time and teach nothing: take every n-th frame, or extract with min_difference.",
    ),
    "one_clip": (
        "{number:.0%} of {who}'s faces come from one of {clips} clips.",
        "Its light and background weigh most; take fewer frames of it.",
    ),
    "unknown_poses": (
        "{number:.0%} of {one}'s poses are further than {degrees:.0f} degrees from any of {other}'s: a guess.",
        "Film {other} in these poses (see the map), or leave out those parts of {one}'s clip.",
    ),
    "unknown_mouth": (
        "In {number:.0%} of {one}'s faces the mouth is open wider than {other}'s ever is: teeth and tongue would be invented.",
        "Let {other} speak and laugh in the clip.",
    ),
    "other_light": (
        "{one} and {other} are lit differently ({number:.0%} of white apart).",
        "Film {other} in a light like {one}'s, or in several.",
    ),
    "same_person": (
        "A and B look like the same person to the recognition network: a swap would change little.",
        "Check that the right clips were given.",
    ),
    "mixed_up": (
        "{number:.0%} of {who}'s faces are {other}'s.",
        "Reject them (group by identity), or extract {who} again with unlike=[a picture of {other}].",
    ),
}


def finding(name: str, about: str, severity: str, number: float, unit: str, **values: object) -> Finding:
    """A finding of `SENTENCES`; `values` are what its sentences name besides `who` (it is about) and `number`."""
    said = (text.format(who=about, number=number, **values) for text in SENTENCES[name])
    return Finding(name, about, severity, float(number), unit, *said)
