"""The body language: what it reads, what it refuses, and that it computes on both libraries."""

import traceback

import numpy as np
import pytest
from scipy import stats

from workbench.backends import backend_named
from workbench.errors import LikelihoodError
from workbench.models.custom.body import has_params, parse_body
from workbench.models.custom.parameters import Parameter

COLUMNS = ("lwage", "educ", "exper", "odd name", "class")
# Both libraries and scipy evaluate the normal density to a few units in the last place.
AGREEMENT = 1e-13

GAUSSIAN = """\
params: const, b_educ, sigma > 0 = 1.5
mu = const + b_educ*educ
loglik = normal_logpdf(lwage, mu, sigma)
"""


@pytest.fixture(params=["torch", "jax"])
def xp(request):
    """Give each library in float64, inside its scope."""
    backend = backend_named(request.param)
    with backend.scope():
        yield backend


@pytest.fixture
def rows():
    """Draw six rows of every column, seeded."""
    draws = np.random.default_rng(0).normal(size=(len(COLUMNS), 6))
    return dict(zip(COLUMNS, draws, strict=True))


def evaluate(body, xp, rows, units=None, **values):
    """Evaluate a body on numpy columns and return numpy."""
    index = [name for name in ("y", "eta") if name in rows]
    columns = {name: xp.array(rows[name]) for name in (*body.columns, *index)}
    scalars = {name: xp.array(np.float64(value)) for name, value in values.items()}
    return xp.numpy(body.evaluate(scalars, columns, xp, units))


def refusal(text, **options):
    with pytest.raises(LikelihoodError) as caught:
        parse_body(text, columns=options.pop("columns", COLUMNS), **options)
    return caught.value


def test_a_body_computes_the_density_it_writes(xp, rows):
    body = parse_body(GAUSSIAN, columns=COLUMNS)

    loglik = evaluate(body, xp, rows, const=0.3, b_educ=0.1, sigma=1.2)

    expected = stats.norm.logpdf(rows["lwage"], 0.3 + 0.1 * rows["educ"], 1.2)
    np.testing.assert_allclose(loglik, expected, rtol=AGREEMENT)


def test_a_body_knows_its_parameters_and_columns():
    body = parse_body(GAUSSIAN, columns=COLUMNS)

    assert body.columns == ("educ", "lwage")
    assert list(body.parameters) == ["const", "b_educ", "sigma"]
    assert body.parameters["sigma"] == Parameter(1.5, lower=0.0)


@pytest.mark.parametrize(
    ("item", "parameter"),
    [
        ("a", Parameter(0.0)),
        ("a = -1.5e1", Parameter(-15.0)),
        ("a > 0", Parameter(1.0, lower=0.0)),
        ("a > 0 = 6", Parameter(6.0, lower=0.0)),
        ("a > -1", Parameter(0.0, lower=-1.0)),
        ("a < 2", Parameter(1.0, upper=2.0)),
        ("0 < a < 1", Parameter(0.5, 0.0, 1.0)),
        ("-1 < a < 1 = .2", Parameter(0.2, -1.0, 1.0)),
        ("0<a", Parameter(1.0, lower=0.0)),
    ],
)
def test_a_params_line_declares_bounds_and_start(item, parameter):
    body = parse_body(f"params: {item}  # note\nloglik = -((educ - a)**2)", columns=COLUMNS)

    assert body.parameters == {"a": parameter}


def test_several_params_lines_may_stand_anywhere():
    text = "params: a\nm = a + educ\n  params: b > 0\nloglik = log(b) - b*m**2\n"

    assert list(parse_body(text, columns=COLUMNS).parameters) == ["a", "b"]


@pytest.mark.parametrize("item", ["a >= 0", "0 < a > 1", "1 > a", "a = x", "a,, b", "a,", "2a", ""])
def test_a_params_line_that_cannot_be_read_is_refused_with_its_line(item):
    error = refusal(f"\nparams: {item}\nloglik = educ*a")

    assert error.code == "bad-params"
    assert error.where == "line 2"


def test_a_start_outside_its_bounds_is_refused_by_name():
    error = refusal("params: sigma > 0 = -1\nloglik = educ/sigma")

    assert "sigma" in error.problem
    assert "-1.0" in error.problem


