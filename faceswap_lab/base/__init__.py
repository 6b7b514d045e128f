"""Ground floor: errors, files, the machine, weights, what comes from strangers. Knows nothing of pictures."""
