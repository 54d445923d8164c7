"""What other programs write in formulas, answered with what is written here.

A formula is looked at here after it was refused, so that nothing that can be read is changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from workbench.data.names import NAME, shown
from workbench.errors import FormulaError

_LIST = rf"{NAME}(?:[\s+]+{NAME})*"
_COLUMN = r"[^\W\d]\w*"
_COMMAND = re.compile(
    r"\s*(?:ivregress\s+\w+|ivreg2|ivreghdfe|reghdfe|regress|reg|areg|xtreg|logit|probit|poisson)\s+"
)
_STATA_OPTION = re.compile(r"(\w+)(?:\s*\(([^()]*)\))?")
_CALL = re.compile(r"\s*[\w.]+\(((?:[^(),]|\([^()]*\))*~(?:[^(),]|\([^()]*\))*)(?:,(.*))?\)\s*")
_SHIFTED = 'a column: df["{{0}}_{name}"] = df.groupby("unit")["{{0}}"].{call}, in order of time.'
_LAG = _SHIFTED.format(name="lag", call="shift(1)")
_LEAD = _SHIFTED.format(name="lead", call="shift(-1)")
_CHANGE = _SHIFTED.format(name="change", call="diff()")
_SEVERAL = "one fit for each; wb.compare puts them in one table."


@dataclass
class _Reading:
    """A formula of another program while it is translated.

    Attributes
    ----------
    text
        What is left of it, with our words for what was recognized.
    found
        What was recognized: the piece, and what it is.
    endogenous, instruments, effects
        What belongs behind bars.
    options
        What is an option here, as in ``cluster="firm"``.
    unread
        Options of the other program that nothing stands for in our words.
    instead
        What to do where nothing here means the same.
    """

    text: str
    found: list[tuple[str, str]] = field(default_factory=list)
    endogenous: list[str] = field(default_factory=list)
    instruments: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    instead: str = ""

    @property
    def formula(self) -> str:
        """The formula as it is written here."""
        left, tilde, right = self.text.partition("~")
        terms, _, behind = right.partition("|")
        effects = [*filter(None, [behind.strip()]), *self.effects]
        parts = [f"{left.strip()} ~ {_without_gaps(terms)}" if tilde else self.text.strip()]
        parts += [" + ".join(effects)] if effects else []
        pair = [" + ".join(names) for names in (self.endogenous, self.instruments)]
        return " | ".join([*parts, *([" ~ ".join(pair)] if pair[0] else [])])


def in_our_words(text: str, error: FormulaError, readable: Callable[[str], bool]) -> FormulaError:
    """Return the error of a refused formula, with ours where another program writes it so.

    Parameters
    ----------
    text, error
        The formula, and why it was refused.
    readable
        Tells whether a formula can be read here.
    """
    reading = _Reading(text)
    for read in (_stata_line, _call, _parts, *_RULES):
        read(reading)
    if not reading.found:
        return error
    piece, what = reading.found[0]
    ours = reading.formula
    known = not reading.instead and readable(ours)
    if not (known or reading.instead):
        return error
    options = f", with {' and '.join(reading.options)}" if reading.options else ""
    if reading.unread:
        options += f"; nothing stands for {' and '.join(map(shown, reading.unread))} in it"
    return FormulaError(
        f'"{shown(piece)}" is {what}.',
        hint=reading.instead or f"{ours}{options}.",
        code=error.code,
        where=error.where,
        suggestion=ours if known and not options else "",
    )


def ivreg(text: str) -> str:
    """Return ours for ``y ~ x + e | x + z``, where all instruments follow one bar; else nothing.

    >>> ivreg("y ~ x + e | x + z"), ivreg("y ~ x | firm")
    ('y ~ x | e ~ z', '')
    """
    left, _, right = text.partition("~")
    parts = [[term.strip() for term in part.split("+")] for part in right.split("|")]
    if len(parts) != 2:
        return ""
    exogenous = [term for term in parts[0] if term in parts[1]]
    endogenous = [term for term in parts[0] if term not in parts[1] and term not in {"0", "1"}]
    instruments = [term for term in parts[1] if term not in parts[0]]
    if not (exogenous and endogenous and instruments):
        return ""
    first, pair = " + ".join(exogenous), (" + ".join(endogenous), " + ".join(instruments))
    return f"{left.strip()} ~ {first} | {pair[0]} ~ {pair[1]}"


# Rules -------------------------------------------------------------------------------------------
def _stata_line(reading: _Reading) -> None:
    """Read ``regress y x i.year (e = z), robust`` as an outcome, its terms and options."""
    if "~" in reading.text or "|" in reading.text:
        return
    command, _, options = reading.text.partition(",")
    line = _COMMAND.sub("", command, count=1)
    spaced = re.sub(r"\(([^()]*)\)", lambda m: m.group().replace(" ", "\0"), line)
    outcome, *terms = spaced.replace("+", " ").split() or [""]
    if terms and all(re.fullmatch(r"[\w.#\0]+|\([\w.\0=]+\)", word) for word in [outcome, *terms]):
        reading.found.append((reading.text.strip(), "a Stata command"))
        reading.text = f"{outcome} ~ {' + '.join(terms)}".replace("\0", " ")
        for word, inside in _STATA_OPTION.findall(options):
            _stata_option(word, inside, reading)


def _stata_option(word: str, inside: str, reading: _Reading) -> None:
    """Read an option of a Stata command, such as ``absorb(firm year)``."""
    names = inside.replace("i.", "").replace("#", "^").split()
    match word, names:
        case (("absorb" | "a"), [_, *_]):
            reading.effects += names
        case (("cluster" | "cl"), [_, *_]):
            reading.options.append(_clustered(names))
        case "vce", ["cluster" | "cl", _, *_]:
            reading.options.append(_clustered(names[1:]))
        case (("robust" | "r"), []) | ("vce", ["robust" | "r"]):
            reading.options.append('se="robust"')
        case (("noconstant" | "nocons" | "nocon" | "noc"), []):
            reading.text += " - 1"
        case "fe", []:
            reading.instead = (
                f"{reading.formula} | unit, where unit is the first column that xtset names."
            )
        case _:
            reading.unread.append(f"{word}({inside})" if inside else word)


def _clustered(names: Sequence[str]) -> str:
    quoted = [f'"{name}"' for name in names]
    return f"cluster={quoted[0]}" if len(quoted) == 1 else f"cluster=[{', '.join(quoted)}]"


def _call(reading: _Reading) -> None:
    """Read the formula in a call such as ``feols(y ~ x | firm, data = df)``."""
    if match := _CALL.fullmatch(reading.text):
        reading.found.append((reading.text.strip(), "a call, where a formula is needed"))
        reading.text = match[1].strip()
        reading.unread += [match[2].strip()] if match[2] else []


def _parts(reading: _Reading) -> None:
    """Read the parts of lfe's ``y ~ x | effects | instruments | cluster``, and of ivreg."""
    pieces = [piece.strip() for piece in re.split(r"\|(?![^()]*\))", reading.text)]
    if len(pieces) == 3 and not any("~" in piece for piece in pieces[1:]) and "0" not in pieces:
        reading.found.append((reading.text.strip(), "a formula as ivreg has it"))
        reading.text = pieces[0]
        reading.endogenous.append(pieces[1])
        reading.instruments.append(pieces[2])
    if len(pieces) == 4 or (len(pieces) == 3 and pieces[2] == "0"):
        reading.found.append((reading.text.strip(), "a formula as lfe has it"))
        reading.text = pieces[0]
        reading.effects += [] if pieces[1] == "0" else [pieces[1]]
        if pair := re.fullmatch(r"\(?([^~()]+)~([^~()]+)\)?", pieces[2]):
            reading.endogenous.append(pair[1].strip())
            reading.instruments.append(pair[2].strip())
        if pieces[3:] and pieces[3] != "0":
            reading.options.append(_clustered([name.strip() for name in pieces[3].split("+")]))


