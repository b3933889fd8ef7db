"""Two pictures: what is found at low rates of false alarms, and what of each family."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from figures import families, threshold

SAVE = {"dpi": 110, "metadata": {"Software": None}, "bbox_inches": "tight"}


def macro_curve(flows, score, rates):
    """The mean share of each family that is found at each rate."""
    names = families(flows)
    limits = np.quantile(score[flows.benign], 1 - rates)
    return [np.mean([(score[flows.of(name)] > limit).mean() for name in names]) for limit in limits]


def curves(flows, scores, path):
    """Families never seen: found against false alarms, from 1 in 10,000."""
    rates = np.logspace(-4, 0, 81)
    figure, axes = plt.subplots(figsize=(8, 5))
    for at, (name, score) in enumerate(scores.items()):
        heavy = name in ("with evidence", "mean of four")
        axes.plot(rates, macro_curve(flows, score, rates), label=name, linewidth=2.4 if heavy else 1.1,
                  linestyle="-" if heavy else ("--", ":", "-.")[at % 3])
    for rate in (0.001, 0.01):
        axes.axvline(rate, color="0.8", linewidth=0.8, zorder=0)
    axes.set(xscale="log", xlim=(1e-4, 1), ylim=(0, 1.01), xlabel="share of benign conversations called attacks",
             ylabel="found, mean of nine families", title="Families never seen (leave one family out)")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    figure.savefig(path, **SAVE)
    plt.close(figure)


def bars(flows, plain, with_evidence, path):
    """What of each family is found at 0.1 % and 1 % of false alarms."""
    names = families(flows)
    figure, axes = plt.subplots(figsize=(8, 4.2))
    shown = [("model, 0.1 %", plain, 0.001, "#9ecae1"), ("model, 1 %", plain, 0.01, "#3182bd"),
             ("with evidence, 0.1 %", with_evidence, 0.001, "#fdae6b"), ("with evidence, 1 %", with_evidence, 0.01, "#e6550d")]
    place = np.arange(len(names))
    for at, (label, score, rate, colour) in enumerate(shown):
        limit = threshold(score[flows.benign], rate)
        found = [(score[flows.of(name)] > limit).mean() for name in names]
        axes.bar(place + (at - 1.5) * 0.2, found, 0.2, label=label, color=colour)
    axes.set_xticks(place, [f"{name}\n{int(flows.of(name).sum()):,}" for name in names], fontsize=8)
    axes.set(ylim=(0, 1.02), ylabel="share found", title="By family, while it was held out (conversations below the name)")
    axes.legend(fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    figure.savefig(path, **SAVE)
    plt.close(figure)
