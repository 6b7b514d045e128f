"""Where an output comes from and who agreed: consent ledger, signed manifest, watermark."""

from faceswap_lab.base.lazy import offered

__getattr__, __dir__ = offered(__name__, {"consent": "Ledger", "records": "PURPOSES", "verification": "verify"})
