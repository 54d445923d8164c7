"""What Tab offers in a ``%%mle`` cell, asked of IPython's own completer."""

import pandas as pd
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from workbench.covariances.kinds import COVARIANCES
from workbench.models.choice.options import DRAW_KINDS
from workbench.models.registry import listed
from workbench.notebook.cell import session
from workbench.notebook.cell.options import OPTIONS
from workbench.optimizers import OPTIMIZERS


@pytest.fixture(scope="module")
def shell():
    """Start a shell with the extension and one table, and end it afterwards."""
    InteractiveShell.clear_instance()
    quiet = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell.instance(config=quiet)
    shell.run_line_magic("load_ext", "workbench")
    shell.push({"wages": pd.DataFrame({"lwage": [1.0], "educ": [2.0], "odd name": [3.0]})})
    yield shell
    shell.restore_sys_module_state()  # __main__ is the tests' own again
    InteractiveShell.clear_instance()


@pytest.fixture
def offered(shell):
    """Return what is offered where ``▲`` stands in a cell."""

    def complete(cell):
        before, _, after = cell.partition("▲")
        with provisionalcompleter():
            found = list(shell.Completer.completions(before + after, len(before)))
        return [item.text for item in found]

    return complete


def test_every_option_is_offered(offered):
    assert offered("%%mle mroz --▲") == [option.flag for option in OPTIONS]


def test_an_option_begun_is_completed_and_one_given_is_not_offered_again(offered):
    assert offered("%%mle mroz --ba▲") == ["--base", "--backend", "--background"]
    assert offered("%%mle mroz --backend jax --ba▲") == ["--base", "--background"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("--model ▲", [n for n in listed() if n != "custom"]),
        ("--model pro▲", ["probit"]),
        ("--model=lo▲", ["logit"]),
        ("--se ▲", [*COVARIANCES, "iid", "hetero", "HC1", "CRV1"]),
        ("--backend t▲", ["torch"]),
        ("--fixef-rm ▲", ["singleton", "none"]),
        ("--device ▲", ["cpu", "cuda", "mps"]),
        ("--optimizer trust▲", [name for name in OPTIMIZERS if name.startswith("trust")]),
        ("--weight-kind f▲", ["frequency"]),
        ("--model logit --dtype ▲", ["float64", "float32"]),
    ],
)
def test_the_values_of_an_option_are_offered(offered, typed, expected):
    assert offered(f"%%mle mroz {typed}\ninlf ~ educ") == expected


def test_the_options_of_a_model_are_offered_when_it_is_named(offered):
    assert offered("%%mle mroz --model latent_class --me▲") == ["--membership"]
    assert "--membership" not in offered("%%mle mroz --model logit --me▲")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("--optimizer sgd --optimizer-▲", ["max-steps", "lr", "reduction", "momentum"]),
        ("--optimizer=trust-exact --optimizer-ma▲", ["max-steps", "max-radius"]),
        ("--optimizer-▲", []),
        ("--demeaner 'lsmr(tol=1e-10)' --demeaner-l▲", ["library"]),
    ],
)
def test_the_options_of_a_member_are_offered_when_it_is_named(offered, typed, expected):
    family = typed.split("-▲")[0].split()[0].partition("=")[0]

    found = [each for each in offered(f"%%mle mroz {typed}") if each.startswith("-")]

    assert found == [f"{family}-{name}" for name in expected]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("--model mixed_logit --draw-kind ▲", [*DRAW_KINDS]),
        ("--model mixed_logit --correlated ▲", ["True", "False"]),
        ("--model fepois --optimizer ▲", ["newton"]),
        ("--model mixed_logit --se HC▲", []),
        ("--optimizer sgd --optimizer-reduction ▲", ["mean", "sum"]),
        ("--demeaner lsmr --demeaner-precondition ▲", ["True", "False"]),
    ],
)
def test_the_values_follow_the_declared_options(offered, typed, expected):
    assert offered(f"%%mle mroz {typed}") == expected


def test_an_option_of_columns_offers_the_columns_of_the_data(offered):
    assert offered("%%mle wages --cluster ▲") == ["lwage", "educ", '"odd name"']


def test_the_fits_of_the_session_are_offered_for_the_flag_beside(offered, monkeypatch):
    monkeypatch.setattr(session, "_fits", {"by hand": None, "base": None})

    assert offered("%%mle wages --beside ▲") == ['"by hand"', "base"]


def test_data_are_the_variables_first_and_then_the_samples(offered):
    names = offered("%%mle ▲")

    assert names[0] == "wages"
    assert "mroz" in names
    assert offered("%%mle mr▲") == ["mroz"]


def test_once_the_data_are_named_no_other_are_offered(offered):
    assert "mroz" not in offered("%%mle wages ▲")


def test_a_formula_offers_the_columns_and_quotes_the_odd_ones(offered):
    assert offered("%%mle wages --model ols\nlwage ~ ed▲") == ["educ"]
    assert offered("%%mle wages --model ols\nlwage ~ odd▲") == ["`odd name`"]


def test_a_sample_offers_its_columns(offered):
    assert offered("%%mle mroz --model logit\ninlf ~ kids▲") == ["kidslt6", "kidsge6"]


def test_a_body_offers_parameters_columns_functions_and_what_was_assigned(offered):
    cell = "%%mle wages\nparams: b_educ, scale > 0\nmedian = 1\nloglik = {}▲"

    assert offered(cell.format("b_")) == ["b_educ"]
    assert offered(cell.format("a/b*edu")) == ["educ"]
    assert offered(cell.format("student")) == ["student_t_logpdf"]
    assert offered(cell.format("medi")) == ["median"]
    assert offered(cell.format("odd")) == ['col("odd name")']


def test_a_body_beside_a_formula_offers_its_index(offered):
    cell = "%%mle wages --formula 'lwage ~ educ'\nloglik = poisson_logpmf(y, et▲"

    assert offered(cell) == ["eta"]


def test_the_notebooks_variables_are_not_offered_in_a_body(offered):
    assert "wages" not in offered("%%mle wages\nparams: a\nloglik = w▲")


def test_other_cells_are_completed_as_before(offered):
    assert "wages" in offered("print(wag▲")
    assert "--model" not in offered("%%timeit --▲")
