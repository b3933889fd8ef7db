"""Reads the matrix and its table, gives each row its family, its label, and repairs the labels."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
SOURCES = json.loads((HERE / "sources.json").read_text())
FEATURES = json.loads((HERE / "features.json").read_text())
BENIGN, MALICIOUS, UNKNOWN, DOUBTFUL = 0, 1, -1, -2
# A benign label is doubted only where the conversation is one that could be the attack's.
DOUBTED_STATES = ["S0", "REJ", "OTH", "RSTR", "RSTO", "S3", "S1", "SF"]


@dataclass
class Flows:
    """Conversations: what is told of each, its features, its label and where it belongs."""

    table: pd.DataFrame
    rows: np.ndarray
    label: np.ndarray
    family: np.ndarray
    fold: np.ndarray
    doubtful: dict

    @property
    def benign(self):
        return self.label == BENIGN

    def of(self, family):
        """The malicious conversations of a family."""
        return (self.family == family) & (self.label == MALICIOUS)


@dataclass
class Captures:
    """Conversations of captures of which only the whole has a label."""

    table: pd.DataFrame
    rows: np.ndarray
    label: np.ndarray
    source: np.ndarray
    noise: np.ndarray


def read(features, meta):
    """The two parts of what `--features` and `--meta` name."""
    rows = np.load(features)
    table = pd.read_csv(meta, low_memory=False, dtype={"history": str, "detail": str, "capture": str})
    if rows.shape != (len(table), len(FEATURES)):
        raise SystemExit(
            f"`{features}` is {rows.shape}; with `{meta}` it would have to be ({len(table)}, {len(FEATURES)})"
        )
    labelled = table.capture.isin(SOURCES["labelled"]).to_numpy()
    missing = sorted(set(SOURCES["labelled"]) - set(table.capture))
    if missing:
        raise SystemExit(f"`{meta}` lacks the captures {missing}")
    flows = label(table[labelled].reset_index(drop=True), rows[labelled])
    return flows, weak(table[~labelled].reset_index(drop=True), rows[~labelled])


def label(table, rows):
    """Labels by the rules of `sources.json`; what has none, or a doubtful one, is left out."""
    labels = table.label.fillna(UNKNOWN).astype(int).to_numpy().copy()
    family = np.full(len(table), "", dtype=object)
    fold = np.full(len(table), "", dtype=object)
    for name, told in SOURCES["labelled"].items():
        here = (table.capture == name).to_numpy()
        family[here] = told["family"] or ""
        fold[here] = told.get("fold") or told["family"]
        if told.get("unlabelled_is") == "benign":
            labels[here & (labels == UNKNOWN)] = BENIGN
        if "attacker" in told:
            public = (table.dst == told["benign_target"]).to_numpy()
            labels[here] = UNKNOWN
            labels[here & (table.src == told["attacker"]).to_numpy() & ~public] = MALICIOUS
            labels[here & public] = BENIGN
        if "malicious_port" in told:
            labels[here] = (table.dport == told["malicious_port"]).to_numpy()[here].astype(int)
        if "leave_out_port" in told:
            labels[here & (table.dport == told["leave_out_port"]).to_numpy()] = UNKNOWN
    doubtful = repair(table, labels)
    labels[doubtful] = DOUBTFUL
    counts = {name: int(n) for name, n in table.capture[doubtful].value_counts().sort_index().items()}
    kept = labels >= 0
    return Flows(table[kept].reset_index(drop=True), rows[kept], labels[kept], family[kept], fold[kept], counts)


def repair(table, labels):
    """Benign by label, yet towards an endpoint that the same capture labels malicious.

    This rule is frozen: it was found by looking at false alarms of an early model, so it is not to
    be changed to improve figures.
    """
    endpoint = table.capture + "|" + table.dst
    bad = set(endpoint[labels == MALICIOUS])
    doubtful = (labels == BENIGN) & endpoint.isin(bad) & table.state.isin(DOUBTED_STATES)
    floods = [name for name, told in SOURCES["labelled"].items() if told.get("also_doubtful")]
    doubtful |= (
        table.capture.isin(floods)
        & (labels == BENIGN)
        & (table.state == "S0")
        & (table.dport == 53)
        & (table.proto == "tcp")
    )
    return doubtful.to_numpy()


def weak(table, rows):
    """Captures that are malicious or benign as a whole (`kind/source/file`, or with `__` for `/`)."""
    rules = SOURCES["weak"]
    name = table.capture.str.replace("__", "/", n=2)
    source = name.str.split("/").str[:2].str.join("/")
    malicious = source.isin(rules["malicious"])
    benign = source.isin(rules["benign"]) & ~name.str.contains(rules["benign_by_name_not"], case=False)
    kept = ((malicious | benign) & ~name.str.contains(rules["neither"])).to_numpy()
    table = table[kept].reset_index(drop=True)
    noise = table.dport.isin(rules["noise_ports"]).to_numpy()
    return Captures(table, rows[kept], malicious[kept].to_numpy().astype(int), source[kept].to_numpy(), noise)
