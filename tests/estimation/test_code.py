"""The call and the cell that repeat a run are parsed back into the specification they came from."""

from __future__ import annotations

import builtins
import inspect
from keyword import iskeyword
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from IPython.core.inputtransformer2 import TransformerManager

import workbench as wb
from workbench.demeaners import DEMEANERS, choice_of as demeaner_choice_of
from workbench.errors import OptionError
from workbench.estimation.code import magic_cell, python_call
from workbench.estimation.model import model_class
from workbench.estimation.specification import DataReference, Source, Specification
from workbench.literals import (
    Choice,
    choice_text,
    parse_choice,
    parse_settings,
    parse_start,
    start_text,
)
from workbench.notebook.cell import arguments
from workbench.notebook.cell.options import read_line, with_options
from workbench.optimizers import OPTIMIZERS, choice_of
from workbench.options import options_of

MROZ = DataReference("sample", "mroz")
HOSTILE = (
    "by hand", "it's", 'say "so"', "back\\slash", "tick`s", "{x} $y", "a\nb", "\u202e", "--seed",
    "", " ", "-1", "naïve 🎓", "a,b=c", "'a'b", '"', '"""', "\\", "#", "%", "?", "!ls", "tab\there",
    "\x85", "\x0c", "x" * 300,
)  # fmt: skip


@with_options
def mle(self, line):
    """Stand in for the magic, to read a cell with its parser."""


# Reading back ------------------------------------------------------------------------------------
def read_python(code, data):
    """Run ``code`` with a ``wb`` that records the arguments of ``fit``."""
    calls = []
    frame = object()
    kinds = {kind.__name__: kind for kind in (*OPTIMIZERS.values(), *DEMEANERS.values())}
    stand_in = SimpleNamespace(
        fit=lambda *what, **options: calls.append((*what, options)),
        load=lambda name: ("sample", name),
        likelihood=lambda text, by=None: Source(text, by),
        **kinds,
    )
    importer = lambda name, *_: {"workbench": stand_in}[name]  # noqa: E731
    scope = {"__builtins__": {**vars(builtins), "__import__": importer}}
    exec(code, scope | ({data.name: frame} if data.kind == "frame" else {}))
    ((model, formula, given_data, options),) = calls
    expected = {"sample": ("sample", data.name), "file": data.name, "frame": frame}
    assert given_data == expected[data.kind]
    return specification_of(model, formula, data, **options)


def specification_of(model, formula, data, **options):
    source = model if isinstance(model, Source) else None
    for family, of in (("optimizer", choice_of), ("demeaner", demeaner_choice_of)):
        if (member := options.get(family)) is not None:
            named = isinstance(member, str)
            options[family] = parse_choice(member) if named else Choice(*of(member))
    if isinstance(several := options.get("cluster"), list):
        options["cluster"] = tuple(several) if len(several) > 1 else several[0]
    name = "body" if source else model
    declared = {each.name for each in options_of(model_class(name))}
    own = {option: options.pop(option) for option in list(options) if option in declared}
    return Specification(Choice(name, own), data, formula, source, **options)


def read_cell(cell, data):
    """Read a cell as IPython hands it to the magic."""
    scope = {}
    recorder = SimpleNamespace(run_cell_magic=lambda *words: scope.update(words=words))
    exec(TransformerManager().transform_cell(cell), {"get_ipython": lambda: recorder})
    name, line, body = scope["words"]
    assert name == "mle"
    options = read_line(mle.parser, line)
    assert options.data == data.name
    body, given = body.removesuffix("\n"), arguments.settings(options)
    for family in ("optimizer", "demeaner"):
        if family in given:
            own = given.pop(f"{family}_options", {})
            given[family] = choice_text(Choice(given[family], own))
    if options.model is not None:
        return specification_of(options.model, body, data, **given)
    return specification_of(Source(body, options.by), options.formula, data, **given)


