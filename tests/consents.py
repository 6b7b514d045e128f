"""Consents for tests: clips that a test makes get one, as a person's own clips do."""

from pathlib import Path

from faceswap_lab.provenance.consent import Ledger


def consented(path):
    """Writes the consent of a rendered person to a clip that a test made, unless it has one; gives the path back."""
    ledger = Ledger.load()
    if not ledger.find(path):
        ledger.grant("tested", [path], person="a rendered person of a test")
    return Path(path)
