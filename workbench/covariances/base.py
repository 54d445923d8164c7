"""What every kind of covariance declares, computes and prints."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from workbench.covariances.curvature import ClusterMeat, Curvature
from workbench.covariances.evidence import Evidence, Need, missing_need
from workbench.covariances.small_sample import (
    NO_FACTOR,
    EstimationMethod,
    Factor,
    tolerates_negative,
)
from workbench.errors import InferenceError, OptionError, WorkbenchError
from workbench.options import Kind, Option, Options, options_of
from workbench.protocols import Numpy

Sums = Mapping[str, ClusterMeat]
"""Sums of products of scores by name: by grouping for clusters, ``""`` for a single one."""


@dataclass(frozen=True)
class Facts:
    """What small-sample factors, labels and notes depend on.

    Attributes
    ----------
    family
        ``"likelihood"`` or ``"least squares"``.
    observations
        The number of rows, or the sum of frequency weights.
    parameters
        Their number, absorbed effects included as the convention counts them.
    units
        The number of units by which scores are summed: by default observations.
    unit
        What such a unit is; empty for rows.
    clusters
        The columns to cluster by.
    groups
        The number of clusters or periods of each sum.
    absorbs
        Whether this is a likelihood with absorbed effects.
    mean_weight
        What the information is divided by, where a convention takes weights as they are.
    """

    family: EstimationMethod
    observations: float
    parameters: int
    units: float
    unit: str = ""
    clusters: tuple[str, ...] = ()
    groups: Mapping[str, int] = field(default_factory=dict)
    absorbs: bool = False
    mean_weight: float = 1.0

    @property
    def fewest_groups(self) -> int:
        """The smallest number of clusters or periods; zero without any."""
        return min(self.groups.values(), default=0)


def meat_key(kind: str, options: Mapping[str, Any], clusters: Sequence[str] = ()) -> str:
    """Name the sum behind a kind of standard error with its options.

    Examples
    --------
    >>> meat_key("newey_west", {"time": "year", "lag": 2})
    'newey_west {"lag": 2, "time": "year"} []'
    """
    return f"{kind} {json.dumps(dict(options), sort_keys=True)} {json.dumps(list(clusters))}"


@dataclass(frozen=True, kw_only=True)
class Covariance(Options, ABC):
    """A kind of covariance of the estimates; its options are the fields.

    A kind declares what it `needs` and computes `matrix`; one that sums over rows is a `SumOfRows`
    and computes `meat` instead.  All else has a default.

    Options that name columns of the data are of the kind COLUMN: rows without a value there are
    left out, and their values are part of the fingerprint of the data.
    """

    refusal_code: ClassVar[str] = "bad-se-option"
    unknown_code: ClassVar[str] = "no-such-se-option"

    name: ClassVar[str]
    """What ``se=`` calls the kind."""
    adjective: ClassVar[str]
    """What sentences call it, as in ``"Conley"`` standard errors; the title by default."""
    word: ClassVar[str]
    """What tables call it; the adjective by default."""
    run_word: ClassVar[str]
    """What names of runs say, as in ``"cluster {cluster}"``; the adjective by default."""
    elsewhere: ClassVar[tuple[str, ...]] = ()
    """Names of the kind in other programs; an error that refuses one suggests this kind."""
    needs: ClassVar[frozenset[Need]] = frozenset()
    """What the model must have."""
    by_cluster: ClassVar[bool] = False
    """Whether ``cluster=`` must name columns."""
    by_unit: ClassVar[bool] = False
    """Whether scores are summed by the model's unit first, such as persons."""
    estimates_errors: ClassVar[bool] = True
    """Whether there are standard errors at all."""
    trusts_model: ClassVar[bool] = False
    """Whether it is wrong with probability weights, which take the robust kind instead."""

    def __init_subclass__(cls, **more: Any) -> None:
        """Fill in what sentences and tables call the kind."""
        super().__init_subclass__(**more)
        if "title" in cls.__dict__:
            cls.adjective = cls.__dict__.get("adjective", cls.title)
            cls.word = cls.__dict__.get("word", cls.adjective)
            cls.run_word = cls.__dict__.get("run_word", cls.adjective)

    # Options ------------------------------------------------------------------------------------
    def check_values(self) -> None:
        """Bring each option into its plain form, or refuse it in a sentence on standard errors."""
        for each in options_of(type(self)):
            value = getattr(self, each.name)
            if each.required and value is None:
                continue  # an object may wait for it
            if each.required and value == "":
                raise type(self).missing(each)
            try:
                object.__setattr__(self, each.name, each.checked(value))
            except OptionError as error:
                raise self._refused(each, value, error.hint) from None

    def _refused(self, each: Option, value: Any, hint: str) -> OptionError:
        return OptionError(
            f"The option {each.name} of {self.adjective} standard errors is {value!r:.80}.",
            hint=hint,
            code=self.refusal_code,
            where=each.name,
        )

    @classmethod
    def missing(cls, each: Option) -> OptionError:
        """Return the error of an option that must be given."""
        return OptionError(
            f"{cls.sentence_name()} need {each.name}.",
            hint=f"se_options=dict({cls.example()}).",
            code="missing-se-option",
            where=each.name,
        )

    @classmethod
    def lacks(cls) -> str:
        return f"{cls.sentence_name()} have"

    @classmethod
    def example(cls) -> str:
        """Return the options as a person might write them, as in ``time="year", lag=2``."""
        shown = (each for each in options_of(cls) if each.example is not None)
        return ", ".join(f"{each.name}={each.example!r}" for each in shown).replace("'", '"')

    @classmethod
    def sentence_name(cls) -> str:
        """Return what begins a sentence on the kind, as in ``"Robust standard errors"``."""
        return f"{cls.adjective[:1].upper()}{cls.adjective[1:]} standard errors"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the data that the options name, each once."""
        named = self.of_kind(Kind.COLUMN, Kind.COLUMNS).values()
        listed = ((value,) if isinstance(value, str) else value for value in named)
        return tuple(dict.fromkeys(name for names in listed for name in names))

    @classmethod
    def uses_scores(cls) -> bool:
        """Return whether more than the information is needed."""
        return bool(cls.needs - {Need.INFORMATION})

    # Checks before a run ------------------------------------------------------------------------
    def check_clusters(self, clusters: Sequence[str]) -> None:
        """Refuse columns to cluster by that are too few, too many, or without an effect.

        Raises
        ------
        OptionError
            Saying how many the kind needs, or that it does not cluster.
        """
        if clusters:
            named = f'"{clusters[0]}"' if len(clusters) == 1 else str([*clusters])
            raise OptionError(
                f"{self.sentence_name()} do not cluster, so cluster={named} would have no effect.",
                hint=f'se="cluster" with cluster={named} for clustered errors, or se="{self.name}" '
                "without cluster.",
                code="cluster-and-se",
                where="cluster",
            )

    def check_evidence(self, evidence: Evidence) -> None:
        """Refuse a model or columns from which the kind cannot be computed, before anything is.

        Raises
        ------
        WorkbenchError
            In one sentence that names the column or the model.
        """
        for need in Need:
            if need in self.needs - evidence.has:
                who, others = f"{self.adjective} standard errors", evidence.models_with(need)
                raise missing_need(need, evidence.title, who, others)

    # Computation --------------------------------------------------------------------------------
    def sums(self, evidence: Evidence) -> Sums:
        """Form the sums of products of scores that `matrix` takes, besides those of a curvature.

        Raises
        ------
        WorkbenchError
            When a column is missing, or the model does not have what is needed.
        """
        return {}

    def kept(self, curvature: Curvature, key: str, clusters: tuple[str, ...]) -> Sums | None:
        """Return the sums as a fit has kept them under a key; None where it has not.

        Parameters
        ----------
        curvature
            What the fit keeps of the run.
        key
            The name of the kind with its options, from `meat_key`.
        clusters
            The columns to cluster by.
        """
        return {}

    def keep(self, curvature: Curvature, key: str, evidence: Evidence) -> Curvature:
        """Return a curvature with the sums of a run's own standard errors, to be kept."""
        return curvature

    def not_kept(self, clusters: tuple[str, ...]) -> WorkbenchError:
        """Return the error of a fit that was read from a record without the sums."""
        return InferenceError(
            f"This fit was read from the record, which did not keep what {self.adjective} "
            "standard errors need.",
            hint=f'run the model again with se="{self.name}".',
            code="no-data",
        )

    def factor(self, convention: str | None, facts: Facts) -> Factor:
        """Return the small-sample factor by a convention; None is the kind's own."""
        return NO_FACTOR

    @abstractmethod
    def matrix(
        self, curvature: Curvature, sums: Sums, convention: str | None, facts: Facts
    ) -> Numpy:
        """Return the covariance of the natural parameters, ``(k, k)``; NaN where withheld.

        Raises
        ------
        WorkbenchError
            When the log-likelihood curves upwards, or a sum is missing.
        """

    def nesting(self, clusters: tuple[str, ...], convention: str | None) -> tuple[str, ...]:
        """Return the columns within which absorbed effects count as one parameter.

        These are the columns that the options name, as in fixest; pyfixest counts all effects.
        """
        return () if convention == "pyfixest" else self.columns

    # Words --------------------------------------------------------------------------------------
    def label(self, facts: Facts) -> str:
        """Return what tables call the standard errors, as in ``"Newey-West (2 lags)"``."""
        return f"{self.word}{self._by_unit(facts)}"

    def _by_unit(self, facts: Facts) -> str:
        return f" by {facts.unit}" if self.by_unit and facts.unit else ""

    def note(self, facts: Facts) -> str:
        """Return how they are computed, as a sentence without its end; may be empty."""
        return ""