# Drawing specifications ------------------------------------------------------------------------
finite = st.floats(allow_nan=False)
texts = st.sampled_from(HOSTILE) | st.text(max_size=20)
words = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
names = texts.filter(bool)
formulas = st.sampled_from(
    (
        "inlf ~ educ + exper + I(exper**2)",
        "y ~ C(region) + `odd name`",
        " + ".join(["lwage ~ x0", *(f"regressor_{number}" for number in range(1, 40))]),
        'y ~ C(level, contr.treatment("low"))',
    )
)
bodies = st.sampled_from(
    (
        "loglik = log_sigmoid((2*y - 1) * eta)",
        "params: mu, sigma > 0 = 1.0\nz = col('odd \\\\ x')\nloglik = normal_logpdf(z, mu, sigma)",
        'params: mu\nz = col("""it""")\n\tloglik = z - mu  # "quoted"',
    )
) | texts.filter(lambda text: text.strip() and not text.endswith("\n"))
data_references = st.one_of(
    st.builds(DataReference, st.just("sample"), words),
    st.builds(
        DataReference,
        st.just("frame"),
        words.filter(lambda word: word != "wb" and not iskeyword(word)),
    ),
    st.builds(DataReference, st.just("file"), names),
)
optimizers = st.sampled_from(
    (
        Choice("newton"),
        Choice("newton", {"max_steps": 9}),
        Choice("bfgs"),
        Choice("l-bfgs-b", {"memory": 5, "max_steps": 1000}),
    )
)
demeaners = st.sampled_from((Choice("schur"), Choice("lsmr", {"tol": 1e-10, "device": "mps"})))
simple_values = texts | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
settings_drawn = st.fixed_dictionaries(
    {},
    optional={
        "se": st.sampled_from(("robust", "opg", "cluster", "none")),
        "cluster": names | st.tuples(names, names),
        "se_options": st.dictionaries(words, simple_values, min_size=1, max_size=5),
        "weights": names,
        "weight_kind": st.just("probability"),
        "offset": names,
        "optimizer": optimizers,
        "demeaner": demeaners,
        "fixef_rm": st.just("none"),
        "backend": st.just("torch"),
        "device": st.sampled_from(("cuda:0", "mps")),
        "dtype": st.just("float32"),
        "start": st.dictionaries(texts, finite, min_size=1, max_size=12),
        "max_steps": st.integers(1, 10**6),
        "missing": st.just("raise"),
        "collinear": st.just("raise"),
        "positive": names,
        "seed": st.integers(1, 2**40),
        "ssc": st.just("stata"),
        "name": names,
    },
)
templates = st.builds(
    lambda model, data, formula, options: Specification(Choice(model), data, formula, **options),
    st.sampled_from(("logit", "feols")), data_references, formulas, settings_drawn,
)  # fmt: skip
written = st.builds(
    lambda data, formula, text, by, options: Specification(
        Choice("body"), data, formula, Source(text, by), **options
    ),
    data_references, st.none() | formulas, bodies, st.none() | names, settings_drawn,
)  # fmt: skip
specifications = templates | written


# Python ------------------------------------------------------------------------------------------
@settings(max_examples=300, deadline=None)
@given(specifications)
def test_the_python_call_gives_back_the_specification(specification):
    code = python_call(specification)

    assert read_python(code, specification.data) == specification


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_survives_python_wherever_it_stands(text):
    specification = Specification(
        Choice("body"), DataReference("file", text), text, Source(text, text), name=text,
        cluster=text, start={text: 1.0},
    )  # fmt: skip

    assert read_python(python_call(specification), specification.data) == specification


def test_only_what_differs_from_the_defaults_stands_in_the_call():
    specification = Specification(
        Choice("logit"), DataReference("frame", "mroz"), "inlf ~ educ + exper",
        se="robust", name="baseline",
    )  # fmt: skip

    code = python_call(specification)

    assert code == inspect.cleandoc(
        """
        import workbench as wb

        fit = wb.fit("logit", "inlf ~ educ + exper", mroz, se="robust", name="baseline")
        """
    )


def test_a_cluster_that_the_errors_do_not_use_stands_with_their_kind():
    specification = Specification(
        Choice("logit"), DataReference("sample", "mroz"), "inlf ~ educ", cluster="age"
    )

    assert 'se="hessian", cluster="age"' in python_call(specification)
    assert "--se hessian --cluster age" in magic_cell(specification)


