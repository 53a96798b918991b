"""Every error code: raised somewhere, put in words, and listed for people, in every direction."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from entra_plugin.domain import aadsts, errors
from entra_plugin.domain.errors import EntraError
from entra_plugin.domain.remedies import REMEDIES, Forewarning, RemedyKind, label_key
from entra_plugin.resources import locale
from entra_plugin.web import problems

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference" / "error-codes.md"
MODULES = sorted((ROOT / "entra_plugin").rglob("*.py"))
TEXTS = locale("en")

CLASSES: Mapping[str, type[EntraError]] = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, EntraError)
}
ANSWERED_WITH_STATUS = {"Problem", "Decision"}
RECORDED = {"Failure": "run", "RunEnd": "run", "CustomerEnd": "customer"}

REACH = {
    "AuthorisationLost": "connection",
    "ConfigurationInvalid": "connection",
    "ConsentMissing": "customer",
    "TransientFailure": "attempt",
    "ItemRejected": "item",
    "Conflict": "request",
    "NotAcceptable": "request",
    "NotFound": "request",
}
"""How much comes to a halt, by the class of the failure."""

Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One way in which a code is given."""

    reach: str
    status: str | None = None
    """How a request is answered that fails so; None where no request does."""


def raised(kind: type[EntraError], code: str) -> Given:
    """The way of an exception."""
    problem = problems.of_exception(kind(code))
    same = problem.code == code
    status = str(problem.status) if same else f"{problem.status} `{problem.code}`"
    return Given(reach=REACH[kind.__name__], status=status)


def functions(tree: ast.Module) -> Iterator[Scope]:
    """Every function, and the module for what stands outside of one."""
    yield tree
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def words(node: ast.expr | None, scope: Scope, module: ast.Module) -> set[str]:
    """The strings that an expression can be."""
    match node:
        case ast.Constant(value=str()):
            return {str(node.value)}
        case ast.BoolOp():
            parts: Iterable[ast.expr] = node.values
        case ast.IfExp():
            parts = (node.body, node.orelse)
        case ast.Name() if not isinstance(scope, ast.Module):
            parts = assigned(node.id, scope)
        case ast.Call(func=ast.Name(id=name)):
            return returned(name, module)
        case ast.Call(func=ast.Attribute(value=ast.Dict(values=values), attr="get")):
            parts = values
        case _:
            return set()
    return set().union(*(words(part, scope, module) for part in parts))


