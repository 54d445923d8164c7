"""``%%mle`` in an IPython shell: what it reads, shows, keeps and refuses."""

import re
import time

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from scipy import stats
from traitlets.config import Config

import workbench as wb
from tests.notebook.fake_run import FakeRun
from workbench.errors import OptionError
from workbench.estimation.code import magic_cell
from workbench.literals import Choice
from workbench.notebook import extension
from workbench.notebook.cell import display, session
from workbench.notebook.cell.arguments import is_formula, joined, settings
from workbench.notebook.cell.magic import HELP, MleMagics
from workbench.notebook.cell.options import FLAGS, read_line
from workbench.notebook.cell.variables import check_name, identifier, place_for
from workbench.notebook.widgets import trace_view

# Newton stops at a decrement of 1e-8, and its last step squares the error.
ESTIMATES = 1e-8
# The same likelihood on two libraries differs by rounding and the last Newton step.
LIBRARIES = 1e-7

GAUSSIAN = """\
params: const, b_educ, b_exper, sigma > 0 = 1.0
mu = const + b_educ*educ + b_exper*exper
loglik = normal_logpdf(lwage, mu, sigma)
"""
HEAVY_TAILS = """\
params: scale > 0 = 0.5, df > 0 = 6
loglik = student_t_logpdf(y, eta, scale, df)
"""


