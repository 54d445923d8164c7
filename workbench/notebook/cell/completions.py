"""What Tab offers in a ``%%mle`` cell: options, their values, data, and names of the body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from workbench.data.names import quoted
from workbench.errors import WorkbenchError
from workbench.models.custom.body import FUNCTIONS
from workbench.notebook.cell.data import find_data
from workbench.notebook.cell.options import OPTIONS
from workbench.notebook.setup.data import files_here, notebook_tables, sample_names

if TYPE_CHECKING:
    from IPython.core.completer import SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

_FLAGS = {option.flag: option for option in OPTIONS}
_FORMULA_FUNCTIONS = ("log", "exp", "sqrt", "I", "C", "poly", "bs", "scale", "center", "i", "sunab")
_DECLARED = re.compile(r"^\s*params\s*:(.*)$", re.MULTILINE)
_ASSIGNED = re.compile(r"^\s*([^\W\d]\w*)\s*=(?!=)", re.MULTILINE)
_NAME = re.compile(r"[^\W\d]\w*")
_LOGLIK = "loglik"


def matcher_for(shell: InteractiveShell) -> Any:
    """Return an IPython matcher that completes ``%%mle`` cells from this shell's variables."""

    @context_matcher(identifier="workbench.mle", priority=200)  # type: ignore[untyped-decorator]
    def mle_matcher(context: CompletionContext) -> SimpleMatcherResult:
        fragment, offers = _offers(context, shell.user_ns)
        matches = [text for text in dict.fromkeys(offers) if _fits(text, fragment)]
        return {
            "completions": [SimpleCompletion(text, type="mle") for text in matches],
            "matched_fragment": fragment,
            "suppress": bool(matches),
            "ordered": True,
        }

    return mle_matcher


def _fits(text: str, fragment: str) -> bool:
    return text.lower().lstrip('`"').removeprefix('col("').startswith(fragment.lower())


def _offers(context: CompletionContext, namespace: Mapping[str, Any]) -> tuple[str, Iterable[str]]:
    """Return what is being typed, a suffix of the token, and everything that could stand there."""
    first, _, body = context.full_text.partition("\n")
    magic = re.match(r"\s*%%?mle\s", first)
    if not magic:
        return "", ()
    if context.cursor_line:
        name = re.search(r"(?:[^\W\d]\w*)?$", context.text_until_cursor)
        return (name[0] if name else ""), _names(first[magic.end() :], body, namespace)
    return _suffix(context), _line(context.text_until_cursor[magic.end() :], first, namespace)


def _suffix(context: CompletionContext) -> str:
    """Return the word before the cursor, as far as the completer's token reaches back."""
    word = re.split(r"[\s=]", context.text_until_cursor)[-1]
    return word if context.token.endswith(word) else context.token


def _line(typed: str, line: str, namespace: Mapping[str, Any]) -> Iterable[str]:
    """Offer options, an option's values, or data."""
    before, _, word = typed.rpartition(" ")
    flag = word.partition("=")[0] if "=" in word else (before.split() or [""])[-1]
    option = _FLAGS.get(flag)
    if option and option.action != "store_true":
        values = option.values()
        return map(quoted_word, _columns(line, namespace) if option.column else values)
    if word.startswith("-"):
        return [flag for flag in _FLAGS if flag not in before.split()]
    return () if _data_name(before) else _data(namespace)


def quoted_word(name: str) -> str:
    """Return a name as the options line writes it: in quotation marks when it has spaces."""
    return name if re.fullmatch(r"[\w./^()-]+", name) else f'"{name}"'


def _data(namespace: Mapping[str, Any]) -> list[str]:
    files = [quoted_word(name) for name in files_here(Path.cwd())]
    return [*notebook_tables(namespace), *(name for name, _ in sample_names()), *files]


def _names(line: str, body: str, namespace: Mapping[str, Any]) -> list[str]:
    """Offer the columns, and what a body or a formula may say about them."""
    columns = _columns(line, namespace)
    declared = [name for items in _DECLARED.findall(body) for name in _NAME.findall(items)]
    if not (declared or "--formula" in line or _LOGLIK in body):
        return [*map(quoted, columns), *_FORMULA_FUNCTIONS, "params:", _LOGLIK]
    index = ["y", "eta"] if "--formula" in line else []
    local = [name for name in _ASSIGNED.findall(body) if name != _LOGLIK]
    named = [name if name.isidentifier() else f'col("{name}")' for name in columns]
    return [*index, *declared, *local, *named, *FUNCTIONS, "pi", _LOGLIK, "params:"]


def _data_name(words: str) -> str:
    """Return the data that a line of options names, or nothing."""
    rest = words.split()
    while rest:
        word = rest.pop(0)
        option = _FLAGS.get(word)
        if option and option.action != "store_true" and rest:
            rest.pop(0)
        elif not word.startswith("-"):
            return word.strip("\"'")
    return ""


def _columns(line: str, namespace: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns of the data named; none while the name is unknown."""
    name = _data_name(re.sub(r"^\s*%%?mle\s", "", line))
    try:
        return find_data(name, namespace).names if name else ()
    except (WorkbenchError, OSError):
        return ()
