"""Complete ``%%mle`` cells: options, their values, data, and names in the body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from workbench.data.names import quoted
from workbench.errors import WorkbenchError
from workbench.estimation.code import quoted_word
from workbench.estimation.families import FAMILIES, OptionFamily
from workbench.models.custom.body import FUNCTIONS
from workbench.models.registry import MODELS, listed
from workbench.notebook.cell.data import find_data
from workbench.notebook.cell.options import CELL, FLAGS, MEMBER_OPTIONS, OPTIONS, Flag
from workbench.notebook.cell.session import remembered
from workbench.notebook.setup.data import files_here, notebook_tables, sample_names
from workbench.options import Kind

if TYPE_CHECKING:
    from IPython.core.completer import SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

_FORMULA_FUNCTIONS = ("log", "exp", "sqrt", "I", "C", "poly", "bs", "scale", "center", "i", "sunab")
_DECLARED = re.compile(r"^\s*params\s*:(.*)$", re.MULTILINE)
_ASSIGNED = re.compile(r"^\s*([^\W\d]\w*)\s*=(?!=)", re.MULTILINE)
_NAME = re.compile(r"[^\W\d]\w*")
_LOGLIK = "loglik"


def matcher_for(shell: InteractiveShell) -> Any:
    """Return an IPython matcher that completes ``%%mle`` cells from this shell's variables."""

    @context_matcher(identifier="workbench.mle", priority=200)  # type: ignore[untyped-decorator]
    def mle_matcher(context: CompletionContext) -> SimpleMatcherResult:
        fragment, candidates = _candidates(context, shell.user_ns)
        matches = [text for text in dict.fromkeys(candidates) if _fits(text, fragment)]
        return {
            "completions": [SimpleCompletion(text, type="mle") for text in matches],
            "matched_fragment": fragment,
            "suppress": bool(matches),
            "ordered": True,
        }

    return mle_matcher


def _fits(text: str, fragment: str) -> bool:
    return text.lower().lstrip('`"').removeprefix('col("').startswith(fragment.lower())


def _candidates(
    context: CompletionContext, namespace: Mapping[str, Any]
) -> tuple[str, Iterable[str]]:
    """Return what is being typed, a suffix of the token, and the candidates for it."""
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
    """Return options, an option's values, or data."""
    before, _, word = typed.rpartition(" ")
    written = word.partition("=")[0] if "=" in word else (before.split() or [""])[-1]
    flag = FLAGS.get(written)
    if flag and not flag.bare:
        return map(quoted_word, _values(flag, line, namespace))
    if word.startswith("-"):
        given = before.split()
        return [each.flag for each in _flags(line) if each.flag not in given or each.may_repeat]
    return () if _data_name(before) else _data(namespace)


def _flags(line: str) -> Iterable[Flag]:
    """Yield the flags that fit the model and the members that a line names."""
    model = _value_of("--model", line)
    for flag in OPTIONS:
        if not flag.owners or model not in MODELS or model in flag.owners:
            yield flag
    for flag in MEMBER_OPTIONS:
        if _member(FAMILIES[flag.family], line) in flag.owners:
            yield flag


def _values(flag: Flag, line: str, namespace: Mapping[str, Any]) -> Iterable[str]:
    """Return what a flag may be set to."""
    kind, name = flag.option.kind, flag.name
    if kind in {Kind.COLUMN, Kind.COLUMNS}:
        return _columns(line, namespace)
    if flag.option in CELL:
        return {"model": _models, "beside": remembered}.get(name, tuple)()
    if name in FAMILIES:
        return _members(FAMILIES[name], _value_of("--model", line))
    if kind is Kind.FLAG:
        return ("True", "False")
    return [str(each) for each in flag.option.choices if each is not None]


def _models() -> Iterable[str]:
    return [name for name, kind in listed().items() if kind.needs_formula]


def _members(family: OptionFamily, model: str) -> Iterable[str]:
    """Return the members that a model may have, or those of all models."""
    kinds = listed()
    models = [kinds[model]] if model in kinds else list(kinds.values())
    if family.option == "optimizer" and len(models) == 1 and models[0].optimizers is not None:
        return models[0].optimizers
    if family.option != "se":
        return family.members
    own = [name for kind in models for name in kind.covariances()]
    also = [name for kind in models for name in kind.covariance_names]
    return dict.fromkeys([*(name for name in family.members if name in own), *also])


def _member(family: OptionFamily, line: str) -> str:
    """Return the member of a family that a line names, by its own name."""
    named = _value_of(f"--{family.option}", line).partition("(")[0]
    model = listed().get(_value_of("--model", line))
    return named if model is None else model.covariance_names.get(named, named)


def _value_of(flag: str, line: str) -> str:
    found = re.search(rf"""(?:^|\s){re.escape(flag)}[=\s]+["']?([^\s"']+)""", line)
    return found[1] if found else ""


def _data(namespace: Mapping[str, Any]) -> list[str]:
    files = [quoted_word(name) for name in files_here(Path.cwd())]
    return [*notebook_tables(namespace), *(name for name, _ in sample_names()), *files]


def _names(line: str, body: str, namespace: Mapping[str, Any]) -> list[str]:
    """Return columns, and the functions of a body or a formula."""
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
        flag = FLAGS.get(word)
        if flag and not flag.bare and rest:
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
