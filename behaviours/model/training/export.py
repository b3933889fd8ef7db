"""Writes the model as one ONNX graph of few operations, so that a small evaluator can read it.

Operations: `TreeEnsembleRegressor` (ai.onnx.ml 3), `MatMul`, `Add`, `Sub`, `Mul`, `Sigmoid`, `Concat`.
Thresholds are rounded down to float32, which changes nothing: the features are float32 and a branch
asks `value <= threshold`.
"""

import hashlib

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from data import FEATURES

CONTRACT = 1


def features_hash():
    """SHA-256 of the feature contract, as the product reckons it."""
    text = f"vedette-features\n{CONTRACT}\n" + "".join(f"{name}\n" for name in FEATURES)
    return hashlib.sha256(text.encode()).hexdigest()


class Trees:
    """The attributes of one `TreeEnsembleRegressor`, gathered tree by tree."""

    def __init__(self):
        self.nodes = {key: [] for key in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true")}
        self.targets = {key: [] for key in ("treeids", "nodeids", "ids", "weights")}
        self.trees = 0

    def branch(self, at, feature, value, yes, no):
        self._node(at, feature, down(value), "BRANCH_LEQ", yes, no)

    def leaf(self, at, weight):
        self._node(at, 0, 0.0, "LEAF", 0, 0)
        for key, value in zip(self.targets, (self.trees, at, 0, float(np.float32(weight)))):
            self.targets[key].append(value)

    def _node(self, at, feature, value, mode, yes, no):
        for key, told in zip(self.nodes, (self.trees, at, feature, value, mode, yes, no, 0)):
            self.nodes[key].append(told)

    def node(self, name, given, made):
        told = {f"nodes_{key}": value for key, value in self.nodes.items()}
        told |= {f"target_{key}": value for key, value in self.targets.items()}
        return helper.make_node(
            "TreeEnsembleRegressor", [given], [made], name, domain="ai.onnx.ml",
            n_targets=1, aggregate_function="SUM", post_transform="NONE", **told,
        )


def down(value):
    """The greatest float32 that is not above the value."""
    near = np.float32(value)
    # Both as float64: numpy would round the other to float32 to compare.
    return float(near) if float(near) <= float(value) else float(np.nextafter(near, np.float32(-np.inf)))


def boosted(part):
    """The trees of LightGBM: their sum is the log-odds."""
    trees = Trees()
    for tree in part.model.booster_.dump_model()["tree_info"]:
        # A runtime takes the first node of a tree for its root: a parent comes before its children.
        waiting, numbered = [(0, tree["tree_structure"])], 1
        while waiting:
            at, node = waiting.pop()
            if "leaf_value" in node:
                trees.leaf(at, node["leaf_value"])
                continue
            if node["decision_type"] != "<=":
                raise SystemExit(f"a branch asks `{node['decision_type']}`; it would have to ask `<=`")
            yes, no = numbered, numbered + 1
            numbered += 2
            trees.branch(at, node["split_feature"], node["threshold"], yes, no)
            waiting += [(no, node["right_child"]), (yes, node["left_child"])]
        trees.trees += 1
    return trees


def forest(*parts):
    """The trees of forests: their sum is the mean share of attacks, over all forests."""
    trees = Trees()
    for part in parts:
        share = 1 / (len(parts) * len(part.model.estimators_))
        for one in part.model.estimators_:
            tree = one.tree_
            counts = tree.value[:, 0, :]
            for at in range(tree.node_count):
                if tree.children_left[at] < 0:
                    trees.leaf(at, share * counts[at, 1] / counts[at].sum())
                else:
                    trees.branch(at, int(tree.feature[at]), tree.threshold[at], int(tree.children_left[at]), int(tree.children_right[at]))
            trees.trees += 1
    return trees


def model(ensemble, name, version):
    """The graph: `input` float32 [N, 79] to `probabilities` float32 [N, 2]."""
    parts = ensemble.parts
    slope, intercept = parts["linear"].folded()
    constant = {
        "slope": slope.astype(np.float32).reshape(-1, 1), "intercept": np.float32([intercept]),
        "quarter": np.float32([0.25]), "half": np.float32([0.5]), "one": np.float32([1.0]),
    }
    node = helper.make_node
    nodes = [
        boosted(parts["boosted"]).node("boosted", "input", "boosted_odds"),
        node("Sigmoid", ["boosted_odds"], ["boosted_share"]),
        forest(parts["forest"], parts["random"]).node("forests", "input", "forests_share"),
        node("MatMul", ["input", "slope"], ["product"]),
        node("Add", ["product", "intercept"], ["linear_odds"]),
        node("Sigmoid", ["linear_odds"], ["linear_share"]),
        node("Add", ["boosted_share", "linear_share"], ["two"]),
        node("Mul", ["two", "quarter"], ["two_part"]),
        node("Mul", ["forests_share", "half"], ["forests_part"]),
        node("Add", ["two_part", "forests_part"], ["attack"]),
        node("Sub", ["one", "attack"], ["benign"]),
        node("Concat", ["benign", "attack"], ["probabilities"], axis=1),
    ]
    port = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, name, [port("input", TensorProto.FLOAT, ["batch", len(FEATURES)])],
        [port("probabilities", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(value, key) for key, value in constant.items()],
    )
    made = helper.make_model(
        graph, producer_name="vedette",
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)],
    )
    made.ir_version = 8
    helper.set_model_props(made, {
        "vedette.features": features_hash(), "vedette.name": name, "vedette.version": version,
    })
    checker.check_model(made)
    return made.SerializeToString(deterministic=True)
