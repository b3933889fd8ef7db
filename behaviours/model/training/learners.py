"""The model: the mean of four learners, fitted on weighted, capped samples of each capture."""

import warnings

import lightgbm
import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

SEED = 1
# So many conversations of each capture and label are learned from. Together they weigh as much as
# the root of how many there are, so that one flood does not decide what an attack looks like.
AT_MOST = 1500
PARTS = ("boosted", "forest", "random", "linear")

warnings.filterwarnings("ignore", message="X does not have valid feature names")


def weights(table, labels, at_most=AT_MOST, seed=0):
    """The weight of each row; 0 for those that are not learned from."""
    chance = np.random.default_rng(seed)
    weight = np.zeros(len(table))
    groups = table.assign(_label=labels).groupby(["capture", "_label"], sort=True).indices
    for _, rows in groups.items():
        chosen = np.sort(chance.choice(rows, min(at_most, len(rows)), replace=False))
        weight[chosen] = np.sqrt(len(rows)) / len(chosen)
    return weight


class Boosted:
    """Gradient boosting of small trees (LightGBM)."""

    def __init__(self):
        self.model = lightgbm.LGBMClassifier(
            n_estimators=120, num_leaves=31, learning_rate=0.06, min_child_samples=40,
            subsample=0.8, subsample_freq=1, colsample_bytree=0.6, reg_lambda=5,
            n_jobs=1, verbose=-1, random_state=SEED, deterministic=True, force_row_wise=True,
        )

    def fit(self, rows, labels, weight):
        self.model.fit(rows, labels, sample_weight=weight)
        return self

    def score(self, rows):
        return self.model.predict_proba(rows)[:, 1]


class Forest:
    """Trees on samples (`forest`), or trees with random thresholds (`random`), of at most 128 leaves."""

    def __init__(self, random):
        kind = ExtraTreesClassifier if random else RandomForestClassifier
        self.model = kind(50, max_leaf_nodes=128, max_features=0.3, n_jobs=1, random_state=SEED)

    def fit(self, rows, labels, weight):
        self.model.fit(rows, labels, sample_weight=weight)
        return self

    def score(self, rows):
        return self.model.predict_proba(rows)[:, 1]


class Linear:
    """Logistic regression on standardised features."""

    def __init__(self, strength=0.1):
        self.scaler = StandardScaler()
        self.model = LogisticRegression(max_iter=300, C=strength)

    def fit(self, rows, labels, weight):
        self.model.fit(self.scaler.fit_transform(rows.astype(np.float64)), labels, sample_weight=weight)
        return self

    def score(self, rows):
        return self.model.predict_proba(self.scaler.transform(rows.astype(np.float64)))[:, 1]

    def folded(self):
        """Coefficients and intercept for features as they are, not standardised."""
        slope = self.model.coef_[0] / self.scaler.scale_
        return slope, float(self.model.intercept_[0] - (slope * self.scaler.mean_).sum())


class Ensemble:
    """The mean of what the four say."""

    def __init__(self):
        self.parts = {
            "boosted": Boosted(), "forest": Forest(False), "random": Forest(True), "linear": Linear(),
        }

    def fit(self, rows, labels, weight):
        used = weight > 0
        weight = weight[used] / weight[used].mean()
        for part in self.parts.values():
            part.fit(rows[used], labels[used], weight)
        return self

    def each(self, rows):
        """What each of them says."""
        return {name: part.score(rows) for name, part in self.parts.items()}

    def score(self, rows):
        """The probability of an attack."""
        return np.mean(list(self.each(rows).values()), axis=0)
