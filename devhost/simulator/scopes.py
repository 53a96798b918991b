"""Scopes of Graph: which there are, which are granted, and what a request for them gets."""

from collections.abc import Iterable

from devhost.simulator.sts import StsError, not_consented

GRAPH_RESOURCE = "https://graph.microsoft.com"
DELEGATED = ("User.Read", "Directory.Read.All", "DelegatedAdminRelationship.Read.All")
"""What every partner has granted."""
OPTIONAL = ("ManagedTenants.Read.All", "CrossTenantInformation.ReadBasic.All")
APPLICATION = ("User.Read.All", "Directory.Read.All")
_OPENID = frozenset({"openid", "profile", "email", "offline_access"})


def short_names(scope: str) -> list[str]:
    """The permissions of Graph that are asked for.

    Raises:
        StsError: One of them is of another resource.
    """
    wanted = [name for name in scope.split() if name not in _OPENID]
    foreign = [s for s in wanted if "/" in s and not s.startswith(f"{GRAPH_RESOURCE}/")]
    if foreign:
        raise StsError("invalid_resource", 500011, "The resource principal was not found.")
    return [name.removeprefix(f"{GRAPH_RESOURCE}/") for name in wanted]


def refusal(scope: str) -> str | None:
    """Why the sign-in page shows an error instead of asking for these; None if it does not."""
    known = {*DELEGATED, *OPTIONAL, ".default"}
    try:
        unknown = [name for name in short_names(scope) if name not in known]
    except StsError as error:
        return f"AADSTS{error.number}: {error.text}"
    if unknown:
        return f"AADSTS650053: The application asked for scope '{unknown[0]}' that is not there."
    return None


def granted(scope: str, consented: Iterable[str]) -> tuple[str, ...]:
    """What a token gets.

    Raises:
        StsError: Something is asked for that nobody consented to.
    """
    given = tuple(consented)
    names = short_names(scope)
    if names == [".default"]:
        return given
    if ".default" in names:
        raise StsError("invalid_scope", 70011, ".default cannot be combined with other scopes.")
    if not set(names).issubset(given):
        raise not_consented()
    return tuple(name for name in given if name in names)


def require_default(scope: str, resource: str) -> None:
    """Refuse client credentials for anything else than all of one resource.

    Raises:
        StsError: The scope is another one.
    """
    if not scope.endswith("/.default"):
        text = f"The provided value for scope {scope} is not valid."
        raise StsError("invalid_scope", 1002012, text)
    if scope != f"{resource}/.default":
        raise StsError("invalid_resource", 500011, "The resource principal was not found.")
