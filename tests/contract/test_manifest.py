"""The UI manifest is a closed world: what it names exists, and what exists is named."""

import ast
import copy
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import cast

import jsonschema
import pytest
from jinja2 import Environment, nodes

from entra_plugin import resources
from entra_plugin.access import Permission
from entra_plugin.application.clients import LeftOut
from entra_plugin.application.close_run import CHECKS
from entra_plugin.application.overview import WizardStep
from entra_plugin.application.review.choices import Effect
from entra_plugin.application.validate_chain import ChainStep, StepState
from entra_plugin.domain import states
from entra_plugin.domain.decisions import Decided
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.mapping.facts import Evidence
from entra_plugin.domain.remedies import Forewarning
from entra_plugin.domain.reviewing import ACTIONS, Action
from entra_plugin.store.links import CONTACT_GONE, MAPPING_CHANGED, UNDONE
from entra_plugin.store.run_tables import COUNTERS
from entra_plugin.web.decision_file import FAULTS
from entra_plugin.web.pages.chain import COUNTED, PROBLEMS
from entra_plugin.web.pages.clients import Tab
from entra_plugin.web.pages.notice import Tone
from entra_plugin.web.pages.review import AT_ONCE
from entra_plugin.web.pages.review_form import FOUND
from entra_plugin.web.pages.rules import Choice
from entra_plugin.web.pages.run_questions import PER_CUSTOMER
from entra_plugin.web.pages.run_rows import FOUND as ROW_FOUND
from entra_plugin.web.pages.run_rows import OTHER_FIELDS
from entra_plugin.web.pages.run_view import Ask
from entra_plugin.web.pages.run_words import CHECKED
from entra_plugin.web.pages.schedule import Unit
from entra_plugin.web.pages.steps import WHY_SKIPPED

ROOT = Path(__file__).parents[2]
UI = ROOT / "ui_manifest"
MANIFEST = json.loads((UI / "manifest.json").read_text("utf-8"))
SCHEMA = json.loads((UI / "manifest.schema.json").read_text("utf-8"))
TEXTS: Mapping[str, str] = json.loads((UI / "locales" / "en.json").read_text("utf-8"))
TEMPLATES = sorted((UI / "templates").rglob("*.html"))
MODULES = sorted([*(ROOT / "entra_plugin").rglob("*.py"), *(ROOT / "hooks").rglob("*.py")])
LOCALES = sorted((UI / "locales").glob("*.json"))


def values(enumeration: type[StrEnum]) -> frozenset[str]:
    return frozenset(member.value for member in enumeration)