@pytest.fixture(scope="module")
def shell():
    """Start a shell with the extension, and end it afterwards."""
    InteractiveShell.clear_instance()
    quiet = Config(
        {"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}}
    )
    shell = InteractiveShell.instance(config=quiet)
    shell.run_line_magic("load_ext", "workbench")
    yield shell
    shell.restore_sys_module_state()  # __main__ is the tests' own again
    InteractiveShell.clear_instance()


@pytest.fixture
def run(shell):
    """Run cells in an emptied namespace and session; return success, outputs and text."""
    shell.reset(new_session=False)
    session._fits.clear()

    def run_cell(cell, **variables):
        shell.push(variables)
        with capture_output() as captured:
            result = shell.run_cell(cell)
        return result, captured.outputs, captured.stdout

    return run_cell


@pytest.fixture(scope="module")
def wages():
    """Draw wages with Student errors: 400 rows in 40 regions, seeded."""
    draws = np.random.default_rng(7)
    educ = draws.integers(8, 18, 400).astype(float)
    lwage = 0.4 + 0.1 * educ + 0.3 * draws.standard_t(5, 400)
    return pd.DataFrame({"lwage": lwage, "educ": educ, "region": np.arange(400) % 40})


def plain(outputs):
    return "\n".join(output.data["text/plain"] for output in outputs)


def refused(answer, kind):
    """Return the printed message of a cell that ended with a refusal and no traceback."""
    result, _, text = answer
    assert not result.success
    assert type(result.error_in_exec).__name__ == kind
    assert "Traceback" not in text
    assert text.count("\n") <= 3
    return text


@pytest.mark.parametrize("cell", ["%%mle --help\n", "%%mle", "%%mle\n", "%%mle  \n\n", "%mle"])
def test_without_arguments_the_magic_prints_one_line_of_help(run, cell):
    result, outputs, _ = run(cell)

    assert result.success
    assert plain(outputs) == HELP
    assert "\n" not in HELP


def test_a_formula_gives_the_estimates_of_statsmodels(run, shell):
    result, outputs, _ = run(
        "%%mle mroz --model logit --se robust --name baseline\ninlf ~ educ +\n  exper  # years\n"
    )

    mroz = wb.load("mroz")
    design = sm.add_constant(mroz[["educ", "exper"]])
    reference = sm.Logit(mroz["inlf"], design).fit(disp=False, cov_type="HC0")
    fit = shell.user_ns["baseline"]
    assert result.success
    assert fit.specification.formula == "inlf ~ educ + exper"
    np.testing.assert_allclose(fit.params, reference.params, rtol=ESTIMATES)
    np.testing.assert_allclose(fit.se, reference.bse, rtol=1e-6)
    assert "the shipped sample mroz, 753 rows, 22 columns" in plain(outputs)


def test_the_result_is_shown_as_a_table_and_the_underscore_is_left_alone(run, shell):
    result, outputs, _ = run("%%mle mroz --model probit\ninlf ~ educ")

    assert result.result is None
    assert {"text/html", "text/markdown", "text/plain"} <= set(outputs[-1].data)
    assert "Log-likelihood" in outputs[-1].data["text/plain"]


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_likelihood_body_gives_the_closed_form_on_both_libraries(run, shell, backend):
    run(f"%%mle mroz --name 'by hand' --backend {backend}\n{GAUSSIAN}")

    data = wb.load("mroz").dropna(subset=["lwage"])
    reference = sm.OLS(data["lwage"], sm.add_constant(data[["educ", "exper"]])).fit()
    fit = shell.user_ns["by_hand"]
    assert fit.specification.backend == backend
    assert fit.converged
    np.testing.assert_allclose(fit.params.iloc[:3], reference.params, rtol=LIBRARIES)
    assert fit.params["sigma"] == pytest.approx(np.sqrt(reference.ssr / len(data)), rel=LIBRARIES)
    assert fit.loglik == pytest.approx(reference.llf, rel=1e-10)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_body_beside_a_formula_estimates_its_coefficients_too(run, shell, wages, backend):
    run(
        f"%%mle wages --formula 'lwage ~ educ' --name heavy --backend {backend}\n{HEAVY_TAILS}",
        wages=wages,
    )

    fit = shell.user_ns["heavy"]
    index = fit.params["Intercept"] + fit.params["educ"] * wages["educ"]
    expected = stats.t.logpdf(wages["lwage"], fit.params["df"], index, fit.params["scale"]).sum()
    assert fit.converged
    assert list(fit.params.index) == ["Intercept", "educ", "scale", "df"]
    assert fit.loglik == pytest.approx(expected, rel=1e-10)


def test_a_body_by_unit_counts_units_and_reaches_the_row_wise_maximum(run, shell, wages):
    body = "params: m, s > 0\nloglik = unit_sum(normal_logpdf(lwage, m, s))"

    run(f"%%mle wages --by region --name units\n{body}", wages=wages)

    fit = shell.user_ns["units"]
    assert fit.nobs == 40
    assert fit.params["m"] == pytest.approx(wages["lwage"].mean(), rel=LIBRARIES)
    assert fit.params["s"] == pytest.approx(wages["lwage"].std(ddof=0), rel=LIBRARIES)


def test_options_reach_the_specification(run, wages):
    line = (
        "--model gaussian --se cluster --cluster region --optimizer newton(max_steps=9) "
        '--backend torch --start "educ=0.1, Intercept=0" --max-steps 30 --seed 3 --ssc stata '
        "--name chosen --dtype float64 --device cpu --missing raise --collinear refuse"
    )

    run(f"%%mle wages {line}\nlwage ~ educ", wages=wages)

    asked = session.fit_named("chosen", {}).specification
    assert (asked.se, asked.cluster, asked.backend) == ("cluster", "region", "torch")
    assert (asked.max_steps, asked.seed, asked.ssc) == (30, 3, "stata")
    assert (asked.missing, asked.collinear) == ("raise", "refuse")
    assert asked.optimizer.settings == {"max_steps": 9}
    assert asked.start == {"educ": 0.1, "Intercept": 0.0}
    assert (asked.data.kind, asked.data.name) == ("frame", "wages")


def test_standard_errors_take_their_columns_from_flags(run, shell, wages):
    options = '--se driscoll_kraay --se-options "time=educ, lag=1" --name across'

    run(f"%%mle wages --model ols {options}\nlwage ~ educ", wages=wages)

    fit = shell.user_ns["across"]
    assert fit.specification.se_options == {"time": "educ", "lag": 1}
    assert fit.se_label == "Driscoll-Kraay (1 lag)"


@pytest.mark.parametrize(
    "line",
    [
        '--optimizer "sgd(lr=0.1, momentum=0.5)"',
        "--optimizer sgd --optimizer-lr 0.1 --optimizer-momentum=0.5",
        '--optimizer "sgd(lr=0.1)" --optimizer-momentum 0.5',
    ],
)
def test_an_optimizer_is_given_its_options_in_one_word_or_in_flags(line):
    asked = settings(read_line(MleMagics.mle.parser, f"mroz --model logit {line}"))

    assert asked["optimizer"] == "sgd"
    assert asked["optimizer_options"] == {"lr": 0.1, "momentum": 0.5}


def test_a_demeaner_without_a_name_is_given_options(run, shell):
    line = "--model feols --demeaner-tol 1e-10 --name tight --ssc=none"

    run(f"%%mle staggered {line}\ny ~ x | unit + year")

    assert shell.user_ns["tight"].specification.demeaner == Choice("auto", {"tol": 1e-10})


def test_columns_are_given_in_one_flag_or_in_several():
    lines = ('--cluster "state + year"', "--cluster state --cluster year")

    read = [settings(read_line(MleMagics.mle.parser, f"mroz {line}")) for line in lines]

    assert read == [{"cluster": ["state", "year"]}] * 2


def test_the_former_flag_of_choice_situations_is_understood_with_a_warning():
    line = "travel --model conditional_logit --choosers individual --alternatives mode"

    with pytest.warns(FutureWarning, match="--choosers is called --situation now") as warned:
        asked = settings(read_line(MleMagics.mle.parser, line))

    assert len(warned) == 1
    assert asked == {"situation": "individual", "alternatives": "mode"}


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_former_flag_and_the_new_one_together_are_refused():
    with pytest.raises(OptionError, match="--situation is given twice"):
        read_line(MleMagics.mle.parser, "travel --situation a --choosers b")


def test_the_help_of_the_magic_explains_every_option():
    text = " ".join((MleMagics.mle.__doc__ or "").split())

    for each in FLAGS.values():
        assert each.flag in text
        assert each.option.help in text
    assert "(mixed_logit)" in text


def test_the_cell_that_code_prints_repeats_the_run(run, shell):
    run(f'%%mle mroz --name "first try" --backend torch\n\n{GAUSSIAN}')
    first = shell.user_ns["first_try"]

    run(first.code().magic.replace("first try", "again"))

    again = shell.user_ns["again"]
    assert again.specification.replace(name="") == first.specification.replace(name="")
    pd.testing.assert_series_equal(again.params, first.params, check_exact=True)


# The data ----------------------------------------------------------------------------------------


def test_a_variable_comes_before_the_sample_of_its_name_and_the_output_says_so(run):
    mroz = wb.load("mroz").head(100)

    _, outputs, _ = run("%%mle mroz --model ols\nhours ~ educ", mroz=mroz)

    assert "the notebook's variable mroz, 100 rows" in plain(outputs)
    assert "comes before the sample" in plain(outputs)


def test_a_variable_that_is_not_a_table_gives_way_to_the_sample(run):
    _, outputs, _ = run("%%mle mroz --model ols\nhours ~ educ", mroz=3)

    assert "the shipped sample mroz" in plain(outputs)


def test_a_file_is_read_by_its_path(run, wages, tmp_path):
    path = tmp_path / "some wages.csv"
    wages.to_csv(path, index=False)

    result, outputs, _ = run(f'%%mle "{path}" --model ols\nlwage ~ educ')

    assert result.success
    assert "the file" in plain(outputs)


@pytest.mark.parametrize(
    "options",
    [{"decimal": ","}, {"decimal": ",", "skip": 0, "missing": "-99"}, {"sep": ";", "text": ["id"]}],
)
def test_a_cell_reads_a_file_with_the_options_that_the_code_of_a_run_shows(run, tmp_path, options):
    path = tmp_path / "rents.csv"
    rows = [f"{1 + i % 5},{100 + 7 * i};{i % 7};0{i}" for i in range(60)]
    path.write_text("\n".join(["rent;rooms;id", *rows]))
    options = {"decimal": ",", **options}
    fit = wb.fit("ols", "rent ~ rooms", wb.read_csv(path, **options), name="rents")

    result, _, _ = run(f"{magic_cell(fit.specification)}\n")

    assert result.success
    again = session.fit_named("rents", {})
    assert again.specification.data.options == fit.specification.data.options
    assert again.params.equals(fit.params)


def test_options_of_reading_are_refused_for_what_is_no_text_file(run, wages):
    said = refused(
        run('%%mle wages --read "skip=3" --model ols\nlwage ~ educ', wages=wages), "DataError"
    )

    assert '"wages" has an unknown format' in said


def test_unknown_data_are_refused_with_the_nearest_name(run):
    assert "Try: mroz" in refused(run("%%mle mrox --model ols\nhours ~ educ"), "DataError")


def test_a_cell_without_data_is_refused(run):
    assert "names no data" in refused(run("%%mle --model ols\nhours ~ educ"), "DataError")


# What is kept ------------------------------------------------------------------------------------


def test_a_named_fit_is_put_beside_a_later_one_and_the_newest_of_a_name_wins(run):
    run("%%mle mroz --model ols --name base\nhours ~ educ")
    run("%%mle mroz --model ols --name base\nhours ~ educ + exper")

    _, outputs, _ = run("%%mle mroz --model ols --name more --beside base\nhours ~ educ + age")

    table = outputs[-1].data["text/plain"]
    assert {"base", "more", "exper", "age"} <= set(table.split())


def test_a_fit_of_the_notebook_can_stand_beside(run, shell):
    mine = wb.fit("ols", "hours ~ educ", wb.load("mroz"), name="mine")

    result, outputs, _ = run("%%mle mroz --model ols --beside fit\nhours ~ age", fit=mine)

    assert result.success
    assert "mine" in outputs[-1].data["text/plain"]


def test_an_unknown_name_beside_is_refused_before_anything_runs(run):
    run("%%mle mroz --model ols --name base\nhours ~ educ")

    text = refused(run("%%mle mroz --model ols --beside bass\nhours ~ age"), "OptionError")

    assert '"bass"' in text
    assert "base" in text


def test_a_name_never_replaces_a_variable_that_is_no_fit(run, shell, wages):
    run("%%mle wages --model ols --name wages\nlwage ~ educ", wages=wages)

    assert shell.user_ns["wages"] is wages
    assert session.fit_named("wages", {}).nobs == 400


def test_a_fit_beside_another_variable_of_its_name_is_said_to_be_elsewhere(run, shell, wages):
    _, outputs, _ = run("%%mle wages --model ols --name wages\nlwage ~ educ", wages=wages)

    assert "wages is a DataFrame and stays as it is" in plain(outputs)
    assert shell.user_ns["wages_fit"].nobs == 400


@pytest.mark.parametrize("name", ["print", "sum", "In", "get_ipython", "1", "np", "len", "exit"])
def test_a_name_of_python_or_ipython_or_a_module_is_refused_before_the_run(run, shell, wages, name):
    before = {**shell.user_ns, "np": np, "wages": wages}

    result = run(f"%%mle wages --model ols --name {name}\nlwage ~ educ", wages=wages, np=np)

    assert "_fit" in refused(result, "OptionError") or name == "1"
    assert shell.user_ns.get(name) is before.get(name)
    assert not session.remembered()


@pytest.mark.parametrize("name", ["Exception", "display", "Out", "print!", "True", "_1", "math"])
def test_other_names_that_are_taken_are_refused_with_a_free_one(name):
    import math

    namespace = {"math": math, "print_fit": 1}
    if name == "True":  # a keyword, which gets an underscore
        assert place_for(name, namespace) == ("True_", "")
        return
    with pytest.raises(OptionError) as refusal:
        check_name(name, namespace)

    assert refusal.value.suggestion not in {*namespace, "print"}
    assert place_for(name, namespace)[0] == refusal.value.suggestion


@pytest.mark.parametrize(
    ("name", "variable"),
    [("baseline", "baseline"), ("by hand", "by_hand"), ("2 b", "_2_b"), ("for", "for_"), ("!", "")],
)
def test_a_name_becomes_a_variable_in_identifier_form(name, variable):
    assert identifier(name) == variable


def test_in_the_background_the_cell_returns_and_the_fit_follows(run, shell):
    result, _, _ = run("%%mle mroz --model logit --name later --background\ninlf ~ educ")

    assert result.success
    for _ in range(300):
        if "later" in shell.user_ns:
            break
        time.sleep(0.1)
    assert shell.user_ns["later"].converged


# Refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('--name "x', "quotation mark is left open"),
        ("--mod logit", "Try: --model"),
        ("--max-steps many", "--max-steps"),
        ("--model", "--model"),
        ("and more", "and"),
        ("--se robst --model logit", "robust"),
        ("--model logti", "logit"),
        ("--optimizer newtn --model logit", "newton"),
        ("--backend jaxx --model logit", "jaxx"),
        ("--start educ --model logit", "educ"),
        ("", "names no model"),
        ("--model logit --formula 'inlf ~ age'", "--formula does not apply"),
        ("--model logit --by educ", "--by does not apply"),
        ("--model logit --draws 50", "draws is an option of mixed_logit"),
        ("--draws 50", "names no model"),
        ("--model logit --seed 1 --seed 2", "--seed is given twice"),
        ("--model mixed_logit --draws many", "--draws"),
        ("--model mixed_logit --draws 0", "--draws"),
        ("--model mixed_logit --draw-knid halton", "Try: --draw-kind"),
        ("--model logit --optimizer-lr 0.1", "lr is an option of sgd, adam"),
        ("--model logit --optimizer newtn --optimizer-lr 0.1", "newton"),
        ("--model logit --optimizer 'sgd(lr=1)' --optimizer-lr 1", "given twice"),
        ("--model logit --optimizer sgd --optimizer-lr fast", "--optimizer-lr"),
        ("--model logit --cluster 'a +'", "cannot be read"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_in_two_sentences(run, line, message):
    text = refused(run(f"%%mle mroz {line}\ninlf ~ educ"), "OptionError")

    assert message in text


def test_a_model_with_a_likelihood_body_is_refused(run):
    text = refused(run(f"%%mle mroz --model logit\n{GAUSSIAN}"), "OptionError")

    assert "--model logit does not apply" in text


@pytest.mark.parametrize("option", ["--offset age", "--positive yes"])
def test_an_option_of_formulas_is_refused_where_there_is_none(run, option):
    text = refused(run(f"%%mle mroz {option}\n{GAUSSIAN}"), "OptionError")

    assert option.split()[0] in text


def test_beside_is_refused_in_the_background(run):
    run("%%mle mroz --model ols --name base\nhours ~ educ")
    cell = "%%mle mroz --model ols --beside base --background\nhours ~ age"

    assert "--beside" in refused(run(cell), "OptionError")


def test_an_empty_cell_with_options_is_refused(run):
    assert "has no model below" in refused(run("%%mle mroz --model logit"), "OptionError")


@pytest.mark.parametrize(
    ("body", "kind", "line", "word"),
    [
        ("params: a\n\nloglik = a*edcu", "LikelihoodError", 4, "educ"),
        ("params: a >\nloglik = a*educ", "LikelihoodError", 2, "a >"),
        ("params: a\nb = 1\nloglik = a*educ*~b", "LikelihoodError", 4, "TypeError"),
        ("params: a\nloglik = a**2 + 0*a\nx = educ", "LikelihoodError", 3, "one number"),
        ("inlf ~ age +\n  edcu", "FormulaError", 3, "educ"),
    ],
)
def test_an_error_in_the_body_names_the_line_of_the_cell(run, body, kind, line, word):
    option = "--model logit" if kind == "FormulaError" else "--backend torch"

    text = refused(run(f"%%mle mroz {option}\n{body}"), kind)

    assert f"Line {line}:" in text
    assert word in text


def test_a_variable_of_the_notebook_is_not_seen_by_a_body(run):
    text = refused(
        run("%%mle mroz\nparams: a\nloglik = -(educ - a*shift)**2", shift=2.0), "LikelihoodError"
    )

    assert "wb.custom" in text


def test_braces_and_dollars_in_a_line_are_left_as_they_are(run):
    result, outputs, _ = run('%%mle mroz --model ols --name "{x} $x"\nhours ~ educ', x=1)

    assert result.success
    assert "{x} $x" in plain(outputs)


def test_loading_twice_is_loading_once(shell):
    shell.run_line_magic("reload_ext", "workbench")

    names = [getattr(m, "matcher_identifier", "") for m in shell.Completer.custom_matchers]
    assert names.count("workbench.mle") == 1
    assert shell.find_cell_magic("mle")


# Formula or likelihood ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("inlf ~ educ", True),
        ("inlf ~ educ + bs(exper, df=3)\n + age", True),
        ("`odd name` ~ x | firm", True),
        (GAUSSIAN, False),
        ("loglik = ~(a > 0) +", False),
        ("loglik = -y", False),
        ("~x", False),
        ("educ +", False),
    ],
)
def test_text_that_is_not_python_and_has_a_tilde_is_a_formula(text, formula):
    assert is_formula(text) is formula


