"""Writes the bundled actors' consent records, data/consent, and what the warm start learnt from.

    python tools/actors_consent.py

Run it after clips of data/actors or data/sample were made anew. The people do not exist, so nobody granted anything on any
day; their records say so, and show what a real person's record looks like.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from faceswap_lab.base import files, weights  # noqa: E402
from faceswap_lab.course import actors, samples  # noqa: E402
from faceswap_lab.faces.sources import source_of, write_sources  # noqa: E402
from faceswap_lab.provenance.records import PURPOSES, ConsentRecord  # noqa: E402

PEOPLE = {"A": "actor_A", "B": "actor_B", "C": "stranger"}  # as the manifests call them: identity
SCOPE = "Anything: the pictures are under CC0 1.0, see data/README.md."
GRANTED_BY = "the makers of the pictures; a rendered person can neither be asked nor agree"


def shown(person: str) -> list[str]:
    """The identities whom a manifest's person names: "A<-B", "B+C" and "A_with_face_of_B" show two."""
    return [PEOPLE[letter] for letter in re.findall(r"(?<![A-Za-z])[ABC](?![A-Za-z])", person)]


def records() -> list[ConsentRecord]:
    """A record for each actor, with every bundled clip that shows the face or the head."""
    clips = [*actors.clips(), *actors.clips(manifest=samples.MANIFEST)]
    found = []
    for letter, identity in PEOPLE.items():
        sources = [source_of(clip.path) for clip in clips if identity in shown(clip.facts["person"])]
        person = f"actor {letter}, a rendered person who does not exist"
        found.append(ConsentRecord(identity, person, tuple(PURPOSES), GRANTED_BY, None, SCOPE, sources=tuple(sources)))
    return found


def main() -> None:
    """Writes all of it."""
    folder = files.make_folder(weights.data_folder() / "consent")
    for record in records():
        print(f"{record.write(folder)}: {len(record.sources)} clips")
    learnt = [source_of(actors.clip(f"train_{letter}").path, [PEOPLE[letter]]) for letter in "AB"]
    write_sources(weights.data_folder() / "weights" / "quick_autoencoder", learnt)


if __name__ == "__main__":
    main()