def test_a_long_call_stands_on_several_lines():
    specification = Specification(
        Choice("gaussian"), MROZ, "lwage ~ educ + exper + I(exper**2) + age + kidslt6 + kidsge6",
        optimizer=Choice("l-bfgs-b", {"memory": 5}), backend="torch", name="a longer name",
        start={"Intercept": -1.0, "educ": 0.1},
    )  # fmt: skip

    code = python_call(specification)

    assert code == inspect.cleandoc(
        """
        import workbench as wb

        fit = wb.fit(
            "gaussian",
            "lwage ~ educ + exper + I(exper**2) + age + kidslt6 + kidsge6",
            wb.load("mroz"),
            optimizer=wb.LBFGSB(memory=5),
            backend="torch",
            start={"Intercept": -1.0, "educ": 0.1},
            name="a longer name",
        )
        """
    )


def test_a_likelihood_stands_in_the_call_as_it_was_written():
    text = "params: mu, sigma > 0\nloglik = normal_logpdf(lwage, mu, sigma)"
    specification = Specification(Choice("body"), MROZ, source=Source(text))

    code = python_call(specification)

    assert code == (
        'import workbench as wb\n\nfit = wb.fit(\n    wb.likelihood("""\\\n'
        f'{text}"""),\n    None,\n    wb.load("mroz"),\n)'
    )


@settings(max_examples=100, deadline=None)
@given(specifications.filter(lambda drawn: drawn.source is None))
def test_no_line_of_a_call_is_longer_than_88_letters(specification):
    lines = python_call(specification).splitlines()

    assert all(len(line) <= 88 for line in lines if "x" * 30 not in line and "\\U" not in line)


def test_a_call_with_a_frame_that_has_no_name_says_which_table_is_meant():
    specification = Specification(
        Choice("logit"), DataReference("frame", "frames[0]", "", 1753, 22), "y ~ x"
    )

    code = python_call(specification)

    assert "# data is the table of 1,753 rows and 22 columns that the run read\n" in code
    assert 'wb.fit("logit", "y ~ x", data)' in code


def test_the_call_of_a_custom_likelihood_shows_its_parameters():
    known = {"function": "tobit", "params": {"const": 0.0, "sigma": [1.0, 0.0, np.inf],
             "rho": [0.5, 0.0, 1.0]}, "columns": ["lwage"]}  # fmt: skip
    specification = Specification(Choice("custom", known), MROZ)

    code = python_call(specification)

    shown = '"const": 0.0, "sigma": wb.positive(1.0), "rho": wb.bounded(0.0, 1.0, 0.5)'
    assert f"wb.custom(\n        tobit,\n        params={{\n            {shown}\n" in code


# The cell ----------------------------------------------------------------------------------------
@settings(max_examples=300, deadline=None)
@given(specifications)
def test_the_cell_gives_back_the_specification_or_says_why_it_cannot(specification):
    cell = magic_cell(specification)

    if cell.startswith("#"):
        assert any(reason in cell for reason in ("line break", "begins with a dash"))
    else:
        assert read_cell(cell, specification.data) == specification


@pytest.mark.parametrize("text", [text for text in HOSTILE if text])
def test_hostile_names_survive_the_first_line_of_a_cell(text):
    specification = Specification(Choice("logit"), MROZ, "y ~ x", name=text, start={text: 1.0})

    cell = magic_cell(specification)

    if len(f"{text}.".splitlines()) > 1:
        assert "one of its settings has a line break" in cell
    else:
        assert read_cell(cell, MROZ) == specification


def test_the_cell_is_the_one_a_person_would_write():
    specification = Specification(
        Choice("logit"), MROZ, "inlf ~ educ", se="robust", name="by hand",
        optimizer=Choice("sgd", {"lr": 1e-05, "reduction": "sum"}), start={"educ": 0.1},
    )  # fmt: skip

    cell = magic_cell(specification)

    assert cell == (
        "%%mle mroz --model logit --se robust --optimizer \"sgd(lr=1e-05, reduction='sum')\" "
        '--start "educ=0.1" --name "by hand"\ninlf ~ educ'
    )


