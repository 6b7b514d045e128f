"""faceswap_lab: a course that is also a working lab for video face swapping."""

__version__ = "0.4.0"

from faceswap_lab.base import environment, log_levels

log_levels.settle()
environment.settle()