def test_with_a_formula_the_body_sees_outcome_and_index(xp, rows):
    text = "params: scale > 0, df > 0 = 6\nloglik = student_t_logpdf(y, eta, scale, df)"
    body = parse_body(text, columns=COLUMNS, formula="lwage ~ educ")

    loglik = evaluate(
        body, xp, {**rows, "y": rows["lwage"], "eta": rows["educ"]}, scale=0.7, df=5.0
    )

    assert body.columns == ()
    expected = stats.t.logpdf(rows["lwage"], 5.0, rows["educ"], 0.7)
    np.testing.assert_allclose(loglik, expected, rtol=AGREEMENT)


def test_a_column_named_y_that_is_the_outcome_means_one_thing():
    body = parse_body("loglik = poisson_logpmf(y, exp(eta))", columns=["y", "x"], formula="y ~ x")

    assert body.columns == ()


@pytest.mark.parametrize(
    ("text", "options", "name"),
    [
        ("params: educ\nloglik = -(lwage - educ)**2", {}, "educ"),
        ("params: exp\nloglik = -(lwage - exp)**2", {}, "exp"),
        ("params: a\nloglik = -(abs(lwage) - a)**2", {"columns": ["lwage", "abs"]}, "abs"),
        ("params: y\nloglik = y*eta", {"formula": "lwage ~ educ"}, "y"),
        ("loglik = -(y - eta)**2", {"formula": "z ~ x", "columns": ["x", "y", "z"]}, "y"),
        ("loglik = -(y - eta)**2", {"formula": "y ~ eta", "columns": ["y", "eta"]}, "eta"),
        ('loglik = -(col("eta") - eta)**2', {"formula": "y ~ x", "columns": ["eta"]}, "eta"),
        ("params: pi\nloglik = pi*educ", {}, "pi"),
        ("params: lambda\nloglik = educ", {}, "lambda"),
        ("params: loglik\nloglik = educ", {}, "loglik"),
        ("params: Intercept\nloglik = Intercept*eta", {"formula": "lwage ~ 1"}, "Intercept"),
    ],
)
def test_a_name_with_two_meanings_is_refused_by_name(text, options, name):
    error = refusal(text, **options)

    assert error.code == "two-meanings"
    assert f" {name} is both " in error.problem


@pytest.mark.parametrize("name", ["educ", "sigma", "exp", "pi", "__a"])
def test_assigning_a_name_that_already_means_something_is_refused(name):
    error = refusal(f"params: sigma\n{name} = sigma + exper\nloglik = -{name}**2")

    assert error.code == "assigned"
    assert f"assigns {name}" in error.problem


def test_an_unknown_name_is_refused_with_the_nearest_and_its_line():
    error = refusal("params: a\n\nmu = a + edcu\nloglik = -(lwage - mu)**2")

    assert error.problem.startswith("`mu = a + edcu` reads edcu,")
    assert error.suggestion == "educ"
    assert error.where == "line 3"


def test_a_variable_of_the_notebook_is_not_visible_and_the_error_says_what_to_do():
    error = refusal("params: a\nloglik = -(lwage - a*scale)**2", outside=["scale"])

    assert "wb.custom" in error.hint
    assert "not visible" in error.hint


def test_a_name_is_unknown_before_it_is_assigned():
    error = refusal("params: a\nloglik = -(lwage - mu)**2\nmu = a + educ")

    assert error.code == "unknown-name"
    assert error.where == "line 2"


def test_odd_names_and_python_words_are_read_through_col(xp, rows):
    text = 'params: a\nloglik = -(col("odd name") - a*col("class"))**2'
    body = parse_body(text, columns=COLUMNS)

    assert body.columns == ("odd name", "class")
    expected = -((rows["odd name"] - 2 * rows["class"]) ** 2)
    np.testing.assert_allclose(evaluate(body, xp, rows, a=2.0), expected, rtol=AGREEMENT)


def test_a_column_that_shares_a_functions_name_is_read_through_col():
    body = parse_body('params: a\nloglik = -(log(educ) - a*col("exp"))**2', columns=["educ", "exp"])

    assert body.columns == ("educ", "exp")