def test_a_formula_of_several_lines_is_joined_without_its_comments():
    assert joined("y ~ a  # first\n# second\n\n  + `b # c`") == "y ~ a + `b # c`"


# Waiting -----------------------------------------------------------------------------------------


class Slow:
    """A run that ends when it is stopped, and meets an interrupt at each of the first waits."""

    name = "slow"
    fit = None

    def __init__(self, interrupts):
        self.interrupts = interrupts
        self.orders = []

    def wait(self, timeout):
        if self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt
        return True

    def stop(self):
        self.orders.append("stop")

    def cancel(self):
        self.orders.append("cancel")

    def result(self):
        raise OptionError("It has no result.")


def test_the_first_interrupt_stops_the_run_and_keeps_waiting_for_it():
    run = Slow(interrupts=1)

    with pytest.raises(OptionError, match="no result"):
        display.show_until_end(run, [], id)

    assert run.orders == ["stop"]


def test_the_second_interrupt_cancels_and_is_raised():
    run = Slow(interrupts=2)

    with pytest.raises(KeyboardInterrupt):
        display.show_until_end(run, [], id)

    assert run.orders == ["stop", "cancel"]


def test_an_interrupt_while_the_result_is_stored_loses_nothing(monkeypatch):
    monkeypatch.setattr(display, "static_bundle", lambda _: {"text/plain": "a table"})
    run, kept = Slow(interrupts=0), []
    run.fit = object()

    def keep(fit):
        kept.append(fit)
        if len(kept) == 1:
            raise KeyboardInterrupt

    with pytest.raises(OptionError, match="no result"):
        display.show_until_end(run, [], keep)

    assert kept == [run.fit, run.fit]


