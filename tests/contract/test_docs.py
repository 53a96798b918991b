"""The documents keep their promises: links lead somewhere, and what they list is what there is."""

import ast
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from fastapi import FastAPI

from entra_plugin.application import settings
from entra_plugin.domain import secret_names
from entra_plugin.domain.flags import Flag
from entra_plugin.web import routes
from entra_plugin.web.app import API_ROUTERS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
API = DOCS / "reference" / "http-api.md"
CONFIGURATION = DOCS / "reference" / "configuration.md"
DEVHOST = DOCS / "reference" / "devhost.md"

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
_VARIABLE = re.compile(r"(?:MICROSOFT|ENTRA|NEXT_PUBLIC|PSA|DEVHOST|DATABASE)_[A-Z_]+")
_MACHINE_PATH = re.compile(r"(?<![\w/.}:])/(?:home|root|work|tmp|Users|opt|mnt)/")
_REGISTRY = re.compile(r"pypi\.org|pythonhosted|npmjs|crates\.io|/simple\b|index[-_]url", re.I)

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


def text(path: Path) -> str:
    return path.read_text("utf-8")


def anchors(path: Path) -> set[str]:
    """The addresses of the headings, as a forge makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", text(path)), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def own_links(document: Path) -> Iterator[tuple[Path, str]]:
    """(file, anchor) of every link that stays in the repository."""
    for target in _LINK.findall(_FENCED.sub("", text(document))):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield (document.parent / path if path else document), anchor


def test_the_readme_has_exactly_two_commands_in_fences() -> None:
    fenced = [line for block in _FENCED.findall(text(README)) for line in block.splitlines()]
    assert fenced == ["python3 dev.py up", "python3 dev.py test"]


def test_the_readme_names_every_folder_of_the_repository() -> None:
    hidden = {".git", ".github"}
    ignored = {line.rstrip("/") for line in text(ROOT / ".gitignore").splitlines()}
    folders = {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir()
        and path.name not in hidden | ignored
        and any(not part.name.startswith(".") for part in path.iterdir())
        and (not path.name.startswith(".") or path.name == ".ci")
    }
    assert {name for name in folders if f"| `{name}/` |" not in text(README)} == set()


@each_document
def test_every_link_into_the_repository_leads_somewhere(document: Path) -> None:
    dead = [
        f"{path}#{anchor}"
        for path, anchor in own_links(document)
        if not path.exists() or (anchor and anchor not in anchors(path))
    ]
    assert dead == []


def test_every_document_is_in_the_index() -> None:
    index = DOCS / "README.md"
    linked = {path.resolve() for path, _ in own_links(index)}
    assert {path for path in DOCS.rglob("*.md") if path != index} - linked == set()


@each_document
def test_no_document_names_a_place_on_somebodys_machine(document: Path) -> None:
    assert _MACHINE_PATH.findall(text(document)) == []


@each_document
def test_no_document_names_a_package_registry(document: Path) -> None:
    assert _REGISTRY.findall(text(document)) == []


def documented_routes(section: str) -> set[tuple[str, str]]:
    """Method and path of the table rows below a heading."""
    part = text(API).partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([A-Z]+) (/[^`?]*)` \|", part, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("section", "table"),
    [("JSON API", routes.API), ("OAuth callback", routes.CALLBACK), ("Pages", routes.PAGES)],
)
def test_the_reference_lists_exactly_the_routes_of_the_gate(
    section: str, table: tuple[routes.Entry, ...]
) -> None:
    assert documented_routes(section) == {(entry.method, entry.path) for entry in table}


def described_properties() -> dict[str, set[str]]:
    """The properties of every body and answer in the OpenAPI document."""
    app = FastAPI()
    for router in API_ROUTERS:
        app.include_router(router)
    schemas = app.openapi()["components"]["schemas"]
    return {
        name: set(schema["properties"])
        for name, schema in schemas.items()
        if "properties" in schema and "ValidationError" not in name
    }


@pytest.mark.parametrize(("schema", "properties"), described_properties().items())
def test_the_reference_names_every_property_of_bodies_and_answers(
    schema: str, properties: set[str]
) -> None:
    words = set(re.findall(r"\w+", text(API) + text(CONFIGURATION)))
    assert properties - words == set()


@pytest.mark.parametrize("mount", [routes.API_MOUNT, routes.CALLBACK_MOUNT, routes.PAGES_MOUNT])
def test_the_reference_names_every_mount(mount: str) -> None:
    assert f"Mounted at `{mount}`" in text(API)


def read_from_environment(node: ast.AST) -> str | None:
    """The name that ``os.environ`` is asked for here."""
    match node:
        case ast.Subscript(value=asked, slice=ast.Constant(value=str(name))):
            pass
        case ast.Call(
            func=ast.Attribute(value=asked, attr="get"), args=[ast.Constant(value=str(name)), *_]
        ):
            pass
        case _:
            return None
    return name if ast.unparse(asked) == "os.environ" else None


def variables() -> set[str]:
    """The names of environment variables in the code, whole or as the part before a name."""
    found: set[str | None] = set()
    for folder in ("entra_plugin", "hooks", "migrations", "devhost"):
        for module in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(text(module))):
                found.add(read_from_environment(node))
                if isinstance(node, ast.Constant) and _VARIABLE.fullmatch(str(node.value)):
                    found.add(str(node.value))
    return {name for name in found if name}


def test_the_search_finds_variables_of_every_kind() -> None:
    assert {
        "NEXT_PUBLIC_EDITION",
        "MICROSOFT_TENANT_ID",
        "DATABASE_URL",
        "DEVHOST_SETTINGS",
        "PSA_SECRET_",
    } <= variables()


@pytest.mark.parametrize("name", sorted(variables()))
def test_the_configuration_lists_every_environment_variable(name: str) -> None:
    assert re.search(rf"^\| `{name}(?:<\w+>)*(?:_<\w+>)*` \|", text(CONFIGURATION), re.MULTILINE)


@pytest.mark.parametrize(
    "name",
    [
        *secret_names.DIRECT,
        secret_names.CLIENT_ID,
        secret_names.CLIENT_SECRET,
        secret_names.HOME_TENANT,
    ],
)
def test_the_configuration_lists_every_secret(name: str) -> None:
    assert f"| `{name}` |" in text(CONFIGURATION)


DEFAULTS: Mapping[str, object] = {
    **settings._FILTER_DEFAULTS,
    **settings._GUARD_DEFAULTS,
    **settings._NOTIFICATION_DEFAULTS,
}


@pytest.mark.parametrize("key", DEFAULTS)
def test_the_configuration_lists_every_setting_with_its_default(key: str) -> None:
    default = str(DEFAULTS[key]).replace("True", "true").replace("False", "false")
    assert f"| `{key}` | `{default}` |" in text(CONFIGURATION)


@pytest.mark.parametrize("field", settings.FIELDS)
def test_the_configuration_lists_every_field_rule(field: str) -> None:
    assert f"| `{field}` | off |" in text(CONFIGURATION)


@pytest.mark.parametrize("flag", Flag)
def test_administrators_read_what_each_flag_does(flag: Flag) -> None:
    assert f"| `{flag}` |" in text(DOCS / "how-to" / "administrators.md")


def options() -> set[str]:
    """The options of ``dev.py up``."""
    tree = ast.parse(text(ROOT / "devhost" / "up.py"))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"--[a-z-]+", node.value)
        and node.value != "--redirect-origin"
    }


def test_the_devhost_page_lists_exactly_the_options() -> None:
    part = text(DEVHOST).partition("\n## Options of")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(--[a-z-]+)", part, flags=re.MULTILINE)) == options()


def test_the_changelog_says_what_is_new_and_what_is_not_there_yet() -> None:
    headings = re.findall(r"^#+ (.+)$", text(ROOT / "CHANGELOG.md"), flags=re.MULTILINE)
    assert headings[:4] == ["Changelog", "[Unreleased]", "Added", "Not yet"]


def test_the_script_of_all_checks_can_be_run() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