def test_an_unknown_column_in_col_is_refused_with_the_nearest():
    assert refusal('params: a\nloglik = a*col("odd nam")').suggestion == "odd name"


def test_a_python_word_that_is_a_column_points_to_col():
    error = refusal("params: a\nloglik = a*class")

    assert error.code == "syntax"
    assert 'col("class")' in error.hint
    assert error.where == "line 2"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("import os", "import"),
        ("loglik = np.log(educ)", "attribute"),
        ("loglik = educ[0]", "subscript"),
        ("loglik = educ if a else exper", "`if`"),
        ("loglik = (a > 0) and (educ > 0)", "`and` or `or`"),
        ("loglik = not educ", "`not`"),
        ("loglik = 0 < educ < a", "chain"),
        ("loglik = educ // a", "operator"),
        ("loglik = 'text'", "constant"),
        ("loglik = True", "constant"),
        ("loglik = 2j * educ", "constant"),
        ("for i in educ:\n    loglik = i", "loop"),
        ("def f(x):\n    return x", "function"),
        ("loglik = (lambda x: x)(educ)", "function"),
        ("loglik = [a for a in educ]", "assignments and arithmetic"),
        ("loglik = f'{a}'", "assignments and arithmetic"),
        ("loglik = (b := educ)", "assignments and arithmetic"),
        ("a, b = educ, exper", "more than one name"),
        ("normal_logpdf(educ, 0, 1)", "without a name"),
        ("loglik = __import__('os').system('true')", "attribute"),
        ("loglik = exp.__self__", "attribute"),
        ("loglik = exp", "without arguments"),
        ("loglik = educ(exper)", "not a function"),
        ("loglik = normal_logpdf(educ, a)", "2 arguments"),
        ("loglik = log(educ, a)", "2 arguments"),
        ("loglik = log(*educ)", "argument"),
        ("loglik = normal_logpdf(educ, a, sdd=1)", "3 arguments"),
        ("loglik = col(educ)", "without its name"),
        ("loglik = sum(educ)", "neither"),
        ("loglik = y - eta", "neither"),
        ("del a", "assignments and arithmetic"),
        ("loglik: float = educ", "assignments and arithmetic"),
        ("loglik = educ +", "not Python"),
    ],
)
def test_syntax_outside_the_language_is_refused_with_its_line(line, word):
    error = refusal(f"params: a\n{line}")

    assert word in error.problem
    assert error.where == "line 2"
    assert error.hint


def test_an_attribute_of_numpy_points_to_the_bare_function():
    assert "log(...)" in refusal("params: a\nloglik = np.log(educ) + a").hint


def test_a_declared_parameter_that_is_not_used_is_refused_by_name():
    error = refusal("params: a, b\nloglik = -(lwage - a)**2")

    assert error.code == "unused-parameter"
    assert " b " in error.problem


@pytest.mark.parametrize(
    ("text", "formula", "code"),
    [
        ("params: a\nmu = a + educ", None, "no-loglik"),
        ("loglik = educ", None, "no-parameters"),
        ("params: a\nloglik = -a**2", None, "no-columns"),
        ("params: a\nloglik = -(y - a)**2", "lwage ~ educ", "unused-index"),
    ],
)
def test_a_body_without_an_essential_part_is_refused(text, formula, code):
    assert refusal(text, formula=formula).code == code


def test_a_declaration_made_twice_is_refused():
    assert refusal("params: a\nparams: a\nloglik = a*educ").code == "declared-twice"


@pytest.mark.parametrize(
    "text",
    ["a = " + "(" * 5000 + "1" + ")" * 5000, "a = 1\0", "params: a\n" + "x" * 30_000],
    ids=["deep", "null", "long"],
)
def test_a_body_of_extreme_size_is_refused_quickly(text):
    assert refusal(text).code in {"syntax", "body-too-long"}


def test_a_tower_of_powers_is_arithmetic_in_floats_and_ends_at_once(xp, rows):
    body = parse_body("params: a\nloglik = a*educ*9**9**9", columns=COLUMNS)

    with pytest.raises(LikelihoodError, match="OverflowError"):
        evaluate(body, xp, rows, a=1.0)


