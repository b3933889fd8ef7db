"""Figures of a score: what it finds at a rate of false alarms, by family."""

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

RATES = (0.001, 0.01)


def threshold(benign, rate):
    """What so much of the benign lies above."""
    return float(np.quantile(benign, 1 - rate))


def figures(flows, score):
    """AUC, AP, and what is found at each rate: by family, their mean (macro), and of all flows (micro)."""
    told = {
        "auc": roc_auc_score(flows.label, score),
        "ap": average_precision_score(flows.label, score),
    }
    for rate in RATES:
        found = score > threshold(score[flows.benign], rate)
        told[f"at_{rate}"] = decided(flows, found)
    return rounded(told)


def decided(flows, found):
    """What a decision finds, by family, and how much of the benign it alarms on."""
    by = {name: float(found[flows.of(name)].mean()) for name in families(flows)}
    return rounded({
        "false_alarms": float(found[flows.benign].mean()),
        "macro": float(np.mean(list(by.values()))),
        "micro": float(found[~flows.benign].mean()),
        "families": by,
    })


def families(flows):
    """The families, in the order of their names."""
    return sorted(set(flows.family[~flows.benign]))


def rounded(told, digits=4):
    """Numbers as they are written down."""
    if isinstance(told, dict):
        return {key: rounded(value, digits) for key, value in told.items()}
    if isinstance(told, (list, tuple)):
        return [rounded(value, digits) for value in told]
    return round(float(told), digits) if isinstance(told, (float, np.floating)) else told
