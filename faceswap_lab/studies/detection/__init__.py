"""Was this face swapped? Detectors small enough to read, and trials that show how far each can be trusted.

`coding` and `material` make what detectors are tried on: the same moments, real and swapped, through the same coder, split by
time. `spectrum`, `meso`, `claims` and `signs` are detectors: each has `name` and is called with `Crops`, to give one number a
face, larger where a swap is more likely. `evidence` turns such numbers into an AUC with an interval, a threshold, and into how many
alarms are false; `trials` tries detectors where they were trained and everywhere else. `marks` reads what a film says of itself.

Nothing here makes a swap harder to find, and no detector here is fit to judge a film from the street: see notebook 09 for why.
"""
