"""Scores of conversations by models that saw nothing of their family, nor of a second one.

`outer[part]` has for each conversation what a model says that was fitted without its fold.
`inner[part][k]` has what models say that were fitted without fold k and without the conversation's
own: all that may be looked at when something is chosen for fold k.
"""

from itertools import combinations

import numpy as np

from learners import PARTS, Ensemble, weights


def scores(flows, tell=print):
    """Fits one ensemble a fold and one a pair of folds."""
    names = sorted(set(flows.fold))
    weight = weights(flows.table, flows.label)
    outer = {part: np.zeros(len(weight)) for part in PARTS}
    inner = {part: np.full((len(names), len(weight)), 0.5) for part in PARTS}
    pairs = [(k, k) for k in range(len(names))] + list(combinations(range(len(names)), 2))
    for done, (k, j) in enumerate(pairs, 1):
        out_k, out_j = flows.fold == names[k], flows.fold == names[j]
        model = Ensemble().fit(flows.rows, flows.label, np.where(out_k | out_j, 0, weight))
        for part, made in model.each(flows.rows[out_j]).items():
            if k == j:
                outer[part][out_j] = made
            else:
                inner[part][k, out_j] = made
        if k != j:
            for part, made in model.each(flows.rows[out_k]).items():
                inner[part][j, out_k] = made
        if done % 11 == 0:
            tell(f"held out: {done} of {len(pairs)} fits")
    return names, outer, inner