def test_an_augmented_assignment_leaves_the_column_as_it_was(xp, rows):
    body = parse_body("params: a\nz = educ\nz += a\nz *= 2\nloglik = z - educ", columns=COLUMNS)
    educ = xp.array(rows["educ"])

    body.evaluate({"a": xp.array(np.float64(1.0))}, {"educ": educ}, xp)

    np.testing.assert_array_equal(xp.numpy(educ), rows["educ"])


def test_conditions_choose_row_by_row(xp, rows):
    text = "params: a\nloglik = where((educ > 0) & ~(exper > a), 1, log(2*pi)) + 0*educ"
    body = parse_body(text, columns=COLUMNS)

    chosen = (rows["educ"] > 0) & ~(rows["exper"] > 0.1)
    expected = np.where(chosen, 1.0, np.log(2 * np.pi))
    np.testing.assert_allclose(evaluate(body, xp, rows, a=0.1), expected, rtol=AGREEMENT)


def test_densities_take_plain_numbers_and_named_arguments(xp, rows):
    body = parse_body(
        "params: a\nloglik = normal_logpdf(educ, a, sd=2) + maximum(0, educ)", columns=COLUMNS
    )

    expected = stats.norm.logpdf(rows["educ"], 0.5, 2) + np.maximum(0, rows["educ"])
    np.testing.assert_allclose(evaluate(body, xp, rows, a=0.5), expected, rtol=AGREEMENT)


def test_the_square_of_zero_has_an_exact_second_derivative(xp):
    body = parse_body("params: a\nloglik = -(a*x)**2", columns=["x"])
    columns = {"x": xp.array(np.ones(3))}

    hessian = xp.hessian(
        lambda theta: xp.sum(body.evaluate({"a": theta[0]}, columns, xp)), xp.array(np.zeros(1))
    )

    assert xp.numpy(hessian) == pytest.approx(-6.0)


def test_a_sum_instead_of_rows_is_refused_at_evaluation_with_its_line(xp, rows):
    body = parse_body("params: a\nm = educ\nloglik = -a**2", columns=COLUMNS)

    with pytest.raises(LikelihoodError, match="one number, where 6 values") as caught:
        evaluate(body, xp, rows, a=1.0)

    assert caught.value.where == "line 3"


def test_an_error_while_computing_names_the_line_and_keeps_the_traceback(rows):
    xp = backend_named("torch")
    body = parse_body("params: a\n\nm = ~educ\nloglik = a*m", columns=COLUMNS)

    with pytest.raises(LikelihoodError) as caught:
        evaluate(body, xp, rows, a=1.0)

    assert caught.value.where == "line 3"
    assert caught.value.problem.startswith("`m = ~educ` fails with ")
    assert "m = ~educ" in "".join(traceback.format_exception(caught.value.__cause__))


def test_by_unit_the_body_sums_rows_and_returns_one_value_per_unit(xp, rows):
    text = (
        "params: a, s > 0\n"
        "e = educ - a\n"
        "within = e - to_rows(unit_mean(e))\n"
        "loglik = -unit_sum(within**2)/s**2 - unit_size*log(s)"
    )
    body = parse_body(text, columns=COLUMNS, by="id")
    codes = np.array([0, 0, 1, 1, 1, 2])

    loglik = evaluate(body, xp, rows, (xp.array(codes), 3), a=0.4, s=1.3)

    expected = [
        -(group - group.mean()) @ (group - group.mean()) / 1.3**2 - group.size * np.log(1.3)
        for group in (rows["educ"][codes == unit] - 0.4 for unit in range(3))
    ]
    np.testing.assert_allclose(loglik, expected, rtol=1e-12)


def test_by_unit_a_value_per_row_is_refused(xp, rows):
    body = parse_body("params: a\nloglik = a*educ", columns=COLUMNS, by="id")

    with pytest.raises(LikelihoodError, match="one for each unit"):
        evaluate(body, xp, rows, (xp.array(np.array([0, 0, 1, 1, 1, 2])), 3), a=1.0)


def test_functions_of_units_do_not_exist_without_units():
    assert refusal("params: a\nloglik = a*unit_sum(educ)").code == "unknown-name"


def test_a_params_line_is_recognised_and_a_formula_is_not_one():
    assert has_params("params: a")
    assert not has_params("params ~ educ")
