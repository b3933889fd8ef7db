"""Stand-ins for the product's detectors, by what the features tell, to measure both together.

The product's own are state machines with more to see; their figures are measured apart. Thresholds:
vertical scan: 20 ports of a target in 300 s, half of all failed; horizontal scan: 25 targets on a
port, half failed; flood: 1,000 conversations of a pair in 300 s that got no answer; reconnection: 20
attempts at the same public target and port with a steady gap (variation < 0.3) that fail.
"""

import numpy as np

from data import FEATURES


def decisions(flows):
    """What each of them says of each conversation."""
    at = {name: flows.rows[:, FEATURES.index(name)] for name in FEATURES}
    count = lambda name: np.expm1(at[name])
    state = flows.table.state
    failing = at["c_fail"] >= 0.5
    unanswered = state.isin(["S0", "OTH", "REJ"]).to_numpy()
    refused = state.isin(["S0", "REJ", "RSTR", "RSTO", "S3"]).to_numpy()
    return {
        "vertical_scan": (count("c_dports_samedst") >= 19.5) & failing,
        "horizontal_scan": (count("c_dsts_samedp") >= 24.5) & failing,
        "flood": (count("c_pair") >= 999.5) & unanswered,
        "reconnection": (count("c_tuple_n") >= 19.5) & (at["c_gapcv"] < 0.3) & refused
        & (at["proto_tcp"] > 0) & (at["dst_pub"] > 0),
    }
