"""Other recipes in the same run: ScytheEx's two, an isolation forest, and the invalid random split."""

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data import FEATURES
from figures import figures, threshold
from learners import SEED, Boosted, Ensemble, Forest, Linear, weights

ENCRYPTED = [22, 443, 465, 500, 587, 636, 989, 990, 992, 993, 995, 1194]
COMMON = [21, 22, 23, 25, 53, 80, 110, 143, 443, 3306, 3389, 5900]
STATES = ["OTH", "REJ", "RSTO", "RSTOS0", "RSTR", "RSTRH", "S0", "S1", "S2", "S3", "SF", "SH", "SHR"]


def nine(flows):
    """ScytheEx's features: protocol, flags, bytes, port, bytes a packet, packets and bytes a second,
    whether encrypted, whether common."""
    count = lambda name: np.expm1(flows.rows[:, FEATURES.index(name)].astype(np.float64))
    size = count("l_orig_ip_bytes") + count("l_resp_ip_bytes")
    packets = count("l_orig_pkts") + count("l_resp_pkts")
    seconds = np.maximum(count("l_duration"), 1e-3)
    table = flows.table
    return np.column_stack([
        table.proto.map({"icmp": 0, "tcp": 1, "udp": 2}).fillna(3),
        table.state.map({name: at for at, name in enumerate(STATES)}).fillna(-1),
        size, table.dport, size / np.maximum(packets, 1), packets / seconds, size / seconds,
        table.dport.isin(ENCRYPTED), table.dport.isin(COMMON),
    ]).astype(np.float64)


class Plain:
    """A model of scikit-learn that takes no weights."""

    def __init__(self, model, benign_only=False):
        self.model, self.benign_only = model, benign_only

    def fit(self, rows, labels, weight):
        if self.benign_only:
            self.model.fit(rows[labels == 0])
        else:
            self.model.fit(rows, labels)
        return self

    def score(self, rows):
        return -self.model.score_samples(rows) if self.benign_only else self.model.predict_proba(rows)[:, 1]


RECIPES = {
    "ScytheEx, logistic regression": (True, lambda: Plain(make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)))),
    "ScytheEx, 5 nearest neighbours": (True, lambda: Plain(make_pipeline(StandardScaler(), KNeighborsClassifier(5)))),
    "isolation forest": (False, lambda: Plain(IsolationForest(n_estimators=200, n_jobs=1, random_state=SEED), True)),
    "logistic regression": (False, Linear),
    "random forest": (False, lambda: Forest(False)),
    "random trees": (False, lambda: Forest(True)),
    "LightGBM": (False, Boosted),
    "mean of four": (False, Ensemble),
}
SAME = {"logistic regression": "linear", "random forest": "forest", "random trees": "random", "LightGBM": "boosted"}


def evaluate(flows, outer):
    """Figures of each by leave-one-family-out, its scores, and what a random split pretends."""
    own = weights(flows.table, flows.label)
    order = np.random.default_rng(0).permutation(len(own))
    learnt, asked = np.split(order, [int(0.7 * len(order))])
    told, scores = {}, {}
    for name, (few, make) in RECIPES.items():
        rows = nine(flows) if few else flows.rows
        weight = np.ones(len(own)) if few or name == "isolation forest" else own

        def fit(used):
            used = used & (weight > 0)
            kept = weight[used] / weight[used].mean()
            return make().fit(rows[used], flows.label[used], kept)

        if name == "mean of four":
            score = np.mean(list(outer.values()), axis=0)
        elif name in SAME:
            score = outer[SAME[name]]
        else:
            score = np.zeros(len(own))
            for fold in sorted(set(flows.fold)):
                out = flows.fold == fold
                score[out] = fit(~out).score(rows[out])
        scores[name] = score
        told[name] = figures(flows, score)
        split = np.zeros(len(own), bool)
        split[learnt] = True
        pretended, labels = fit(split).score(rows[asked]), flows.label[asked]
        limit = threshold(pretended[labels == 0], 0.001)
        told[name]["random_split"] = {
            "auc": round(float(roc_auc_score(labels, pretended)), 4),
            "micro_at_0.001": round(float((pretended[labels == 1] > limit).mean()), 4),
        }
    return told, scores
