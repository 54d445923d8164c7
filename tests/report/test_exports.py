"""Every export carries the same table, and nothing in a name acts on its reader."""

from __future__ import annotations

import csv
import io
import re
import sys
from html.parser import HTMLParser

import docx
import pandas as pd
import pytest

from workbench.errors import WorkbenchError
from workbench.report.comparison import compare
from workbench.report.exports import latex
from workbench.report.exports.csv import harmless
from workbench.report.static import static_bundle
from workbench.report.tables.summary import summary

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "javascript:alert(1)",
    "</script><b>",
    "{{7*7}}",
    r"$\href{javascript:alert(1)}{x}$",
    '" onmouseover="alert(1)',
    "' id='jp-main'",
    "a|b",
    "`x`",
    r"\input{/etc/passwd}",
    "=cmd|'/c calc'!A1",
    "@x",
    "-1+1",
]
OUR_TAGS = {
    *("div", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "p", "span", "code", "b"),
    *("img", "ul", "li"),
}


class Tags(HTMLParser):
    """Collect every element with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def renamed(fit, payload):
    """Return the fit with ``payload`` wherever a person's text can stand."""
    names = {"educ": payload}
    return fit.but(
        name=payload,
        params=fit.params.rename(names),
        se=fit.se.rename(names),
        depvar=payload,
        model_title=payload,
        message=payload,
        left_out=(payload,),
        notes=(payload,),
        dropped={payload: 3},
    )


@pytest.mark.parametrize("payload", PAYLOADS)
def test_html_holds_a_hostile_name_as_text_only(logit, separated, payload):
    hostile = renamed(logit, payload)
    failed = separated.but(
        name=payload,
        message=payload,
        evidence={
            "regressors": (payload,),
            "table": {"columns": [payload], "rows": [[payload, 1]]},
        },
    )
    pages = [
        compare(hostile, logit, stars=True).to_html(),
        static_bundle([hostile, logit, failed], title=payload)["text/html"],
        summary(hostile)._repr_html_(),
        summary(failed)._repr_html_(),
    ]

    for tag, attributes in (found for page in pages for found in Tags(page).found):
        assert tag in OUR_TAGS
        assert set(attributes) <= {
            "style",
            "class",
            "scope",
            "align",
            "colspan",
            "src",
            "alt",
            "width",
            "aria-hidden",
        }
        assert tag != "img" or attributes["src"].startswith("data:image/png;base64,")


def test_markdown_and_latex_and_csv_hold_hostile_names_as_text(logit):
    hostile = [renamed(logit, payload) for payload in PAYLOADS]
    comparison = compare(hostile)

    markdown, tex, sheet = comparison.to_markdown(), comparison.to_latex(), comparison.to_csv()

    table = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert not re.search(r"<(script|img|svg|b)\b", markdown)
    assert not re.search(r"\\(input|href)\b", tex)
    fields = [field for row in csv.reader(io.StringIO(sheet)) for field in row]
    numbers_and_names = [field for field in fields if field[:1] in "=+@-" and field]
    assert all(re.fullmatch(r"-?[\d.e+-]+", field) for field in numbers_and_names)


def test_a_spreadsheet_formula_gets_an_apostrophe():
    assert [harmless(text) for text in ("=1", "+1", "-1", "@a", "\t=1", " =1", "educ")] == [
        "'=1",
        "'+1",
        "'-1",
        "'@a",
        "'\t=1",
        "' =1",
        "educ",
    ]


def test_latex_writes_every_special_character_as_itself():
    assert latex.escape("\\%$#&_{}~^") == (
        r"\textbackslash{}\%\$\#\&\_\{\}\textasciitilde{}\textasciicircum{}"
    )
    assert latex.number("−4.5 × 10⁻¹²") == r"$-4.5 \times 10^{-12}$"


def test_latex_rows_have_one_cell_per_column_under_booktabs_rules(logit, probit):
    tex = compare(logit, probit).to_latex()

    rows = [line for line in tex.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {2}
    assert all(rule in tex for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    assert r"\texttt{educ} & 0.221\phantom{00} & 0.131\phantom{00} \\" in tex


def test_csv_gives_back_every_digit(logit, probit):
    rows = list(csv.reader(io.StringIO(compare(logit, probit).to_csv())))

    by_name = {row[0]: row[1:] for row in rows}
    assert [float(by_name["educ"][j]) for j in range(4)] == [
        logit.params["educ"],
        logit.se["educ"],
        probit.params["educ"],
        probit.se["educ"],
    ]
    assert float(by_name["log-likelihood"][0]) == logit.loglik


def test_html_decimal_points_align_by_spaces_as_wide_as_figures(logit, probit):
    page = compare(logit, probit).to_html()

    assert "0.221" in page
    assert "\N{FIGURE SPACE}" in page
    assert "<style" not in page


def test_what_is_copied_has_no_padding(logit):
    comparison = compare(logit)

    copies = [
        comparison.to_html(padding=False),
        comparison.to_latex(),
        comparison.to_markdown(),
        comparison.to_csv(),
    ]

    assert not any(re.search("[\N{FIGURE SPACE}\N{PUNCTUATION SPACE}]", copy) for copy in copies)


def test_every_export_carries_the_note_on_standard_errors(logit, robust):
    comparison = compare(logit, robust)

    exports = [
        comparison.to_html(),
        comparison.to_markdown(),
        comparison.to_latex(),
        comparison.to_csv(),
        str(comparison),
    ]

    assert all("sandwich of Hessian" in " ".join(export.split()) for export in exports)


def test_word_gets_a_real_table_with_the_same_numbers(logit, probit, tmp_path):
    path = compare(logit, probit).to_word(tmp_path / "table.docx")

    document = docx.Document(str(path))
    cells = [[cell.text for cell in row.cells] for row in document.tables[0].rows]
    assert cells[0] == ["", "Logit", "Probit"]
    assert ["educ", "0.221", "0.131"] in cells
    assert "Standard errors in brackets." in [line.text for line in document.paragraphs]


def test_two_thousand_parameters_and_two_hundred_models_render_soon(logit):
    many = pd.Series(1.5, [f"x{j}" for j in range(2000)])
    long = logit.but(params=many, se=many / 10)

    tall, wide = compare([long] * 5), compare([logit] * 200)

    # Seconds belong to benchmarks; here, every parameter and every model is in the page once.
    assert tall.to_html().count('scope="row"') >= 2 * 2000
    assert wide.to_html().count('scope="col"') == 200


def test_steps_and_time_stand_on_the_screen_and_in_an_export_only_when_asked_for(
    logit, probit, tmp_path
):
    comparison = compare(logit, probit)
    word = docx.Document(str(comparison.to_word(tmp_path / "table.docx"))).tables[0]

    exports = [
        comparison.to_latex(),
        comparison.to_html(padding=False),
        comparison.to_markdown(),
        comparison.to_text(),
        "\n".join(row.cells[0].text for row in word.rows),
    ]

    for export in exports:
        assert "Log-likelihood" in export
        assert "Steps" not in export
        assert "Time, s" not in export
    for shown in (comparison.to_latex(details=True), comparison._repr_html_(), str(comparison)):
        assert "Steps" in shown
        assert "Time, s" in shown
    assert "seconds" in comparison.to_csv()


def test_word_without_its_library_says_what_to_install(logit, probit, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "docx", None)

    with pytest.raises(WorkbenchError, match="python-docx, which is not installed") as caught:
        compare(logit, probit).to_word(tmp_path / "table.docx")

    install = "pip install 'mle-workbench[lab]'"
    assert caught.value.hint == f"{install}, or export HTML and open it in Word."
