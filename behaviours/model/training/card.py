"""The model card, in the form in which the product reads it, and what the evidence needs beside it."""

import numpy as np
from sklearn.metrics import roc_auc_score

import evidence
from data import SOURCES
from export import features_hash
from figures import families, rounded, threshold

QUANTILES = ("0.5", "0.9", "0.99", "0.999", "0.9999")
DESCRIPTION = (
    "Says of a conversation (a bidirectional flow) how likely it is part of an attack, from 79 numbers about it and about"
    " what its source did in the last five minutes. The mean of LightGBM, a random forest, extremely random trees and a"
    " logistic regression. For: pointing people and the product's alerts at hosts that are worth a look, with the"
    " site's own threshold (learning period), next to detectors with stated thresholds. Not for: blocking by itself,"
    " judging people, evidence of guilt, networks without a learning period. Known weaknesses: nine families,"
    " three of them with 6 to 30 conversations; benign traffic of a few laboratory hosts, so global thresholds do not"
    " transfer (as it is, it tells foreign captures apart little better than chance); a web download or one command"
    " channel on an odd port is missed at 0.1 %; labels are as their authors set them, repaired by one rule. Features'"
    " medians and histograms are those of the benign conversations."
)


def name_of(capture):
    """The name and licence of what a capture is from."""
    prefix = capture.split("-")[0]
    for told in SOURCES["licences"]:
        if f"({prefix}" in told["name"] or f"({capture}" in told["name"]:
            return told
    raise SystemExit(f"no licence is told for `{capture}`; `sources.json` would have to have one")


def training(flows):
    """What it was trained on, by source."""
    counted = {}
    for capture, label in zip(flows.table.capture, flows.label):
        told = name_of(capture)
        one = counted.setdefault(told["name"], {
            "name": f"{told['name']}. {told['citation']}", "licence": told["licence"], "benign": 0, "malicious": 0,
        })
        one["malicious" if label else "benign"] += 1
    return list(counted.values())


def by_family(flows, score):
    """A line a family, and `macro`."""
    limits = [threshold(score[flows.benign], rate) for rate in (0.001, 0.01)]
    lines = []
    for name in families(flows):
        own = flows.of(name)
        both = own | flows.benign
        lines.append({
            "family": name, "flows": int(own.sum()), "auc": roc_auc_score(own[both], score[both]),
            "at_one_in_thousand": (score[own] > limits[0]).mean(), "at_one_in_hundred": (score[own] > limits[1]).mean(),
        })
    mean = {key: np.mean([line[key] for line in lines]) for key in ("auc", "at_one_in_thousand", "at_one_in_hundred")}
    lines.append({"family": "macro", "flows": int((~flows.benign).sum()), **mean})
    return [rounded(line) for line in lines]


def spread(values):
    """Ten parts of a feature: tenths, but what most conversations have in common is a part of its own."""
    lowest = values.min()
    more = values[values > lowest]
    if len(more) == 0:
        edges = np.full(9, lowest + 0.5)
    elif len(more) < 0.9 * len(values):
        edges = np.r_[(lowest + more.min()) / 2, np.quantile(more, np.arange(1, 9) / 9, method="lower")]
    else:
        edges = np.quantile(values, np.arange(1, 10) / 10, method="lower")
    edges = np.sort(np.array([float(f"{edge:.6g}") for edge in edges]).astype(np.float32))
    parts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=10)
    return {"edges": [float(str(edge)) for edge in edges], "shares": rounded(list(parts / len(values)), 6)}


def quantiles(score):
    """Benign scores by share."""
    return {share: float(np.quantile(score, float(share))) for share in QUANTILES}


def thresholds(score):
    """Those that 0.1 % and 1 % of the benign lie above."""
    return {"attack": threshold(score, 0.001), "suspect": threshold(score, 0.01)}


def card(flows, held, name, version, created):
    """The card of the model by itself: its thresholds are for its probabilities as they are."""
    benign = held[flows.benign]
    rows = flows.rows[flows.benign]
    return {
        "name": name, "version": version, "created": created, "description": DESCRIPTION, "features": features_hash(),
        "training": training(flows), "figures": by_family(flows, held), "thresholds": thresholds(benign),
        "benign": quantiles(benign), "medians": [float(f"{it:.6g}") for it in np.median(rows, axis=0)],
        "histograms": [spread(column) for column in rows.T],
    }


def squeezed(score):
    """The score of the evidence within 0 and 1: 1 / (1 + e^(-score / 2))."""
    return 1 / (1 + np.exp(-score / 2))


def evidence_card(flows, score):
    """All that the product needs to reckon the evidence and to judge by it."""
    benign = squeezed(score)[flows.benign]
    return {
        "recipe": {
            "clip": evidence.CLIP, "prior": evidence.PRIOR,
            "usual": {"by": ["source", "destination port"], "seconds": evidence.USUAL_SECONDS, "weight": evidence.USUAL_WEIGHT},
            "heaped": {"by": ["source"], "seconds": evidence.HEAPED_SECONDS, "weight": evidence.HEAPED_WEIGHT},
            "squeezed": "1 / (1 + exp(-score / 2))",
        },
        "thresholds": thresholds(benign), "benign": quantiles(benign), "figures": by_family(flows, score),
    }


def example(flows, probability, score, count=200):
    """A few hundred conversations of one capture with what comes out, to check another implementation."""
    rows = np.flatnonzero(flows.table.capture == "sdt-001")[:count]
    table = flows.table.iloc[rows]
    return [
        {"end": round(float(end), 6), "source": src, "port": int(port), "probability": float(np.float32(p)), "score": round(float(s), 5)}
        for end, src, port, p, s in zip(table.end, table.src, table.dport, probability[rows], score[rows])
    ]
