"""How the recipe does on captures of sources it never saw, where only whole captures have a label.

Two ways to hold out, told apart because they differ much:
`malicious-sources`: a malicious source at a time, and a fifth of the benign captures; benign captures
of the same source as those held out are trained on. `all-sources`: a source at a time, of either kind.
"""

import hashlib

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from data import SOURCES
from learners import Ensemble, weights

AT_MOST = 300
WAYS = ("malicious-sources", "all-sources")
# How much the labelled conversations weigh beside those of the captures.
SHARES = {"captures-only": 0.0, "with-labelled": 0.25}
# How the scores of a capture's conversations become one; services that every host uses are left out.
SUMMARIES = {
    "mean": np.mean,
    "max": np.max,
    "top3": lambda scores: np.sort(scores)[-3:].mean(),
}


def folds(captures, way):
    """Which fold each conversation is held out with."""
    if way == "all-sources":
        return captures.source
    bad = sorted(SOURCES["weak"]["malicious"])
    names = {name: bad[hashlib.sha256(name.encode()).digest()[0] % len(bad)] for name in set(captures.table.capture)}
    return np.where(captures.label == 1, captures.source, captures.table.capture.map(names))


def held_out(flows, captures, way, share):
    """The score of each conversation by a model that saw nothing of its fold."""
    own = weights(flows.table, flows.label)
    theirs = weights(captures.table, captures.label, AT_MOST)
    theirs[(captures.label == 1) & captures.noise] = 0
    rows = np.vstack([flows.rows, captures.rows])
    labels = np.r_[flows.label, captures.label]
    scores = np.zeros(len(captures.label))
    fold = folds(captures, way)
    for one in sorted(set(fold)):
        out = fold == one
        rest = np.where(out, 0, theirs)
        weight = np.r_[own * share, rest * own.sum() / rest.sum()]
        scores[out] = Ensemble().fit(rows, labels, weight).score(captures.rows[out])
    return scores


def evaluate(flows, captures, shipped):
    """Figures of both ways and both mixes, and of the model that is shipped, as it is."""
    told = {
        way: {mix: by_capture(captures, held_out(flows, captures, way, share)) for mix, share in SHARES.items()}
        for way in WAYS
    }
    return told | {"none": {"labelled-only (shipped)": by_capture(captures, shipped.score(captures.rows))}}


def by_capture(captures, scores):
    """Figures of whole captures, by how their conversations' scores are summed up."""
    table = captures.table[["capture"]].assign(score=scores, label=captures.label, source=captures.source)
    table = table[~captures.noise]
    told = {"captures": int(table.capture.nunique())}
    for name, summary in SUMMARIES.items():
        one = table.groupby("capture").agg(
            label=("label", "first"), source=("source", "first"),
            score=("score", lambda it: summary(it.to_numpy())),
        )
        benign, bad = one[one.label == 0].score, one[one.label == 1]
        told[name] = {
            "auc": roc_auc_score(one.label, one.score),
            "ap": average_precision_score(one.label, one.score),
            "found_at_5_percent": float((bad.score > benign.quantile(0.95)).mean()),
            "found_at_1_percent": float((bad.score > benign.quantile(0.99)).mean()),
            "sources_at_5_percent": {
                source: float((group.score > benign.quantile(0.95)).mean())
                for source, group in bad.groupby("source")
            },
        }
    return told
