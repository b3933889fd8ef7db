"""The page of figures for people, made of what was measured."""


def write(path, told):
    """Writes it."""
    path.write_text("\n\n".join([
        "# Figures of the flow model",
        "Made by `behaviours/model/training/train.py`; how it is measured is in `README.md` there. All shares are from 0 to 1."
        " *Found* is the share of a family's conversations that are called attacks while the family, with all its captures, was"
        " not trained on; *macro* is the mean over nine families, *micro* the share of all malicious conversations.",
        "## Families never seen",
        recipes(told), families(told), "![found against false alarms](families-roc.png)", "![by family](families.png)",
        "## With thresholds and recipe from the training families alone",
        "Nothing of the held-out family was looked at. *nested*: mixture of learners and weights of the evidence are chosen anew"
        " for each family; *fixed*: the shipped recipe. Scores of the folds are put on one scale by benign scores of the training"
        " families. The set of candidates was drawn up with the pooled figures in sight.",
        alone(told),
        "The next table is what a product sees that takes its threshold from the families that it knows:",
        strict(told),
        "## With detectors", detectors(told),
        "## Benign honeypots (held out together)", pots(told),
        "## Sources never seen (whole captures)",
        "*malicious-sources*: one malicious source held out at a time, benign captures in five parts; *all-sources*: benign sources"
        " too; *none*: the shipped model as it is, which saw no capture. *max*, *top3*, *mean*: how a capture's conversations are summed up.",
        sources(told),
    ]) + "\n")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(shown(cell) for cell in line) + " |" for line in lines)


def shown(cell):
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def row(name, figures, *more):
    one, hundred = figures["at_0.001"], figures["at_0.01"]
    return [name, figures["auc"], figures["ap"], one["macro"], one["micro"], hundred["macro"], hundred["micro"], *more]


HEAD = ["", "AUC", "AP", "macro @ 0.1 %", "micro @ 0.1 %", "macro @ 1 %", "micro @ 1 %"]


def recipes(told):
    rows = [row("**with evidence**", told["families"]["with_evidence"], "–")]
    for name, figures in reversed(told["recipes"].items()):
        rows.append(row(name, figures, figures["random_split"]["micro_at_0.001"]))
    return table([*HEAD, "*random split, micro @ 0.1 % (no result: for contrast)*"], rows)


def families(told):
    plain, more = told["families"]["model"], told["families"]["with_evidence"]
    rows = [
        [name, *(figures[at]["families"][name] for figures in (plain, more) for at in ("at_0.001", "at_0.01"))]
        for name in plain["at_0.001"]["families"]
    ]
    return table(["family", "model @ 0.1 %", "model @ 1 %", "with evidence @ 0.1 %", "with evidence @ 1 %"], rows)


def alone(told):
    names = {"nested": "nested", "fixed": "fixed, with evidence", "plain": "fixed, model by itself"}
    return table(HEAD, [row(name, told["chosen_on_training_families"][key]) for key, name in names.items()])


def strict(told):
    rows = [
        [kind.replace("_", " "), rate, one["model"]["false_alarms"], one["model"]["macro"],
         one["with_detectors"]["false_alarms"], one["with_detectors"]["macro"], one["honeypot_alarms"]]
        for kind, rates in told["with_detectors"]["thresholds_of_training_families"].items()
        for rate, one in rates.items()
    ]
    rows = [[cell if at < 1 or not isinstance(cell, float) else f"{cell:.4f}" for at, cell in enumerate(line)] for line in rows]
    return table(["", "aimed at", "false alarms", "macro", "with detectors: false alarms", "macro", "alarms on honeypots"], rows)


def detectors(told):
    both = told["with_detectors"]
    rows = [[name.replace("_", " "), f"{one['false_alarms']:.4f}", one["macro"]] for name, one in both["detectors"].items()]
    for key in ("without_reconnection", "with_reconnection"):
        rows.append([f"**evidence or any, {key.replace('_', ' ')}**", f"{both[key]['false_alarms']:.4f}", both[key]["macro"]])
    return "Stand-ins by features (`detectors.py`), a pooled threshold, at most 0.3 % of false alarms in total:\n\n" + table(["", "false alarms", "macro"], rows)


def pots(told):
    rows = [[kind.replace("_", " "), at.removeprefix("at_"), *pots.values()] for kind, rates in told["honeypots"].items() for at, pots in rates.items()]
    names = next(iter(told["honeypots"]["model"].values()))
    return table(["alarms", "false alarms over all", *names], rows)


def sources(told):
    rows = [
        [way, mix, name, one[name]["auc"], one[name]["ap"], one[name]["found_at_5_percent"], one[name]["found_at_1_percent"]]
        for way, mixes in told["sources"].items() for mix, one in mixes.items() for name in ("max", "top3", "mean")
    ]
    return table(["held out", "trained on", "by", "AUC", "AP", "found @ 5 % of captures", "found @ 1 %"], rows)