class FakeView:
    """A live view that remembers who listens to its page."""

    def __init__(self, *runs, steerable=True):
        self.steerable = steerable
        FakeView.last = self

    def on_msg(self, handler):
        self.handler = handler

    def _repr_mimebundle_(self):
        return {"text/plain": "live"}, {}


def test_in_jupyter_the_live_view_gives_way_to_the_result_in_the_same_output(shell, monkeypatch):
    monkeypatch.setattr(display, "in_jupyter", lambda: True)
    monkeypatch.setattr("workbench.notebook.widgets.trace_view.TraceView", FakeView)
    run = wb.start("ols", "hours ~ educ", wb.load("mroz"), name="ols")

    with capture_output() as captured:
        display.show_until_end(run, [], id)
        FakeView.last.handler(None, {"type": "ready"}, [])

    live, result, again = captured._outputs
    assert not FakeView.last.steerable
    assert live["data"]["text/plain"] == "live"
    assert "Log-likelihood" in result["data"]["text/plain"]
    assert result["update"] is True
    assert live["transient"] == result["transient"] == again["transient"]
    assert again["data"] == result["data"]


def test_where_the_page_is_not_built_the_result_comes_all_the_same(shell, monkeypatch):
    def refuse(*runs, steerable):
        raise OptionError("The page is not built.")

    monkeypatch.setattr(display, "in_jupyter", lambda: True)
    monkeypatch.setattr("workbench.notebook.widgets.trace_view.TraceView", refuse)
    run = wb.start("ols", "hours ~ educ", wb.load("mroz"), name="ols")

    with capture_output() as captured:
        display.show_until_end(run, [], id)

    assert "not built" in captured.outputs[0].data["text/plain"]
    assert "Log-likelihood" in captured.outputs[1].data["text/plain"]


def test_an_event_study_is_written_in_a_cell(run):
    formula = "y ~ x + sunab(first_treated, year) | unit + year"
    effect = wb.fit("feols", formula, wb.load("staggered")).params["year::0"]

    result, outputs, _ = run(f"%%mle staggered --model feols --cluster unit --name ours\n{formula}")

    assert result.success
    assert re.search(rf"year::0 +{effect:.3f}", plain(outputs))


def test_a_view_of_a_run_alone_brings_the_magic_that_its_code_needs(shell, monkeypatch):
    extension.unload_ipython_extension(shell)
    monkeypatch.setattr(trace_view, "in_jupyter", lambda: True)
    monkeypatch.setattr(trace_view, "publish", lambda _: None)
    monkeypatch.setattr(trace_view.TraceView, "_repr_mimebundle_", dict)
    view = trace_view.TraceView(FakeRun(), steerable=False)

    view._ipython_display_()
    view.close()

    assert "mle" in shell.magics_manager.magics["cell"]
