"""Choices drawn for the tests of discrete choice, and likelihoods written a second time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from statsmodels.datasets import modechoice

MODES = {1: "air", 2: "train", 3: "bus", 4: "car"}
TRAVEL = "choice ~ gc + ttme + hinc:air + C(mode, Treatment('car'))"
"""The model of Greene (2003), "Econometric Analysis", 5th ed., section 21.7.8."""


def travel():
    """Return how 210 persons travelled between Sydney, Canberra and Melbourne.

    Source: Greene and Hensher, in statsmodels.
    """
    frame = modechoice.load_pandas().data
    frame["mode"] = frame["mode"].map(MODES)
    return frame.assign(air=(frame["mode"] == "air") * 1.0)


def rides(seed=1, persons=80, times=5, there=4):
    """Return choices among four rides by persons with random tastes.

    The coefficient of price is normal (-0.6, 0.3), that of time minus lognormal (-2.5, 0.5), that
    of comfort normal (1, 0.8); a fifth of the rides are not available, and persons have a town, an
    age and a weight from 1 to 3.
    """
    rng = np.random.default_rng(seed)
    rows = persons * times * there
    who = np.repeat(np.arange(persons), times * there)
    frame = pd.DataFrame(
        {
            "person": who,
            "id": np.repeat(np.arange(persons * times), there),
            "ride": np.tile(list("abcd")[:there], persons * times),
            "price": rng.uniform(1, 9, rows),
            "time": rng.uniform(5, 40, rows),
            "comfort": rng.normal(0, 1, rows),
            "town": rng.integers(0, 12, persons)[who],
            "age": rng.normal(40, 10, persons)[who],
            "weight": rng.integers(1, 4, persons)[who],
        }
    )
    price, comfort = rng.normal(-0.6, 0.3, persons), rng.normal(1, 0.8, persons)
    time = -np.exp(rng.normal(-2.5, 0.5, persons))
    utility = price[who] * frame["price"] + time[who] * frame["time"]
    frame["utility"] = utility + comfort[who] * frame["comfort"] + rng.gumbel(0, 1, rows)
    frame = frame[(rng.random(rows) < 0.8) | (frame["ride"] == "a") | (frame["ride"] == "b")]
    best = frame.groupby("id")["utility"].transform("max")
    return frame.assign(chosen=(frame["utility"] == best) * 1).reset_index(drop=True)


def logs_of_choices(frame, utility):
    """Return the log-probability of each situation's choice, by id, from utilities of rows."""
    utility = np.asarray(utility)
    begin = np.flatnonzero(np.diff(frame["id"], prepend=-1))
    situation = np.repeat(np.arange(len(begin)), np.diff([*begin, len(frame)]))
    largest = np.maximum.reduceat(utility, begin)
    sums = np.add.reduceat(np.exp(utility - largest[situation]), begin)
    chosen = (frame["chosen"] == 1).to_numpy()
    return utility[chosen] - largest - np.log(sums)


def by_person(frame, logs):
    """Return the sum over each person's situations, ``(n,)``."""
    begin = np.flatnonzero(np.diff(frame["id"], prepend=-1))
    who = frame["person"].to_numpy()[begin]
    return np.add.reduceat(logs, np.flatnonzero(np.diff(who, prepend=-1)))


def gradient(function, theta, step=1e-5):
    """Return central differences of a function that gives a number or an array."""
    sides = [
        (function(theta + step * unit) - function(theta - step * unit)) / (2 * step)
        for unit in np.eye(len(theta))
    ]
    return np.array(sides)