@dataclass(frozen=True, kw_only=True)
class SumOfRows(Covariance):
    """A sandwich around one sum that is computed from rows, and kept with the fit."""

    @abstractmethod
    def meat(self, evidence: Evidence) -> ClusterMeat:
        """Return the sum, with its number of clusters or periods, zero where it has none.

        Raises
        ------
        WorkbenchError
            When a column is missing, or the model does not have what is needed.
        """

    def sums(self, evidence: Evidence) -> Sums:
        """Form the one sum."""
        return {"": self.meat(evidence)}

    def kept(self, curvature: Curvature, key: str, clusters: tuple[str, ...]) -> Sums | None:
        """Return the one sum that was kept by its key."""
        return {"": curvature.kept[key]} if key in curvature.kept else None

    def keep(self, curvature: Curvature, key: str, evidence: Evidence) -> Curvature:
        """Add the one sum to a curvature."""
        return replace(curvature, kept={**curvature.kept, key: self.meat(evidence)})

    def matrix(
        self, curvature: Curvature, sums: Sums, convention: str | None, facts: Facts
    ) -> Numpy:
        """Put the sum between two inverse Hessians, times the factor."""
        factor = self.factor(convention, facts).value
        return sandwich(curvature, sums[""].meat, factor, tolerate=tolerates_negative(convention))


def sandwich(
    curvature: Curvature, meat: Numpy, factor: float = 1.0, *, tolerate: bool = False
) -> Numpy:
    """Put a sum of products of scores ``(k, k)`` between two inverse Hessians.

    Negative eigenvalues, which sums across space may have, are replaced by zero; with ``tolerate``
    only where a variance is negative.
    """
    bread = curvature.bread
    return without_negative(curvature.natural(factor * bread @ meat @ bread), tolerate=tolerate)


def without_negative(covariance: Numpy, *, tolerate: bool = False) -> Numpy:
    """Replace negative eigenvalues by zero, where a sum of sandwiches has any.

    With ``tolerate`` they stay as long as every variance is positive.

    References
    ----------
    Cameron, Gelbach and Miller (2011), section 2.3.
    """
    if not np.isfinite(covariance).all() or (tolerate and (np.diag(covariance) >= 0).all()):
        return covariance
    values, vectors = np.linalg.eigh(covariance)
    if values.min(initial=0.0) >= 0:
        return covariance
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)
