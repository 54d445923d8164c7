"""How a run ended, in sentences for the user."""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """How a run ended; the value is the sentence shown to the reader."""

    CONVERGED = "The Newton decrement is below the tolerance and the Hessian is that of a maximum."
    FLAT = "The likelihood is flat along a direction; its parameters have no standard errors."
    BOUNDARY = "A parameter lies at its bound, where it has no Wald standard error."
    SADDLE = "The run ended where the likelihood curves upwards, so this is not a maximum."
    STOPPED = "You stopped the run; the best step is kept, without standard errors."
    STOPPED_EARLY = "You stopped the run before there was an estimate; nothing is kept."
    CANCELLED = "You cancelled the run; nothing is kept."
    STEP_LIMIT = "The step limit was reached before the maximum."
    NO_PROGRESS = "The optimizer ended before the maximum was reached."
    PRECISION = "float32 reached its limit: the last steps change less than its rounding."
    SEPARATED = "No maximum exists: the outcome is predicted exactly."
    NOT_FINITE = "The log-likelihood is not finite."
    INTERRUPTED = "The kernel ended before the run did; it can be resumed."
    FAILED = "The run ended with an error."

    @property
    def converged(self) -> bool:
        """Whether this is a maximum in the sense of the convergence test."""
        return self is Outcome.CONVERGED

    @property
    def at_maximum(self) -> bool:
        """Whether this is a maximum, one where some standard errors are withheld included."""
        return self in {Outcome.CONVERGED, Outcome.FLAT, Outcome.BOUNDARY}

    @property
    def status_label(self) -> str:
        """The sign and word shown on the run, as in ``"✓ Converged"``."""
        return _STATUS_LABELS[self]

    @property
    def comparable(self) -> bool:
        """Whether a fit with this outcome can be compared with others."""
        return self in _COMPARABLE

    @property
    def can_continue(self) -> bool:
        """Whether going on from the last step makes sense."""
        return self in _CONTINUABLE


_STATUS_LABELS = {
    Outcome.CONVERGED: "✓ Converged",
    Outcome.FLAT: "! Flat direction",
    Outcome.BOUNDARY: "! At a bound",
    Outcome.SADDLE: "! Not a maximum",
    Outcome.STOPPED: "■ Stopped",
    Outcome.STOPPED_EARLY: "■ Stopped",
    Outcome.CANCELLED: "✕ Cancelled",
    Outcome.STEP_LIMIT: "! Not converged",
    Outcome.NO_PROGRESS: "! Not converged",
    Outcome.PRECISION: "! Not converged",
    Outcome.SEPARATED: "✕ Separated",
    Outcome.NOT_FINITE: "✕ Not finite",
    Outcome.INTERRUPTED: "! Interrupted",
    Outcome.FAILED: "✕ Failed",
}
_COMPARABLE = {
    Outcome.CONVERGED,
    Outcome.FLAT,
    Outcome.BOUNDARY,
    Outcome.STOPPED,
    Outcome.STEP_LIMIT,
    Outcome.NO_PROGRESS,
    Outcome.PRECISION,
}
_CONTINUABLE = {
    Outcome.STOPPED,
    Outcome.STEP_LIMIT,
    Outcome.NO_PROGRESS,
    Outcome.PRECISION,
    Outcome.INTERRUPTED,
}
