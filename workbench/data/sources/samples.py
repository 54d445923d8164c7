"""The shipped samples: data sets of installed packages, and simulated ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import pandas as pd

from workbench.data.sources import simulated
from workbench.errors import DataError
from workbench.extras import install_command
from workbench.names import nearest


@dataclass(frozen=True)
class Sample:
    """One sample: its source, size and citation.

    ``source`` is the package that ships it, or ``"simulated"``; nothing is read before
    :meth:`read`.
    """

    name: str
    rows: int
    columns: int
    title: str
    source: str
    citation: str
    draw: Callable[[], pd.DataFrame] | None = None

    @property
    def available(self) -> bool:
        """Whether the package that ships it is installed."""
        return self.draw is not None or find_spec(self.source) is not None

    def read(self) -> pd.DataFrame:
        """Return a fresh copy of the data."""
        if self.draw is not None:
            return self.draw()
        data_set = import_module(f"{self.source}.datasets.{self.name}")
        if self.source == "linearmodels":
            return pd.DataFrame(data_set.load())
        return pd.DataFrame(data_set.load_pandas().data)


SAMPLE_OF = "workbench sample"
"""The entry of ``frame.attrs`` that names the sample a frame was loaded from."""

_GREENE = "Greene, Econometric Analysis, data tables."
_SIMULATED = "Simulated from a fixed seed."

SAMPLES = {
    sample.name: sample
    for sample in (
        Sample(
            "mroz",
            753,
            22,
            "Labour supply of married women, 1975",
            "linearmodels",
            "Mroz (1987), Econometrica 55, 765-799.",
        ),
        Sample(
            "wage_panel",
            4360,
            12,
            "Wages of young men, 1980-1987",
            "linearmodels",
            "Vella and Verbeek (1998), Journal of Applied Econometrics 13, 163-183.",
        ),
        Sample(
            "card",
            3010,
            34,
            "Schooling, wages and nearness of a college",
            "linearmodels",
            "Card (1995), in Aspects of Labour Market Behaviour, 201-222.",
        ),
        Sample(
            "spector",
            32,
            4,
            "Grades under the personalized system of instruction",
            "statsmodels",
            f"Spector and Mazzeo (1980), Journal of Economic Education 11, 37-44; {_GREENE}",
        ),
        Sample(
            "fair",
            6366,
            9,
            "Time in affairs outside marriage",
            "statsmodels",
            "Fair (1978), Journal of Political Economy 86, 45-61.",
        ),
        Sample(
            "randhie",
            20190,
            10,
            "Visits to the doctor, RAND Health Insurance Experiment",
            "statsmodels",
            "Cameron and Trivedi (2005), Microeconometrics.",
        ),
        Sample(
            "anes96",
            944,
            11,
            "Party and vote, American National Election Study 1996",
            "statsmodels",
            "American National Election Studies (1996).",
        ),
        Sample(
            "modechoice",
            840,
            9,
            "Choice of plane, train, bus or car between Australian cities",
            "statsmodels",
            f"Greene and Hensher (1997); {_GREENE}",
        ),
        Sample(
            "star98",
            303,
            22,
            "Mathematics scores in Californian school districts, 1998",
            "statsmodels",
            "Gill (2001), Generalized Linear Models: A Unified Approach.",
        ),
        Sample(
            "longley",
            16,
            7,
            "Employment in the United States, 1947-1962, nearly collinear",
            "statsmodels",
            "Longley (1967), Journal of the American Statistical Association 62, 819-841.",
        ),
        Sample(
            "gaussian_50000x100",
            50_000,
            101,
            "Gaussian linear model with 100 regressors",
            "simulated",
            _SIMULATED,
            simulated.gaussian,
        ),
        Sample(
            "simulated_logit",
            5_000,
            5,
            "Binary logit with three regressors",
            "simulated",
            _SIMULATED,
            simulated.logit,
        ),
        Sample(
            "simulated_poisson",
            5_000,
            5,
            "Poisson counts with three regressors",
            "simulated",
            _SIMULATED,
            simulated.poisson,
        ),
        Sample(
            "staggered",
            2_880,
            10,
            "Units treated in different years, with effects that differ",
            "simulated",
            _SIMULATED,
            simulated.staggered,
        ),
    )
}
"""Every sample by name, also those whose package is not installed."""


def load(name: str) -> pd.DataFrame:
    """Return a sample by name, a fresh DataFrame at each call.

    Raises
    ------
    DataError
        When there is no such sample, or the package that ships it is not installed.

    Examples
    --------
    >>> load("simulated_logit").shape
    (5000, 5)
    """
    sample = SAMPLES.get(name)
    if sample is None:
        suggestion = nearest(name, SAMPLES)
        raise DataError(
            f'There is no sample "{name}".' + (f" The nearest is {suggestion}." * bool(suggestion)),
            hint=f"one of {', '.join(SAMPLES)}; wb.fit takes the path of a file.",
            code="unknown-sample",
            where=name,
            suggestion=suggestion,
        )
    if not sample.available:
        raise DataError(
            f'The sample "{name}" is shipped by {sample.source}, which is not installed.',
            hint=f"{install_command(sample.source)}.",
            code="not-installed",
            where=name,
        )
    frame = sample.read()
    frame.attrs[SAMPLE_OF] = name
    return frame


def samples() -> pd.DataFrame:
    """List the samples that can be loaded here: name, rows, columns, title, source, citation."""
    here = [sample for sample in SAMPLES.values() if sample.available]
    columns = ["name", "rows", "columns", "title", "source", "citation"]
    rows = [[getattr(sample, column) for column in columns] for sample in here]
    return pd.DataFrame(rows, columns=columns)