def _instruments(pattern: str, program: str) -> Callable[[_Reading], None]:
    """Read instruments in brackets among the terms."""
    compiled = re.compile(pattern)

    def read(reading: _Reading) -> None:
        for match in compiled.finditer(reading.text):
            reading.found.append((match.group(), f"how {program} writes instruments"))
            reading.endogenous.append(_summed(match[1]))
            reading.instruments.append(_summed(match[2]))
        reading.text = compiled.sub("", reading.text)

    return read


def _spelling(pattern: str, ours: str, what: str) -> Callable[[_Reading], None]:
    """Read what has another spelling here."""
    compiled = re.compile(pattern)

    def read(reading: _Reading) -> None:
        reading.found += [(match.group(), what) for match in compiled.finditer(reading.text)]
        reading.text = compiled.sub(ours, reading.text)

    return read


def _moved(pattern: str, to: str, option: str, what: str) -> Callable[[_Reading], None]:
    """Read what does not stand among the terms here: a fixed effect, or an option."""
    compiled = re.compile(pattern)

    def read(reading: _Reading) -> None:
        for match in compiled.finditer(reading.text):
            reading.found.append((match.group(), what))
            getattr(reading, to).append(option.format(match[1].strip()))
        reading.text = compiled.sub("", reading.text)

    return read


def _missing(pattern: str, what: str, instead: str) -> Callable[[_Reading], None]:
    """Read what there is not; ``{0}`` stands for the column."""
    compiled = re.compile(pattern)

    def read(reading: _Reading) -> None:
        if match := compiled.search(reading.text):
            reading.found.insert(0, (match.group().strip(), f"{what}, which is not available"))
            reading.instead = instead.format(match[1] if match.groups() else "")

    return read


