"""Every error code: raised somewhere, put in words, and listed for people, in every direction."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from entra_plugin.domain import aadsts, errors
from entra_plugin.domain.errors import EntraError
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
RECORDED = {"Failure", "RunEnd", "CustomerEnd"}

Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef


def answered(kind: type[EntraError], code: str) -> str:
    """How a request is answered that fails so."""
    problem = problems.of_exception(kind(code))
    return str(problem.status) if problem.code == code else f"{problem.status} `{problem.code}`"


def functions(tree: ast.Module) -> Iterator[Scope]:
    """Every function, and the module for what stands outside of one."""
    yield tree
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def words(node: ast.expr | None, scope: Scope) -> set[str]:
    """The strings that an expression can be; a name stands for what its function assigns to it."""
    match node:
        case ast.Constant(value=str()):
            return {str(node.value)}
        case ast.BoolOp():
            return set().union(*(words(value, scope) for value in node.values))
        case ast.IfExp():
            return words(node.body, scope) | words(node.orelse, scope)
        case ast.Name() if not isinstance(scope, ast.Module):
            values = (
                assigned.value
                for assigned in ast.walk(scope)
                if isinstance(assigned, ast.Assign)
                and any(isinstance(t, ast.Name) and t.id == node.id for t in assigned.targets)
            )
            return set().union(*(words(v, scope) for v in values if not isinstance(v, ast.Name)))
        case _:
            return set()


def calls(scope: Scope) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(scope):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node


def found_in(scope: Scope) -> Iterator[tuple[str, str | None]]:
    """Codes that a function gives, each with how it is answered over HTTP, if it can be."""
    for name, call in calls(scope):
        named = {keyword.arg: keyword.value for keyword in call.keywords}
        if name in CLASSES and call.args:
            for code in words(call.args[0], scope):
                yield code, answered(CLASSES[name], code)
        elif name in ANSWERED_WITH_STATUS:
            status = named.get("status")
            shown = str(status.value) if isinstance(status, ast.Constant) else None
            for code in words(named.get("code"), scope):
                yield code, shown
        elif name in RECORDED:
            for code in words(named.get("code"), scope):
                yield code, None


def health_codes() -> Iterator[str]:
    """The codes that the probes return."""
    tree = ast.parse((ROOT / "entra_plugin" / "web" / "health.py").read_text("utf-8"))
    for scope in functions(tree):
        for node in ast.walk(scope):
            if isinstance(node, ast.Return):
                yield from words(node.value, scope)


def sign_in_answers() -> Iterator[Mapping[str, object]]:
    """One answer of Microsoft for every row of our table, and some that it does not know."""
    for _, numbers in aadsts._TABLE.values():
        yield {"error": "invalid_grant", "error_codes": [numbers[0]]}
    for error in (*aadsts._BY_ERROR, "something_new"):
        yield {"error": error}


def gathered() -> Mapping[str, set[str]]:
    """Every code of the code base, with all ways in which it is answered."""
    codes: dict[str, set[str]] = defaultdict(set)
    for module in MODULES:
        for scope in functions(ast.parse(module.read_text("utf-8"))):
            for code, shown in found_in(scope):
                codes[code] |= {shown} if shown else set()
    for code in health_codes():
        codes[code] |= set()
    for answer in sign_in_answers():
        for at_customer in (True, False):
            error = aadsts.sign_in_error(answer, at_customer=at_customer)
            codes[error.code].add(answered(type(error), error.code))
    del codes["allowed"]
    return codes


CODES = gathered()


def row_of(code: str) -> str:
    """The row of a code in the reference."""
    text = TEXTS.error(code)
    status = ", ".join(sorted(CODES[code])) or "–"  # noqa: RUF001 - a dash for people
    return f"| `{code}` | {status} | {text.sentence} | {text.advice} |"


def rows() -> dict[str, str]:
    found = re.findall(r"^(\| `(\w+)` \|.*)$", REFERENCE.read_text("utf-8"), flags=re.MULTILINE)
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


def test_the_table_of_sign_in_errors_says_which_codes_it_gives() -> None:
    given = {
        aadsts.sign_in_error(answer, at_customer=at_customer).code
        for answer in sign_in_answers()
        for at_customer in (True, False)
    }
    assert given == aadsts.CODES


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_reference_lists_the_code_as_it_is(code: str) -> None:
    assert rows().get(code) == row_of(code)


def test_the_reference_lists_no_other_code() -> None:
    assert set(rows()) - set(CODES) == set()


def test_the_reference_is_in_alphabetical_order() -> None:
    assert list(rows()) == sorted(rows())
