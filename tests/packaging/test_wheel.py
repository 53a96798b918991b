"""What is installed: the built wheel in a clean environment, away from the source tree."""

import json
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {
    "entra_plugin": "entra_plugin",
    "hooks": "entra_plugin/hooks",
    "migrations": "entra_plugin/migrations",
    "ui_manifest": "entra_plugin/ui_manifest",
}
"""Top-level directories, and where a wheel has them."""


def sources() -> dict[str, Path]:
    """Every file that people or programs need at run time, by its place in the wheel."""
    return {
        f"{target}/{path.relative_to(ROOT / folder).as_posix()}": path
        for folder, target in SOURCES.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network from a copy of the tree."""
    copy = tmp_path_factory.mktemp("source")
    for folder in (*SOURCES, "devhost", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, copy / file)
    out = tmp_path_factory.mktemp("dist")
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    ran = subprocess.run([*argv, str(copy)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel installed; dependencies come from the one that runs the tests.

    A path in a .pth file does not have its own .pth files read, so the editable installation of the
    source tree is not there.
    """
    venv = tmp_path_factory.mktemp("clean") / "venv"
    uv = Path(sys.executable).with_name("uv")
    for argv in (
        ["venv", "--offline", "--python", sys.executable, str(venv)],
        ["pip", "install", "--offline", "--no-deps", "--python", str(venv), str(wheel)],
    ):
        ran = subprocess.run([str(uv), *argv], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv / "bin" / "python"


def run(python: Path, script: str) -> object:
    """What a script prints as JSON, run by the clean environment far from the source tree."""
    argv = [str(python), "-I", "-W", "error", "-c", f"import json, sys\n{script}"]
    ran = subprocess.run(argv, capture_output=True, text=True, cwd=python.parent)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_list_of_packages_names_every_package() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        place.removesuffix("/__init__.py").replace("/", ".")
        for place in sources()
        if place.endswith("/__init__.py")
    }
    assert len(listed) == len(set(listed))
    assert set(listed) == found


def test_every_folder_with_python_in_it_is_a_package() -> None:
    places = set(sources())
    folders = {place.rpartition("/")[0] for place in places if place.endswith(".py")}
    assert {folder for folder in folders if f"{folder}/__init__.py" not in places} == set()


def test_the_wheel_has_one_top_level_name(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"entra_plugin"}


def test_the_wheel_has_every_file_and_no_other(wheel: Path) -> None:
    inside = {name for name in names(wheel) if ".dist-info/" not in name}
    assert inside == set(sources())


def test_the_wheel_has_the_files_as_they_are(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        different = {p for p, path in sources().items() if archive.read(p) != path.read_bytes()}
    assert different == set()


def test_the_wheel_carries_its_licence(wheel: Path) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names(wheel))


def test_the_entry_point_loads_from_the_installed_wheel(python: Path) -> None:
    found = run(
        python,
        "from importlib.metadata import entry_points\n"
        "(point,) = entry_points(group='psa.plugins')\n"
        "plugin = point.load()\n"
        "print(json.dumps([point.name, plugin.__name__, plugin.__file__]))",
    )
    assert isinstance(found, list)
    assert found[:2] == ["entra", "entra_plugin.hooks.plugin"]
    assert Path(found[2]).is_relative_to(python.parents[1])


def test_the_installed_plugin_takes_no_other_top_level_name(python: Path) -> None:
    loaded = run(
        python,
        "import os\n"
        "os.environ['NEXT_PUBLIC_EDITION'] = 'enterprise'\n"
        "from importlib.metadata import entry_points\n"
        "(point,) = entry_points(group='psa.plugins')\n"
        "plugin = point.load()\n"
        "plugin.psa_http_apps(), plugin.psa_migrations(), plugin.psa_pages()\n"
        "print(json.dumps(sorted(sys.modules)))",
    )
    assert isinstance(loaded, list)
    assert "entra_plugin.hooks" in loaded
    assert not {"hooks", "migrations", "ui_manifest", "devhost"} & set(loaded)


def test_the_installed_plugin_says_the_version_of_the_wheel(python: Path, wheel: Path) -> None:
    version = run(
        python,
        "from importlib.metadata import entry_points\n"
        "(point,) = entry_points(group='psa.plugins')\n"
        "print(json.dumps(point.load().psa_plugin_info()[0].version))",
    )
    assert wheel.name.startswith(f"entra_plugin-{version}-")


def test_a_page_is_rendered_from_the_installed_wheel(python: Path) -> None:
    page = run(
        python,
        "from entra_plugin.resources import locale\n"
        "from entra_plugin.web.pages.render import render\n"
        "from entra_plugin.web.problems import NOT_FOUND\n"
        "texts = locale('en')\n"
        "body = render('problem.html', texts, problem=NOT_FOUND, whole=True,\n"
        " error=texts.error('not_found'))\n"
        "print(json.dumps(render('bare.html', texts, body=body)))",
    )
    assert isinstance(page, str)
    assert "There is nothing here." in page
    assert "<code>not_found</code>" in page


def test_every_template_of_the_installed_wheel_compiles(python: Path) -> None:
    templates = [place.partition("/templates/")[2] for place in sources() if "/templates/" in place]
    compiled = run(
        python,
        "from entra_plugin.web.pages import render\n"
        "environment = render._environment()\n"
        f"for name in {templates!r}: environment.get_template(name)\n"
        "print(json.dumps('all'))",
    )
    assert compiled == "all"


def test_manifest_and_static_files_are_found_in_the_installed_wheel(python: Path) -> None:
    found = run(
        python,
        "from entra_plugin import resources\n"
        "files = ('entra.css', 'entra.js', 'htmx.min.js')\n"
        "print(json.dumps([resources.document()['plugin'],"
        " [bool(resources.static_file(name)) for name in files]]))",
    )
    assert found == ["entra", [True, True, True]]


def test_the_migrations_are_found_in_the_installed_wheel(python: Path) -> None:
    heads = run(
        python,
        "from importlib.metadata import entry_points\n"
        "from alembic.config import Config\n"
        "from alembic.script import ScriptDirectory\n"
        "(point,) = entry_points(group='psa.plugins')\n"
        "config = Config()\n"
        "location = point.load().psa_migrations()[0].script_location\n"
        "config.set_main_option('script_location', location)\n"
        "print(json.dumps(ScriptDirectory.from_config(config).get_heads()))",
    )
    assert isinstance(heads, list)
    assert len(heads) == 1
