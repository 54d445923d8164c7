"""The check of the choices on the Setup tab, by the plan of their run."""

from __future__ import annotations

from workbench.covariances.kinds import covariances
from workbench.errors import LikelihoodError
from workbench.estimation.model import Finding, Plan
from workbench.models.drafts import plan_of
from workbench.notebook.setup import fields as drawn
from workbench.notebook.setup.chosen import Check, Chosen
from workbench.notebook.setup.data import Opened
from workbench.notebook.setup.formula_text import sides
from workbench.notebook.setup.specification import specification
from workbench.sentences import counted

_NAMES = {
    kind.adjective.partition(" ")[0]
    for kind in covariances().values()
    if kind.adjective[0].isupper()
}
"""Names of standard errors that keep their capital within a sentence."""


def checked(chosen: Chosen, opened: Opened | None) -> Check:
    """Return the check of the choices, by the plan of the run."""
    if opened is None:
        return Check(False, "Choose a data source to begin.", brief="there are no data yet")
    spec = specification(chosen, Check(True, ""), opened.reference, "")
    plan = plan_of(spec, opened.table)
    return _accepted(plan) if plan.ready else _refused(plan, chosen, opened)


def _accepted(plan: Plan) -> Check:
    total, about = plan.table.nrows, " ".join(plan.notes)
    if plan.rows is None:
        return Check(True, about, rows=total)
    parameters, rows = len(plan.names), len(plan.rows)
    lost = total - rows
    why = ", ".join(f"{count:,} {reason}" for reason, count in plan.dropped.items() if count)
    units = plan.units or f"{rows:,} rows used"
    what = f" row{'s' * (lost != 1)}" if plan.units else ""
    text = f"{counted(parameters, 'parameter')}, {units}, {lost:,}{what} dropped" + (
        f" ({why})." if lost and why else "."
    )
    names = plan.names
    return Check(True, text, about, parameters=parameters, rows=rows, used=plan.rows, names=names)


def _refused(plan: Plan, chosen: Chosen, opened: Opened) -> Check:
    """Return the first finding as a sentence, with the next step."""
    finding = plan.findings[0]
    error, data = finding.error, opened.reference.name
    if error.code == "no-formula":
        text = "Write a formula, or press y and Enter on variables of the list."
        return Check(False, text, brief="the formula is empty")
    if plan.levels:
        outcome = sides(chosen.formula).outcome.strip("`")
        text = f"Which level of {outcome} is 1?"
        return Check(False, text, brief="say which level is 1", levels=plan.levels)
    of, field = _place(finding, chosen)
    if error.code == "unknown-column" and error.suggestion and field == "formula":
        text = f"{data} has no column “{error.where}”."
        nearest = f"The nearest name is {error.suggestion}."
        brief = f"the formula names a column that {data} lacks"
        return Check(False, text, nearest, error.where, error.suggestion, brief, field)
    detail = _next_step(finding, chosen)
    brief = _brief(error.problem)
    return Check(False, error.problem, detail, error.where, brief=brief, field=field, of=of)


def _place(finding: Finding, chosen: Chosen) -> tuple[str, str]:
    """Return the group and the field at which a finding is shown."""
    if finding.of and finding.option in [e.name for e in drawn.shown(finding.of, chosen)]:
        return finding.of, finding.option
    if finding.of == "run" or (finding.of and finding.option == finding.of):
        return "", finding.option
    return "", "body" if isinstance(finding.error, LikelihoodError) else "formula"


def _next_step(finding: Finding, chosen: Chosen) -> str:
    """Return the error's own hint; nothing at a field that only has to be filled in."""
    if finding.error.code == "no-cluster":
        return "Choose it under Cluster by."
    if finding.of:
        missing = {
            each.name
            for each in drawn.declared(finding.of, chosen)
            if each.required and not drawn.values_of(finding.of, chosen).get(each.name)
        }
        if finding.option in missing:
            return ""
    return f"Try: {finding.error.hint}" if finding.error.hint else ""


def _brief(text: str) -> str:
    """Return a sentence to go on with after a colon, a name at its head as it is."""
    text, head = text.rstrip("."), text.partition(" ")[0]
    return text if head in _NAMES or text[:2].isupper() else text[:1].lower() + text[1:]
