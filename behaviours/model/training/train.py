"""Trains the flow model, evaluates it on what it never saw, and writes model, card and pictures.

`python train.py --features F.npy --meta META.csv --out DIR [--pictures DIR]`, where the two are what
`cargo run --release -p model --example features` writes (see README.md).
"""

import argparse
import hashlib
import json
import os
import time
from pathlib import Path

import numpy as np
import onnxruntime

import card
import data
import detectors
import evidence
import export
import foreign
import held_out
import nested
import page
import plots
import rivals
from figures import decided, figures, rounded, threshold
from learners import Ensemble, weights

NAME, VERSION = "vedette-flows", "0.1.0"
TOTAL_FALSE_ALARMS = 0.003
BEGUN = time.monotonic()


def main():
    asked = arguments()
    asked.out.mkdir(parents=True, exist_ok=True)
    flows, captures = data.read(asked.features, asked.meta)
    tell(f"{len(flows.label)} labelled conversations, {len(captures.label)} of captures")

    model = Ensemble().fit(flows.rows, flows.label, weights(flows.table, flows.label))
    written = export.model(model, NAME, VERSION)
    (asked.out / "model.onnx").write_bytes(written)
    off = apart(written, model, flows.rows)
    tell(f"model.onnx: {len(written)} bytes, sha256 {hashlib.sha256(written).hexdigest()}, {off}")

    names, outer, inner = held_out.scores(flows, tell)
    probability = np.mean(list(outer.values()), axis=0)
    score = evidence.score(flows.table, probability)
    told = {
        "model": {"bytes": len(written), "difference": off},
        "data": counts(flows, captures),
        "families": {"model": figures(flows, probability), "with_evidence": figures(flows, score)},
        "honeypots": honeypots(flows, {"model": probability, "with_evidence": score}),
    }
    told["chosen_on_training_families"], strict, plain, _ = nested.evaluate(flows, names, outer, inner)
    told["with_detectors"] = together(flows, score, strict, plain)
    tell("families: done")
    told["recipes"], scores = rivals.evaluate(flows, outer)
    tell("other recipes: done")
    told["sources"] = foreign.evaluate(flows, captures, model) if len(captures.label) else {}
    tell("sources: done")

    made = card.card(flows, probability, NAME, VERSION, created(asked.created))
    write(asked.out / "model.card.json", made)
    write(asked.out / "evidence.json", card.evidence_card(flows, score) | {"example": card.example(flows, probability, score)})
    write(asked.out / "evaluation.json", rounded(told))
    pictures = asked.pictures or asked.out
    pictures.mkdir(parents=True, exist_ok=True)
    page.write(pictures / "figures.md", rounded(told))
    plots.curves(flows, {"with evidence": score, **scores}, pictures / "families-roc.png")
    plots.bars(flows, probability, score, pictures / "families.png")
    tell("done")


def arguments():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--features", type=Path, required=True, help="the matrix, float32 [N, 79]")
    asked.add_argument("--meta", type=Path, required=True, help="the table, a line a row")
    asked.add_argument("--out", type=Path, required=True, help="where the model and its cards go")
    asked.add_argument("--pictures", type=Path, help="where the pictures go, if elsewhere")
    asked.add_argument("--created", help="the moment that the card tells, as 2026-11-24T22:00:00Z")
    return asked.parse_args()


def tell(text):
    print(f"{time.monotonic() - BEGUN:6.0f} s  {text}", flush=True)


def created(asked):
    """What was asked for, else SOURCE_DATE_EPOCH, else now."""
    moment = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    return asked or time.strftime("%Y-%m-%dT%H:%M:%SZ", moment)


def write(path, made):
    """JSON, with lists of numbers on one line."""
    lines = [f"{json.dumps(key)}: {body(value)}" for key, value in made.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def body(value):
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(json.dumps(one) for one in value) + "\n]"
    return json.dumps(value) if not isinstance(value, dict) else json.dumps(value, indent=1)


def apart(written, model, rows):
    """How far ONNX Runtime and Python are apart."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(written, settings, providers=["CPUExecutionProvider"])
    off = np.abs(session.run(["probabilities"], {"input": rows})[0][:, 1] - model.score(rows))
    return {"largest": float(f"{off.max():.2g}"), "rows_above_0.00001": int((off > 1e-5).sum())}


def counts(flows, captures):
    """How much there is of what, after the repair."""
    table = flows.table.assign(label=flows.label)
    return {
        "labelled": {name: {"benign": int((one.label == 0).sum()), "malicious": int((one.label == 1).sum())}
                     for name, one in table.groupby("capture")},
        "left_out_as_doubtful": flows.doubtful,
        "captures": {source: {"captures": int(captures.table.capture[captures.source == source].nunique()),
                              "conversations": int((captures.source == source).sum())}
                     for source in sorted(set(captures.source))},
    }


def honeypots(flows, scores):
    """Alarms on the benign devices, which were held out together."""
    told = {}
    for name, score in scores.items():
        told[name] = {}
        for rate in (0.001, 0.01):
            alarms = flows.table.capture[score > threshold(score[flows.benign], rate)]
            told[name][f"at_{rate}"] = {pot: int((alarms == pot).sum()) for pot in data.SOURCES["honeypots"]}
    return told


def together(flows, score, strict, plain):
    """The model or a (stand-in) detector, within a total of 0.3 % of false alarms."""
    rules = detectors.decisions(flows)
    told = {"detectors": {name: decided(flows, rule) for name, rule in rules.items()}}
    scans = rules["vertical_scan"] | rules["horizontal_scan"] | rules["flood"]
    for name, ours in (("without_reconnection", scans), ("with_reconnection", scans | rules["reconnection"])):
        best = None
        for rate in np.arange(0.0002, TOTAL_FALSE_ALARMS, 0.0001):
            both = (score > threshold(score[flows.benign], rate)) | ours
            if both[flows.benign].mean() > TOTAL_FALSE_ALARMS:
                break
            best = {"model_at": rate} | decided(flows, both)
        told[name] = best
    told["thresholds_of_training_families"] = {
        kind: {str(rate): {"model": decided(flows, found), "with_detectors": decided(flows, found | scans),
                           "honeypot_alarms": int(found[flows.fold == "honeypots"].sum())}
               for rate, found in made.items()}
        for kind, made in (("with_evidence", strict), ("model", plain))
    }
    return told


if __name__ == "__main__":
    main()