def assigned(name: str, scope: Scope) -> Iterator[ast.expr]:
    """What a function assigns to a name, other than the value of another name."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Name):
            named = (target.id for target in node.targets if isinstance(target, ast.Name))
            if name in named:
                yield node.value


def returned(name: str, module: ast.Module) -> set[str]:
    """The strings that a function of the module returns as they stand there, or from a table."""
    found: set[str] = set()
    for scope in functions(module):
        if not isinstance(scope, ast.Module) and scope.name == name:
            returns = (node.value for node in ast.walk(scope) if isinstance(node, ast.Return))
            plain = (r for r in returns if not (isinstance(r, ast.Call) and called(r) == name))
            found |= set().union(*(words(value, scope, module) for value in plain))
    return found


def called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def calls(scope: Scope) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node


def found_in(scope: Scope, module: ast.Module) -> Iterator[tuple[str, Given]]:
    """Codes that a function gives, each with the way in which it does."""
    for name, call in calls(scope):
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        if name in CLASSES and call.args:
            for code in words(call.args[0], scope, module):
                yield code, raised(CLASSES[name], code)
        elif name in ANSWERED_WITH_STATUS:
            status = named.get("status")
            shown = str(status.value) if isinstance(status, ast.Constant) else None
            for code in words(named.get("code"), scope, module):
                yield code, Given(reach="request", status=shown)
        elif name in RECORDED:
            for code in words(named.get("code"), scope, module):
                yield code, Given(reach=RECORDED[name])


def health_codes() -> Iterator[str]:
    """The codes that the probes return."""
    tree = ast.parse((ROOT / "entra_plugin" / "web" / "health.py").read_text("utf-8"))
    for scope in functions(tree):
        for node in ast.walk(scope):
            if isinstance(node, ast.Return):
                yield from words(node.value, scope, tree)


def sign_in_answers() -> Iterator[Mapping[str, object]]:
    """An answer of Microsoft for every number, suberror and error that we know, and another one."""
    for number in (*aadsts._BY_NUMBER, *aadsts._SAYS_LITTLE):
        yield {"error": "invalid_grant", "error_codes": [number]}
    for suberror in aadsts._BY_SUBERROR:
        yield {"error": "invalid_grant", "suberror": suberror}
    for error in (*aadsts._BY_ERROR, "something_new"):
        yield {"error": error}


def sign_in_codes() -> Iterator[tuple[str, Given]]:
    """What those answers become, at home and at a customer."""
    for answer in sign_in_answers():
        for at_customer in (True, False):
            error = aadsts.sign_in_error(answer, at_customer=at_customer)
            yield error.code, raised(type(error), error.code)


def gathered() -> Mapping[str, set[Given]]:
    """Every code of the code base, with all ways in which it is given."""
    codes: dict[str, set[Given]] = defaultdict(set)
    for path in MODULES:
        module = ast.parse(path.read_text("utf-8"))
        for scope in functions(module):
            for code, given in found_in(scope, module):
                codes[code].add(given)
    for code in health_codes():
        codes[code].add(Given(reach="process"))
    for code, given in sign_in_codes():
        codes[code].add(given)
    for forewarning in Forewarning:
        codes[forewarning.value].add(Given(reach="nothing yet"))
    del codes["allowed"]
    return codes


CODES = gathered()


def joined(found: set[str]) -> str:
    """What a cell of the table says; a dash for nothing."""
    return ", ".join(sorted(found)) or "–"  # noqa: RUF001 - a dash for people


def retried(code: str) -> str:
    """Whether it is tried again without a person."""
    if code in aadsts.RETRIED_ONCE:
        return "once"
    return "yes" if any(given.reach == "attempt" for given in CODES[code]) else "no"


def row_of(code: str) -> str:
    """The row of a code in the reference."""
    text = TEXTS.error(code)
    status = joined({given.status for given in CODES[code] if given.status})
    reach = joined({given.reach for given in CODES[code]})
    return f"| `{code}` | {status} | {reach} | {retried(code)} | {text.sentence} | {text.advice} |"


def rows() -> dict[str, str]:
    text = REFERENCE.read_text("utf-8").partition("\n## ")[0]
    found = re.findall(r"^(\| `(\w+)` \|.*)$", text, flags=re.MULTILINE)
    return {code: row for row, code in found}


def test_the_search_finds_codes_of_every_kind() -> None:
    of_every_kind = {
        "not_found",
        "permission_missing",
        "csrf_failed",
        "throttled",
        "client_secret_expired",
        "sign_in_refused",
        "database_role_too_strong",
        "internal_error",
    }
    assert of_every_kind <= set(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_is_snake_case_and_in_words(code: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", code)
    assert TEXTS.known(f"error.{code}.sentence")
    assert TEXTS.known(f"error.{code}.advice")


def test_no_text_is_kept_for_a_code_that_nobody_gives() -> None:
    texts = (ROOT / "ui_manifest" / "locales" / "en.json").read_text("utf-8")
    worded = set(re.findall(r'"error\.(\w+)\.(?:sentence|advice)"', texts))
    assert worded - set(CODES) == set()


@pytest.mark.parametrize("code", sorted(CODES))
def test_sentence_and_advice_are_whole_sentences(code: str) -> None:
    text = TEXTS.error(code)
    assert re.fullmatch(r"[A-Z‘“].*\.", text.sentence)  # noqa: RUF001 - an apostrophe
    assert re.fullmatch(r"[A-Z‘“].*\.", text.advice)  # noqa: RUF001 - an apostrophe


def test_a_sentence_is_of_one_code_only() -> None:
    """Who reads it can tell what happened, without the code."""
    sentences = sorted(TEXTS.error(code).sentence for code in CODES)
    assert sentences == sorted(set(sentences))


def test_the_table_of_sign_in_errors_says_which_codes_it_gives() -> None:
    assert {code for code, _ in sign_in_codes()} == aadsts.CODES


def test_a_remedy_is_for_a_code_that_somebody_gives() -> None:
    assert set(REMEDIES) - set(CODES) == set()


def test_every_remedy_has_the_text_of_its_link() -> None:
    texts = (ROOT / "ui_manifest" / "locales" / "en.json").read_text("utf-8")
    assert set(re.findall(r'"(remedy\.\w+)"', texts)) == {label_key(kind) for kind in RemedyKind}


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_reference_lists_the_code_as_it_is(code: str) -> None:
    assert rows().get(code) == row_of(code)


def test_the_reference_lists_no_other_code() -> None:
    assert set(rows()) - set(CODES) == set()


def test_the_reference_is_in_alphabetical_order() -> None:
    assert list(rows()) == sorted(rows())


def test_the_reference_says_what_each_number_of_microsoft_means() -> None:
    numbers = {**aadsts._NUMBERS, **{c: [n] for n, c in aadsts._SAYS_LITTLE.items()}}
    wanted = [(", ".join(map(str, sorted(found))), f"`{c}`") for c, found in numbers.items()]
    assert cells("Microsoft's numbers") == sorted(wanted, key=lambda row: row[1])


def test_the_reference_says_what_each_suberror_of_microsoft_means() -> None:
    wanted = [(suberror, f"`{code}`") for suberror, code in aadsts._BY_SUBERROR.items()]
    assert cells("Microsoft's suberrors") == sorted(wanted)


def test_the_reference_says_where_a_code_is_repaired() -> None:
    wanted = [(TEXTS.text(label_key(kind)), ", ".join(repaired_by(kind))) for kind in RemedyKind]
    assert cells("Links") == wanted


def repaired_by(kind: RemedyKind) -> Iterator[str]:
    """The codes that a kind of remedy is for, with whose tenant refused where it matters."""
    for code, remedy in sorted(REMEDIES.items()):
        if remedy.kind == kind:
            yield f"`{code}` (a customer's)" if remedy.at_home else f"`{code}`"
        elif remedy.at_home == kind:
            yield f"`{code}` (the partner's)"


def cells(section: str) -> list[tuple[str, str]]:
    """The rows of a section's table of two columns."""
    _, _, text = REFERENCE.read_text("utf-8").partition(f"\n## {section}\n")
    text = text.partition("\n## ")[0].partition("|---|---|\n")[2]
    return re.findall(r"^\| (.+?) \| (.+) \|$", text, flags=re.MULTILINE)