def test_a_body_with_a_formula_keeps_both():
    specification = Specification(
        Choice("body"), MROZ, "lwage ~ educ", Source("loglik = -(y - eta)**2", by="id")
    )

    cell = magic_cell(specification)

    assert cell == '%%mle mroz --formula "lwage ~ educ" --by id\nloglik = -(y - eta)**2'


def test_a_custom_likelihood_has_a_comment_instead_of_a_cell():
    cell = magic_cell(Specification(Choice("custom"), MROZ))

    assert cell.startswith("# This run has no %%mle cell: its likelihood is a Python function.")
    assert "\n" not in cell


# One word for a choice, one for start values -----------------------------------------------------
literals = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
setting_names = words.filter(lambda word: not iskeyword(word))


@given(
    st.builds(Choice, st.sampled_from(sorted(OPTIMIZERS)), st.dictionaries(setting_names, literals))
)
@example(Choice("sgd", {"lr": float("inf"), "bounds": [-float("inf"), 1e308]}))
def test_a_choice_comes_back_from_its_text(choice):
    assert parse_choice(choice_text(choice)) == choice


@given(st.dictionaries(texts, finite))
@example({"C(region)[T.b]": 0.1, "bs(x, df=3)[1]": -0.0, "a[b": 1e-300, "x)": float("-inf")})
def test_start_values_come_back_from_their_text(start):
    again = parse_start(start_text(start))

    assert list(again.items()) == list(start.items())
    assert np.array_equal(np.signbit([*again.values()]), np.signbit([*start.values()]))


@pytest.mark.parametrize("text", ["time", "time=", "a b=1", "lag=1, lag=2", "=1"])
def test_settings_that_cannot_be_read_are_refused(text):
    with pytest.raises(OptionError) as refused:
        parse_settings(text)

    assert refused.value.code == "unreadable-settings"
    assert text in refused.value.problem


def test_start_values_may_be_written_as_people_write_them():
    start = parse_start(" educ=0.1,Intercept = -1 , bs(x, df=3)[1]=2e3, 'a, b'=0,")

    assert start == {"educ": 0.1, "Intercept": -1.0, "bs(x, df=3)[1]": 2000.0, "a, b": 0.0}


@pytest.mark.parametrize(
    "text", ["educ", "educ=", "educ=one", "0.1", "a=1, a=2", "'a=1", "a=1;b=2"]
)
def test_start_values_that_cannot_be_read_are_refused(text):
    with pytest.raises(OptionError) as refused:
        parse_start(text)

    assert refused.value.code == "unreadable-start"
    assert text in refused.value.problem


@pytest.mark.parametrize(
    "text",
    [
        "", "sgd(", "sgd(1)", "sgd(lr)", "sgd(**x)", "sgd(lr=print())", "sgd(lr=x)", "sgd()()",
        "sgd(lr=1).go()", "sgd(lr=__import__('os'))", "sgd(lr=" + 5000 * "[" + ")", "a" * 20_000,
        "sgd(lr=1) or 2", "sgd(lr=lambda: 1)", "sgd(lr=[x for x in y])", "sgd(lr=\0)",
        "sgd(), print()", "sgd(lr=1, *[2])",
    ],
)  # fmt: skip
def test_a_choice_that_is_more_than_a_name_with_literals_is_refused(text):
    with pytest.raises(OptionError) as refused:
        parse_choice(text)

    assert refused.value.code == "unreadable-choice"
    assert len(refused.value.problem) < 150


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=lambda kind: kind.name)
def test_every_optimizer_is_called_by_the_name_it_has_in_the_package(kind):
    specification = Specification(
        Choice("logit"), MROZ, "y ~ x", optimizer=Choice(kind.name, {"max_steps": 3})
    )

    code = python_call(specification)

    assert f"optimizer=wb.{kind.__name__}(max_steps=3)" in code
    assert getattr(wb, kind.__name__) is kind