STEPS = values(WizardStep) - {WizardStep.DONE.value}
GROUPS = frozenset({"auto_matched", "needs_review", "unmatched", "decided"})
LIMITS = frozenset({"inactivate", "overwrite", "run"})
COUNTED_ASKS = frozenset(PER_CUSTOMER)
FAMILIES: Mapping[str, frozenset[str]] = {
    "*.title": STEPS,
    "*.why": STEPS,
    "chain.count.*.one": frozenset(COUNTED),
    "chain.count.*.other": frozenset(COUNTED),
    "chain.problem.*.one": PROBLEMS,
    "chain.problem.*.other": PROBLEMS,
    "chain.state.*": values(StepState),
    "chain.step.*": values(ChainStep),
    "chain.step.*.why": values(ChainStep),
    "clients.list.*": values(Tab),
    "clients.list.*.why": values(Tab),
    "clients.page.*": frozenset({"before", "after"}),
    "closed.*": frozenset({CONTACT_GONE, MAPPING_CHANGED, UNDONE}),
    "connect.choice.*": values(states.ConnectionType),
    "connect.mode.*": values(states.ConnectionMode),
    "connect.path.*": values(states.ConnectionType),
    "connect.source.*": values(states.CredentialSource),
    "connect.status.*": values(states.ConnectionStatus),
    "connect.switch.*": values(states.ConnectionType),
    "connect.type.*": values(states.ConnectionType),
    "connection.at.*": values(Forewarning),
    "count.*": frozenset((*COUNTERS, *CHECKED)),
    "customer.how.*": values(Decided),
    "customer.left_out.*": values(LeftOut),
    "customer.state.*": values(states.MappingState),
    "discover.none.advice.*": values(states.ConnectionType),
    "evidence.*": values(Evidence),
    "field.*": values(states.FieldName),
    "file.fault.*": frozenset(FAULTS),
    "kind.*": values(states.ChangeKind),
    "map.group.*": GROUPS,
    "map.group.*.why": GROUPS,
    "pin.*": values(states.PinKind),
    "reason.*": values(states.VerdictReason),
    "review.action.*": values(Action),
    "review.bulk.*": frozenset(AT_ONCE),
    "review.bulk.*.why": frozenset(AT_ONCE),
    "review.effect.*": values(Effect),
    "review.found.*": FOUND,
    "review.list.*": values(states.ItemState),
    "review.list.*.why": values(states.ItemState),
    "review.none.*": values(states.ItemState),
    "review.settled.*": values(states.Settlement),
    "review.why.*": frozenset(ACTIONS),
    "row.field.*": OTHER_FIELDS,
    "row.found.*": ROW_FOUND,
    "row.kind.*": values(states.ChangeKind),
    "row.state.*": values(states.ChangeState),
    "row.verdict.*": values(states.Verdict),
    "rules.choice.*": values(Choice),
    "rules.choice.*.why": values(Choice),
    "run.ask.*": values(Ask),
    "run.ask.*.confirm": values(Ask),
    "run.ask.*.then": COUNTED_ASKS,
    "run.ask.*.title": values(Ask),
    "run.ask.*.what.one": COUNTED_ASKS,
    "run.ask.*.what.other": COUNTED_ASKS,
    "run.check.*": frozenset(CHECKS),
    "run.skipped.*": WHY_SKIPPED,
    "run.state.*": values(states.RunState),
    "run.trigger.*": values(states.Trigger),
    "run.type.*": values(states.RunType),
    "schedule.every.*.one": values(Unit),
    "schedule.every.*.other": values(Unit),
    "schedule.unit.*": values(Unit),
    "settings.guard.*": LIMITS,
    "settings.guard.*.why": LIMITS,
    "setup.step.*": STEPS,
    "tone.*": values(Tone),
    "waiting.*": values(states.ConnectionType),
}
"""Keys that are put together in code or templates, and all that can stand in the open place."""

LOOKED_UP_BY_CODE = re.compile(r"error\.[a-z_]+\.(sentence|advice)")
"""Texts of error codes; that every code has them, and they a code, is tested with the codes."""


# --- The manifest and its schema ---


