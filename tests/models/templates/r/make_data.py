"""Draw the data that packages of R and workbench are compared on: ``python make_data.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 500
LEVELS = ("poor", "fair", "good", "very good", "excellent")


def drawn() -> pd.DataFrame:
    """Draw overdispersed counts, counts with inflated zeros, and five ordered levels."""
    rng = np.random.default_rng(20250611)
    x1, x2 = rng.normal(size=ROWS), rng.gamma(2.0, 1.5, ROWS)
    group, z1 = rng.choice(list("abc"), ROWS), rng.normal(2.0, 1.0, ROWS)
    shift = np.log(rng.uniform(0.5, 2.0, ROWS))
    mean = np.exp(0.3 + 0.5 * x1 - 0.15 * x2 + 0.4 * (group == "b") + shift)
    inflated = rng.uniform(size=ROWS) < 1 / (1 + np.exp(-(-1.5 + 0.6 * z1)))
    latent = 0.8 * x1 - 0.3 * x2 + 0.5 * (group == "c") + rng.logistic(size=ROWS)
    rating = np.digitize(latent, [-3.0, -1.2, 0.2, 1.5])
    return pd.DataFrame(
        {
            "x1": x1.round(6),
            "x2": x2.round(6),
            "z1": z1.round(6),
            "group": group,
            "shift": shift.round(6),
            "copies": rng.integers(1, 4, ROWS),
            "visits": rng.poisson(mean * rng.gamma(1 / 0.8, 0.8, ROWS)),
            "trips": np.where(inflated, 0, rng.poisson(mean)),
            "rating": np.array(LEVELS)[rating],
            "grade": rating + 1,
        }
    )


if __name__ == "__main__":
    drawn().to_csv(Path(__file__).with_name("data.csv"), index=False)
