"""Studies: what one notebook or one benchmark looks into."""

from faceswap_lab.base.lazy import offered

__getattr__, __dir__ = offered(__name__, {})