def errors(document: object) -> list[str]:
    """Where a document breaks the schema; a broken branch of a condition counts once."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [error.json_path for error in validator.iter_errors(document)]


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_manifest_keeps_its_schema() -> None:
    assert errors(MANIFEST) == []


def test_every_object_of_the_schema_is_closed() -> None:
    def objects(node: object) -> Iterator[Mapping[str, object]]:
        if isinstance(node, dict):
            if node.get("type") == "object":
                yield node
            for child in node.values():
                yield from objects(child)
        elif isinstance(node, list):
            for child in node:
                yield from objects(child)

    found = list(objects(SCHEMA))
    assert found
    assert all(schema.get("additionalProperties") is False for schema in found)


CONTRIBUTIONS = ("pages", "client_actions", "contact_panels")
NAMED = {"pages": "title", "client_actions": "label", "contact_panels": "label"}
ROUTED = {"pages": "route", "client_actions": "endpoint", "contact_panels": "endpoint"}


@pytest.mark.parametrize("part", CONTRIBUTIONS)
def test_an_unknown_key_is_one_error(part: str) -> None:
    broken = copy.deepcopy(MANIFEST)
    broken[part][0]["colour"] = "blue"
    assert errors(broken) == [f"$.{part}[0]"]


@pytest.mark.parametrize("part", CONTRIBUTIONS)
def test_a_literal_text_is_one_error(part: str) -> None:
    broken = copy.deepcopy(MANIFEST)
    broken[part][0][NAMED[part]] = "Microsoft Entra"
    assert errors(broken) == [f"$.{part}[0].{NAMED[part]}"]


@pytest.mark.parametrize("part", CONTRIBUTIONS)
@pytest.mark.parametrize(
    "route", ["/settings", "/integrations/other/setup", "https://evil.example/", "//evil.example/"]
)
def test_a_foreign_route_is_one_error(part: str, route: str) -> None:
    broken = copy.deepcopy(MANIFEST)
    broken[part][0][ROUTED[part]] = route
    assert errors(broken) == [f"$.{part}[0].{ROUTED[part]}"]


@pytest.mark.parametrize("part", CONTRIBUTIONS)
def test_a_missing_condition_is_one_error(part: str) -> None:
    broken = copy.deepcopy(MANIFEST)
    del broken[part][0]["when"]
    assert errors(broken) == [f"$.{part}[0]"]


@pytest.mark.parametrize(
    "when",
    [{}, {"flag": "other-flag"}, {"all": []}, {"never": {}}, "admin", {"flag": "a", "not": {}}],
)
def test_a_condition_that_nobody_can_read_is_one_error(when: object) -> None:
    broken = copy.deepcopy(MANIFEST)
    broken["pages"][0]["when"] = when
    assert errors(broken) == ["$.pages[0].when"]


def test_an_unknown_section_is_one_error() -> None:
    assert errors({**MANIFEST, "menus": []}) == ["$"]


# --- References ---


def conditions(node: object) -> Iterator[tuple[str, str]]:
    """Every flag and permission that a condition asks for."""
    if isinstance(node, list):
        for child in node:
            yield from conditions(child)
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str):
                yield key, value
            else:
                yield from conditions(value)


def asked(kind: str) -> set[str]:
    """What all conditions of the manifest ask for."""
    found = (c["when"] for part in CONTRIBUTIONS for c in MANIFEST[part])
    return {name for when in found for key, name in conditions(when) if key == kind}


def for_changes() -> set[str]:
    return {
        contribution["changes_need"]
        for part in CONTRIBUTIONS
        for contribution in MANIFEST[part]
        if "changes_need" in contribution
    }


def test_every_flag_that_is_asked_for_is_declared() -> None:
    assert asked("flag") <= {flag["key"] for flag in MANIFEST["flags"]}


def test_every_permission_that_is_asked_for_is_declared() -> None:
    declared = {permission["name"] for permission in MANIFEST["permissions"]}
    assert asked("permission") | for_changes() <= declared


def test_the_declared_flags_are_those_that_the_code_evaluates() -> None:
    assert [flag["key"] for flag in MANIFEST["flags"]] == [flag.value for flag in Flag]


def test_the_declared_permissions_are_those_that_the_code_asks_for() -> None:
    declared = [permission["name"] for permission in MANIFEST["permissions"]]
    assert declared == [permission.value for permission in Permission]


def enum_members(enumeration: type[StrEnum]) -> set[str]:
    return {f"{enumeration.__name__}.{member.name}" for member in enumeration}


def attributes() -> set[str]:
    """Every ``Name.MEMBER`` in our modules; ``Name`` may be imported under another name."""
    found = set()
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                found.add(f"{node.value.id}.{node.attr}")
    return found


def test_every_declared_permission_is_asked_for_somewhere() -> None:
    assert enum_members(Permission) - attributes() == set()


def test_every_declared_flag_is_evaluated_somewhere() -> None:
    assert enum_members(Flag) - attributes() == set()


def test_every_placement_shows_a_page_and_every_page_has_a_placement() -> None:
    pages = [page["id"] for page in MANIFEST["pages"]]
    assert [placement["page"] for placement in MANIFEST["placements"]] == pages


def test_ids_are_unique() -> None:
    parts = (*CONTRIBUTIONS, "placements")
    ids = [contribution["id"] for part in parts for contribution in MANIFEST[part]]
    assert len(ids) == len(set(ids))


def test_a_pages_view_is_answered_at_its_route() -> None:
    for page in MANIFEST["pages"]:
        assert page["view"]["endpoint"] == page["route"]


# --- Texts ---


def manifest_keys(node: object = MANIFEST) -> Iterator[str]:
    if isinstance(node, str):
        if node.startswith("@"):
            yield node.removeprefix("@")
    elif isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from manifest_keys(child)


def joined(parts: Iterable[set[str]]) -> set[str]:
    return {"".join(choice) for choice in itertools.product(*parts)}


def jinja_keys(node: nodes.Node) -> set[str]:
    """What the first argument of ``t`` can be; an open place is a star."""
    match node:
        case nodes.Const():
            return {str(node.value)}
        case nodes.Concat():
            return joined(jinja_keys(part) for part in node.nodes)
        case nodes.CondExpr(expr2=nodes.Node()):
            either = jinja_keys(node.expr1) | jinja_keys(cast("nodes.Node", node.expr2))
            return either - {""}
        case _:
            return {"*"}


def template_keys() -> Iterator[str]:
    for path in TEMPLATES:
        tree = Environment(autoescape=True).parse(path.read_text("utf-8"))
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in {"t", "n"}:
                for key in jinja_keys(meant(call.args[0], tree)):
                    yield from counted(key) if call.node.name == "n" else (key,)


def meant(argument: nodes.Expr, tree: nodes.Template) -> nodes.Node:
    """The argument, or what the template set it to where it is a name."""
    if not isinstance(argument, nodes.Name):
        return argument
    named = (a.node for a in tree.find_all(nodes.Assign) if target(a) == argument.name)
    return next(named, argument)


def target(assigned: nodes.Assign) -> str | None:
    return assigned.target.name if isinstance(assigned.target, nodes.Name) else None


def counted(key: str) -> tuple[str, str]:
    return f"{key}.one", f"{key}.other"


def python_keys(node: ast.expr) -> set[str]:
    """What the first argument of ``text`` can be; an open place is a star."""
    match node:
        case ast.Constant(value=str()):
            return {str(node.value)}
        case ast.JoinedStr():
            return joined(
                {str(part.value)} if isinstance(part, ast.Constant) else {"*"}
                for part in node.values
            )
        case ast.IfExp():
            return python_keys(node.body) | python_keys(node.orelse)
        case _:
            return set()


def code_keys() -> Iterator[str]:
    for module in MODULES:
        if module.name == "resources.py":
            continue
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield from keys_of(node)
            elif isinstance(node, ast.Constant) and "." in str(node.value):
                yield from {str(node.value)} & set(TEXTS)


def keys_of(call: ast.Call) -> Iterator[str]:
    """The keys in a call of ``….text``, ``….count`` or ``success``."""
    match call.func, call.args:
        case ast.Attribute(attr="text"), [first, *_]:
            yield from python_keys(first)
        case ast.Attribute(attr="count"), [first, _, *_]:
            for key in python_keys(first):
                yield from counted(key)
        case ast.Name(id="success"), [_, key, *_]:
            yield from python_keys(key)


USED = {*manifest_keys(), *template_keys(), *code_keys()}
PATTERNS = {key for key in USED if "*" in key}


def test_every_key_that_is_put_together_belongs_to_a_known_family() -> None:
    assert PATTERNS - set(FAMILIES) == set()


def test_every_family_is_used() -> None:
    assert set(FAMILIES) - PATTERNS == set()


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_member_of_a_family_has_a_text(family: str) -> None:
    wanted = {family.replace("*", member) for member in FAMILIES[family]}
    assert wanted - set(TEXTS) == set()


def test_every_key_that_is_used_has_a_text() -> None:
    assert USED - PATTERNS - set(TEXTS) == set()


def test_every_text_is_used() -> None:
    members = {f.replace("*", member) for f, found in FAMILIES.items() for member in found}
    unused = set(TEXTS) - USED - members
    assert {key for key in unused if not LOOKED_UP_BY_CODE.fullmatch(key)} == set()


@pytest.mark.parametrize("path", LOCALES, ids=lambda path: path.stem)
def test_a_locale_has_no_key_that_english_lacks(path: Path) -> None:
    assert set(json.loads(path.read_text("utf-8"))) <= set(TEXTS)


@pytest.mark.parametrize("path", LOCALES, ids=lambda path: path.stem)
def test_a_locale_is_sorted_and_names_each_key_once(path: Path) -> None:
    pairs = json.loads(path.read_text("utf-8"), object_pairs_hook=list)
    keys = [key for key, _ in pairs]
    assert keys == sorted(set(keys))


@pytest.mark.parametrize("path", LOCALES, ids=lambda path: path.stem)
def test_a_locale_keeps_the_places_of_every_text(path: Path) -> None:
    def places(text: str) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", text))

    texts = json.loads(path.read_text("utf-8"))
    assert {k for k, text in texts.items() if places(text) != places(TEXTS[k])} == set()


def test_no_text_is_empty_or_padded() -> None:
    assert {key for key, text in TEXTS.items() if not text or text != text.strip()} == set()


def test_the_texts_are_what_the_package_reads() -> None:
    assert {key: resources.locale("en").text(key) for key in TEXTS} == TEXTS
