"""Format numbers for every page, table and export.

A missing number is formatted as an empty text: ``nan`` is never shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from workbench.sentences import power_of_ten

MINUS = "\N{MINUS SIGN}"
FIGURE_SPACE = "\N{FIGURE SPACE}"
TIMES = "\N{MULTIPLICATION SIGN}"
POINT_SPACE = "\N{PUNCTUATION SPACE}"
NOT_SHOWN = "not shown"

SMALL, LARGE = 1e-4, 1e7
"""Numbers below the first and from the second on are written with a power of ten."""

RUNAWAY, MOST_DIGITS = 1e15, 12
"""From here on a log-likelihood too has a power of ten; and the digits it keeps."""

_HANGING = ")]*"


def is_missing(value: float | None) -> bool:
    """Return whether the value is missing."""
    return value is None or math.isnan(value)


def fixed(value: float | None, decimals: int) -> str:
    """Write ``value`` with a fixed number of decimals and commas between thousands.

    >>> fixed(1234.567, 1), fixed(-0.0001, 2)
    ('1,234.6', '0.00')
    """
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if abs(value) >= RUNAWAY:
        return scientific(value)
    text = f"{value:,.{decimals}f}"
    if text[0] != "-":
        return text
    return MINUS + text[1:] if text.strip("-0.") else text[1:]


def scientific(value: float, digits: int = 2) -> str:
    """Write ``value`` with a power of ten and ``digits`` significant digits."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa} {TIMES} {power_of_ten(int(exponent))}".replace("-", MINUS)


def figure(value: float | None, digits: int = 4) -> str:
    """Write a number that has no standard error, with ``digits`` significant digits.

    >>> figure(126.63), figure(0.25), figure(0.0)
    ('126.6', '0.25', '0')
    """
    if value is None or math.isnan(value):
        return ""
    if value == 0 or math.isinf(value):
        return fixed(value, 0)
    if not SMALL <= abs(value) < LARGE:
        return scientific(value)
    decimals = max(0, digits - 1 - _exponent(value, digits))
    text = fixed(value, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


def decimals_of_row(errors: Iterable[float], estimates: Iterable[float] = ()) -> int:
    """Choose the decimals of a row: two significant digits of its smallest standard error.

    A row without standard errors gets four significant digits of its largest estimate.

    >>> decimals_of_row([0.0084, 0.0091, 0.0048])
    4
    """
    if known := [error for error in errors if 0 < error < math.inf]:
        return max(0, 1 - _exponent(min(known), 2))
    sizes = [abs(estimate) for estimate in estimates if 0 < abs(estimate) < math.inf]
    return max(0, 3 - _exponent(max(sizes), 4)) if sizes else 3


def in_row(value: float | None, decimals: int) -> str:
    """Write an estimate or a standard error with the decimals of its row.

    A number written with a power of ten keeps as many digits as its row gives, at least two.

    >>> in_row(0.02134, 4), in_row(1_234_567.0, 0)
    ('0.0213', '1,234,567')
    """
    if value is None or math.isnan(value):
        return ""
    size = abs(value)
    if SMALL <= size < LARGE or (decimals <= 4 and size < LARGE) or size in (0, math.inf):
        return fixed(value, decimals)
    digits = max(2, _exponent(value, 2) + decimals + 1)
    return scientific(value, min(digits, MOST_DIGITS))


def log_likelihood(value: float | None, *, running: bool = False) -> str:
    """Write a log-likelihood, in nats: three decimals, two while the run goes on."""
    if value is None:
        return ""
    return fixed(value, 0 if abs(value) >= LARGE else 2 if running else 3)


def criterion(value: float | None) -> str:
    """Write AIC or BIC, in nats: one decimal."""
    return fixed(value, 1)


def r_squared(value: float | None) -> str:
    """Write an R²: four decimals."""
    return fixed(value, 4)


def p_value(value: float | None) -> str:
    """Write a p-value: three decimals, ``"< 0.001"`` below."""
    if value is not None and value < 0.001:
        return "< 0.001"
    return fixed(value, 3)


def count(value: float | None) -> str:
    """Write a count; a sum of weights that is not a whole number keeps one decimal."""
    if value is None or math.isnan(value):
        return ""
    return fixed(value, 0 if float(value).is_integer() else 1)


def seconds(value: float | None) -> str:
    """Write a number of seconds, below a minute, without its unit.

    >>> seconds(0.018), seconds(4.02), seconds(0.001)
    ('0.02', '4.0', '< 0.01')
    """
    if value is not None and 0 < value < 0.005:
        return "< 0.01"
    return fixed(value, 2 if value is not None and value < 0.995 else 1)


def duration(value: float | None) -> str:
    """Write a time with its unit, in seconds or as a clock would.

    >>> duration(0.02), duration(12.3), duration(65), duration(3725)
    ('0.02 s', '12.3 s', '1:05', '1:02:05')
    """
    if value is None or math.isnan(value):
        return ""
    if value < 59.95:
        return f"{seconds(value)} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def memory(size: float) -> str:
    """Write a number of bytes in MB or GB.

    >>> memory(1.2e9), memory(40e6)
    ('1.2 GB', '40 MB')
    """
    unit, name = (1e9, "GB") if size >= 1e9 else (1e6, "MB")
    return f"{figure(size / unit, 2)} {name}"


def percent(share: float) -> str:
    """Write a share as a percentage, with a space.

    >>> percent(0.1)
    '10 %'
    """
    return f"{figure(100 * share, 2)} %"


def split_hanging(text: str) -> tuple[str, str]:
    """Split the closing bracket or the stars, which are set outside a column, from a number."""
    core = text.rstrip(_HANGING)
    return core, text[len(core) :]


def paddings(cores: Sequence[str], figure_space: str = FIGURE_SPACE) -> list[str]:
    """Return the padding after each number of a column that aligns the decimal points.

    Parameters
    ----------
    cores
        Numbers of one column without stars and brackets; a text or a power of ten gets nothing.
    figure_space
        What is as wide as a digit; the space as wide as a point is left out when it is given.
    """
    decimals = [_decimals(core) for core in cores]
    widest = max(decimals, default=-1)
    point = POINT_SPACE if figure_space == FIGURE_SPACE else figure_space
    choices = [point + figure_space * widest if widest else ""]
    choices += [figure_space * (widest - held) for held in range(1, widest + 1)]
    return ["" if held < 0 else choices[held] for held in decimals]


def _decimals(core: str) -> int:
    """Count the decimals of a plain number; -1 for any other text."""
    if not core or core[-1] > "9" or TIMES in core:
        return -1
    whole, _, fraction = core.partition(".")
    return len(fraction) if whole[-1:].isdigit() else -1


def _exponent(value: float, digits: int) -> int:
    """Return the power of ten of ``value`` after rounding to ``digits`` digits."""
    return int(f"{abs(value):.{digits - 1}e}".split("e")[1])
