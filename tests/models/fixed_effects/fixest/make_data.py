"""Draw the data that R fixest and workbench are compared on: ``python make_data.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

PEOPLE, YEARS = 48, 13


def drawn() -> pd.DataFrame:
    """Draw an unbalanced panel with gaps: zipf firms in regions, towns, jobs, two islands."""
    rng = np.random.default_rng(20250507)
    person, year = (part.ravel() for part in np.meshgrid(np.arange(PEOPLE), np.arange(YEARS)))
    seen = rng.uniform(size=len(person)) < 0.75
    person, year = person[seen], year[seen]
    n = len(person)
    towns = np.round(np.column_stack([rng.uniform(41, 50, 70), rng.uniform(-4, 8, 70)]), 4)
    town = rng.integers(0, len(towns), n)
    frame = pd.DataFrame(
        {
            "person": person,
            "year": 2000 + year,
            "t": rng.permutation(n),
            "firm": np.minimum(rng.zipf(1.5, n), 30),
            "job": rng.choice(list("abcde"), n),
            "town": town,
            "lat": towns[town, 0],
            "lon": towns[town, 1],
            "x1": rng.normal(size=n),
            "x2": rng.normal(size=n) + 0.05 * year,
            "trend": year + rng.normal(size=n),
            "z1": rng.normal(size=n),
            "z2": rng.normal(size=n),
            "w": rng.uniform(0.4, 2.5, n),
        }
    )
    frame["region"] = frame.firm % 4
    frame["island"] = frame.person % 2 * 10 + rng.integers(0, 6, n)
    shock = rng.normal(size=n) + 0.6 * rng.normal(size=YEARS)[year]
    frame["d"] = frame.z1 - 0.4 * frame.z2 + shock
    level = 0.02 * frame.firm + np.sin(person) + 0.1 * year
    frame["y"] = frame.x1 - 0.5 * frame.x2 + 0.3 * frame.d + level + shock * frame.w
    frame["count"] = rng.poisson(np.exp(0.4 * frame.x1 - 0.2 * frame.x2 + 0.3 * np.sin(person)))
    return frame.round(5)


if __name__ == "__main__":
    drawn().to_csv(Path(__file__).with_name("data.csv"), index=False)
