"""The wheel as it is built, and installed next to another project's package of the same name."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OTHER = {
    "workbench/__init__.py": "who = 'the other project'\n",
    "workbench/api/__init__.py": "",
    "workbench/core/__init__.py": "",
}
"""Files of the other project's package; the first two have the names of files of ours."""
SMOKE = """
import workbench as wb

assert len(wb.samples()) > 0
wb.compare
try:
    wb.Workbench
except wb.WorkbenchError as error:
    assert error.hint == "pip install 'mle-workbench[lab]'", error.hint
else:
    raise AssertionError("wb.Workbench was there without its extra")
try:
    wb.fit("logit", "y ~ x", {"y": [0, 1, 1, 0], "x": [0.0, 1.0, 3.0, 2.0]})
except wb.WorkbenchError as error:
    both = "pip install 'mle-workbench[jax]', or pip install 'mle-workbench[torch]'."
    assert error.hint == both, error.hint
else:
    raise AssertionError("a fit was made without a library")
assert [row.name for row in wb.optimizers() if row.name == "newton"]
assert not {"torch", "jax"} & {name for device in wb.devices() for name in device.libraries}
for backend in ("torch", "jax"):
    try:
        wb.fit("logit", "y ~ x", {"y": [0, 1, 1, 0], "x": [0.0, 1.0, 3.0, 2.0]}, backend=backend)
    except wb.WorkbenchError as error:
        assert error.hint == f"pip install 'mle-workbench[{backend}]'", error.hint
    else:
        raise AssertionError(f"a fit was made without {backend}")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the source archive from the tree, and the wheel from the archive."""
    folder = tmp_path_factory.mktemp("dist")
    build = ["-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, *build], check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Write a wheel as the other project's: distribution and package are named ``workbench``."""
    path = tmp_path_factory.mktemp("other") / "workbench-0.8.506-py3-none-any.whl"
    metadata = {
        "METADATA": "Metadata-Version: 2.1\nName: workbench\nVersion: 0.8.506\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files = OTHER | {f"workbench-0.8.506.dist-info/{name}": metadata[name] for name in metadata}
    files["workbench-0.8.506.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


class Environment:
    """An environment without libraries, to install wheels into."""

    def __init__(self, folder):
        venv.create(folder)
        self.folder = folder
        self.python = folder / "bin" / "python"
        (self.packages,) = folder.glob("lib/python*/site-packages")

    def pip(self, *command):
        asked = [sys.executable, "-m", "pip", "--python", self.python, *command]
        subprocess.run(asked, check=True, capture_output=True)

    def install(self, wheel, *options):
        self.pip("install", "--no-index", "--no-deps", *options, str(wheel))

    def run(self, *arguments):
        """Return status and error output of this Python, which sees none of our folders."""
        clean = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        ended = subprocess.run(
            [self.python, *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=clean,
        )
        return ended.returncode, ended.stderr

    @property
    def mixture(self):
        """The error about two distributions in this environment."""
        return (
            f"The folder {self.packages / 'workbench'} has files of two distributions, workbench"
            " 0.8.506 and mle-workbench, and neither can work there.\n  Try: `pip uninstall"
            " workbench`, then"
            " install `mle-workbench` again with pip's option --force-reinstall.\n"
        )


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path / "environment")


@pytest.mark.slow
def test_the_wheel_brings_the_page_and_not_its_sources(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    assert {
        "workbench/notebook/static/workbench.js",
        "workbench/notebook/static/workbench.css",
    } <= {*names}
    assert not [name for name in names if "frontend" in name or "node_modules" in name]


@pytest.mark.slow
def test_the_wheel_works_in_an_empty_environment(wheel, tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    install = ["-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt")]

    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    subprocess.run([python, *install, str(wheel)], check=True)
    smoke = subprocess.run(
        [python, "-I", "-c", SMOKE], check=False, capture_output=True, text=True, cwd=tmp_path
    )

    assert smoke.returncode == 0, smoke.stderr


@pytest.mark.slow
def test_ours_installed_over_the_other_package_refuses_to_be_imported(wheel, other, environment):
    environment.install(other)
    environment.install(wheel)

    status, said = environment.run("-c", "import workbench")

    assert status == 1
    assert said.endswith(f"ImportError: {environment.mixture}")
    assert environment.run("-m", "mle_workbench") == (1, environment.mixture)


@pytest.mark.slow
def test_where_the_other_package_was_installed_over_ours_a_command_says_so(
    wheel, other, environment
):
    environment.install(wheel)
    environment.install(other)

    theirs = "import workbench; assert workbench.who == 'the other project'"

    assert environment.run("-c", theirs) == (0, "")
    assert environment.run("-m", "mle_workbench") == (1, environment.mixture)


@pytest.mark.slow
@pytest.mark.parametrize("last", ["ours", "other"])
def test_what_is_said_to_do_repairs_a_mixture(wheel, other, environment, last):
    for each in (other, wheel) if last == "ours" else (wheel, other):
        environment.install(each)

    environment.pip("uninstall", "--yes", "workbench")
    status, said = environment.run("-m", "mle_workbench")
    environment.install(wheel, "--force-reinstall")

    assert status == 1
    assert said == (
        f"2 files of mle-workbench in {environment.packages / 'workbench'} are missing or changed,"
        " such as workbench/__init__.py.\n  Try: install `mle-workbench` again with pip's option"
        " --force-reinstall.\n"
    )
    assert environment.run("-m", "mle_workbench") == (0, "")
    assert environment.run("-c", "import workbench; workbench.WorkbenchError") == (0, "")


def test_the_other_package_in_front_of_a_source_tree_is_named(other, environment):
    environment.install(other)
    (environment.packages / "tree.pth").write_text(f"{ROOT}\n")

    assert environment.run("-m", "mle_workbench") == (
        1,
        f"`import workbench` finds {environment.packages / 'workbench'}, and not"
        f" {ROOT / 'workbench'}.\n  Try: `pip uninstall workbench`, then install `mle-workbench`"
        " again with pip's option --force-reinstall.\n",
    )


def test_a_source_tree_next_to_an_editable_installation_of_the_old_name_is_not_refused(environment):
    (environment.packages / "tree.pth").write_text(f"{ROOT}\n")
    metadata = environment.packages / "workbench-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "RECORD").write_text("tree.pth,,\nworkbench-0.1.0.dist-info/RECORD,,\n")

    assert environment.run("-c", "import workbench; workbench.WorkbenchError") == (0, "")
    assert environment.run("-m", "mle_workbench") == (0, "")


def test_looking_for_another_package_costs_no_library_at_import(environment):
    (environment.packages / "tree.pth").write_text(f"{ROOT}\n")
    loaded = (
        "import sys; before = {*sys.modules}; import mle_workbench;"
        " new = {*sys.modules} - before - {'mle_workbench', '__future__'}; assert not new, new"
    )

    assert environment.run("-c", loaded) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize(("author", "left"), [("The workbench authors", False), ("Other", True)])
def test_make_install_removes_only_our_own_installation_of_the_old_name(tmp_path, author, left):
    venv.create(tmp_path / "venv", with_pip=True)
    (packages,) = tmp_path.glob("venv/lib/python*/site-packages")
    metadata = packages / "workbench-0.1.0.dist-info"
    metadata.mkdir()
    about = f"Metadata-Version: 2.4\nName: workbench\nVersion: 0.1.0\nAuthor: {author}\n"
    (metadata / "METADATA").write_text(about)
    (metadata / "RECORD").write_text(
        "".join(f"{metadata.name}/{n},,\n" for n in ("METADATA", "RECORD"))
    )
    clean = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}

    asked = ["make", "--directory", str(ROOT), "old-name", f"VENV={tmp_path / 'venv'}"]
    subprocess.run(asked, check=True, capture_output=True, env=clean)

    assert metadata.exists() == left
