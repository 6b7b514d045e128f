"""Studies: what one notebook or one benchmark looks into."""