def _random_effects(reading: _Reading) -> None:
    """Read the random effects of lme4, ``(1 | g)``."""
    match = re.search(rf"(?<!\w)\(([^()|~]*)\|+\s*({_COLUMN})[^()]*\)", reading.text)
    if match:
        reading.found.insert(0, (match.group(), "a random effect, which is not available"))
        left = reading.text.replace(match.group(), "").partition("~")
        effects = f"{left[0].strip()} ~ {_without_gaps(left[2])} | {match[2]}"
        reading.instead = f"fixed effects: {effects}."


def _joined_effects(reading: _Reading) -> None:
    """Read ``firm:year`` or ``firm#year`` among the fixed effects."""
    first, bar, rest = reading.text.partition("|")
    effects, second, pair = rest.partition("|")
    if bar and "~" not in effects and (match := re.search(rf"{NAME}\s*[:#*]+\s*{NAME}", effects)):
        reading.found.append((match.group(), "joined fixed effects in another spelling"))
        reading.text = first + bar + re.sub(r"\s*[:#*]+\s*", "^", effects) + second + pair


def _summed(names: str) -> str:
    """Join names that stand apart by blanks, as in Stata."""
    return names.strip() if "+" in names else " + ".join(re.findall(NAME, names))


def _without_gaps(terms: str) -> str:
    """Return terms without the signs that a piece left behind; one at least."""
    kept = [term.strip() for term in re.split(r"\+(?![^()]*\))", terms)]
    return " + ".join(filter(None, kept)) or "1"


_STATA_FACTOR = "how Stata writes a factor"
_RULES: tuple[Callable[[_Reading], None], ...] = (
    _instruments(rf"\[\s*({_LIST})\s*~\s*({_LIST})\s*\]", "linearmodels"),
    _instruments(rf"\(\s*({_LIST})\s*=\s*({_LIST})\s*\)", "Stata"),
    _instruments(rf"\(\s*({_LIST})\s*~\s*({_LIST})\s*\)", "lfe"),
    _random_effects,
    _missing(rf"\bL\d*\.({_COLUMN})", "a lag", _LAG),
    _missing(rf"\bF\d*\.({_COLUMN})", "a lead", _LEAD),
    _missing(rf"\b[DS]\d*\.({_COLUMN})", "a difference", _CHANGE),
    _missing(rf"\b(?:lag|Lag|shift|l|L)\(\s*({_COLUMN})[^()]*\)", "a lag", _LAG),
    _missing(rf"\b(?:lead|f|F)\(\s*({_COLUMN})[^()]*\)", "a lead", _LEAD),
    _missing(rf"\b(?:diff|d|D)\(\s*({_COLUMN})[^()]*\)", "a difference", _CHANGE),
    _missing(r"\b(?:mv|c)?sw0?\([^()]*\)", "a list of formulas", _SEVERAL),
    _missing(r"^\s*(?:c|cbind)\([^()]*\)(?=\s*~)", "a list of outcomes", _SEVERAL),
    _missing(
        r"\b(?:Entity|Time)Effects\b",
        "a fixed effect without its column",
        'the columns behind a bar, as in "y ~ x | firm + year".',
    ),
    _missing(
        rf"\b(?:ns|s|te|rcs|pspline)\(\s*({_COLUMN})[^()]*\)",
        "another kind of spline",
        "a B-spline with the degrees of freedom that you choose, as in bs({0}, df=5).",
    ),
    _missing(r"\bstrata\(\s*(\w+)\s*\)", "a stratum", "C({0}), or {0} behind a bar."),
    _spelling(rf"\bib?\d*\.({_COLUMN})", r"C(\1)", _STATA_FACTOR),
    _spelling(rf"\bc\.({_COLUMN})", r"\1", "how Stata writes a number in an interaction"),
    _spelling(r"\s*##\s*", " * ", "how Stata writes main effects and interaction"),
    _spelling(r"(?<=[\w)`])\s*#\s*", ":", "how Stata writes an interaction"),
    _spelling(
        rf"\b(?:as\.)?(?:factor|ordered)\(\s*({NAME})\s*\)", r"C(\1)", "how R writes a factor"
    ),
    _spelling(r"\bQ\(\s*[\"'](.*?)[\"']\s*\)", r"`\1`", "how patsy writes a name"),
    _spelling(r"\bln\(", "log(", "how Stata writes a logarithm"),
    _spelling(rf"\bI\(\s*({_COLUMN})\s*\^\s*(\d+)\s*\)", r"I(\1**\2)", "how R writes a power"),
    _moved(r"\b(?:fe|FE|absorb|fixef)\(\s*([\w. +^]+?)\s*\)", "effects", "{0}", "a fixed effect"),
    _moved(r"\boffset\(((?:[^()]|\([^()]*\))*)\)", "options", 'offset="{0}"', "an option here"),
    _moved(r"\bexposure\(\s*([^()]*)\)", "options", 'offset="log({0})"', "an option here"),
    _moved(r"\bcluster\(\s*([^()]*)\)", "options", 'cluster="{0}"', "an option here"),
    _joined_effects,
)
"""What other programs write, in the order in which it is looked for."""
