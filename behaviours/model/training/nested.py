"""What figures are left when even the recipe is chosen without a look at the held-out family.

For each fold the mean of learners and the weights of the evidence are chosen by the inner scores
alone: by the sum of the macro shares found at 0.1 % and 1 %. Scores of different folds are then put
on one scale by the inner benign quantiles (0 is the median, 1 is the 99.9 % quantile).
"""

from itertools import product

import numpy as np

import evidence
from figures import families, figures, threshold

MIXES = {
    "all four": ("boosted", "forest", "random", "linear"),
    "without random trees": ("boosted", "forest", "linear"),
    "trees": ("boosted", "forest", "random"),
}
USUAL = (("none", 0.0), ("pair", 0.5), ("pair", 1.0), ("port", 0.5), ("port", 1.0))
HEAPED = (0.0, 0.5, 1.0)
COLUMNS = {"pair": ["src", "dst"], "port": ["src", "dport"]}


def candidates(flows, parts):
    """Every recipe's score."""
    made = {}
    for mix, members in MIXES.items():
        z = evidence.odds(np.mean([parts[part] for part in members], axis=0))
        usual = {by: evidence.faded(flows.table, z, columns, evidence.USUAL_SECONDS, evidence.PRIOR) for by, columns in COLUMNS.items()}
        heaped = np.log1p(evidence.faded(flows.table, np.maximum(z, 0), ["src"], evidence.HEAPED_SECONDS))
        for (by, much), more in product(USUAL, HEAPED):
            made[mix, by, much, more] = z + (much * usual[by] if much else 0) + more * heaped
    return made


FIXED = ("all four", "port", evidence.USUAL_WEIGHT, evidence.HEAPED_WEIGHT)
PLAIN = ("all four", "none", 0.0, 0.0)


def evaluate(flows, names, outer, inner):
    """The nested choice, and the fixed recipe with thresholds that the training families gave."""
    held = candidates(flows, outer)
    nested, chosen = np.zeros(len(flows.label)), {}
    scaled = {recipe: np.zeros(len(flows.label)) for recipe in (FIXED, PLAIN)}
    rates = (0.001, 0.005, 0.01)
    decided = {recipe: {rate: np.zeros(len(flows.label), bool) for rate in rates} for recipe in scaled}
    for k, name in enumerate(names):
        out = flows.fold == name
        known = candidates(flows, {part: np.where(out, 0.5, inner[part][k]) for part in inner})
        benign = flows.benign & ~out
        rest = [one for one in families(flows) if one != name]

        def worth(score):
            return sum(
                np.mean([(score[flows.of(one)] > limit).mean() for one in rest])
                for limit in (threshold(score[benign], 0.001), threshold(score[benign], 0.01))
            )

        best = max(sorted(known), key=lambda recipe: round(worth(known[recipe]), 9))
        chosen[name] = list(best)
        nested[out] = on_scale(held[best], known[best], benign)[out]
        for recipe, made in scaled.items():
            made[out] = on_scale(held[recipe], known[recipe], benign)[out]
            for rate in rates:
                decided[recipe][rate][out] = held[recipe][out] > threshold(known[recipe][benign], rate)
    return {
        "chosen": chosen,
        "nested": figures(flows, nested),
        "fixed": figures(flows, scaled[FIXED]),
        "plain": figures(flows, scaled[PLAIN]),
    }, decided[FIXED], decided[PLAIN], held


def on_scale(score, known, benign):
    """A score on the scale of the benign ones that were known."""
    low, high = np.quantile(known[benign], [0.5, 0.999])
    return (score - low) / (high - low)
