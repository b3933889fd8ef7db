"""Evidence: what a source did before adds to what a conversation says by itself.

With p the model's probability, and conversations taken in the order in which they end:

    z      = ln(p / (1 - p)), p held within 0.0001 and 0.9999
    usual  = mean of z over (source, destination port), weights fading by e^(-seconds/3600),
             with one more of PRIOR and weight 1; the conversation itself is part of it
    heaped = sum of max(0, z) over the source, fading by e^(-seconds/300); itself too
    score  = z + 1.0 * usual + 0.5 * ln(1 + heaped)

Constant work and two small entries of memory a conversation; nothing is read ahead.
"""

import numpy as np

CLIP = 1e-4
PRIOR = -6.0
USUAL_SECONDS = 3600.0
HEAPED_SECONDS = 300.0
USUAL_WEIGHT = 1.0
HEAPED_WEIGHT = 0.5


def odds(share):
    """The log-odds of a probability."""
    share = np.clip(share, CLIP, 1 - CLIP)
    return np.log(share / (1 - share))


def score(table, share):
    """The score of each conversation; each capture is remembered by itself."""
    z = odds(share)
    usual = faded(table, z, ["src", "dport"], USUAL_SECONDS, prior=PRIOR)
    heaped = faded(table, np.maximum(z, 0), ["src"], HEAPED_SECONDS)
    return z + USUAL_WEIGHT * usual + HEAPED_WEIGHT * np.log1p(heaped)


def faded(table, values, by, seconds, prior=None):
    """The fading mean (with a prior) or sum of the values so far, by capture and these columns."""
    made = np.zeros(len(values))
    end = table.end.to_numpy()
    for _, rows in table.groupby(["capture", *by], sort=False).indices.items():
        total, weight, last = 0.0, 0.0, end[rows[0]]
        for row in rows:
            fade = np.exp(-max(0.0, end[row] - last) / seconds)
            total, weight, last = total * fade + values[row], weight * fade + 1, end[row]
            made[row] = total if prior is None else (total + prior) / (weight + 1)
    return made
