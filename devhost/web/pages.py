"""Renders the host's pages: one layout, one stylesheet, no script but htmx."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from devhost.accounts import Account

_FOLDER = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An entry of the navigation."""

    href: str
    title: str
    permission: str | None


NAVIGATION = (
    Link(href="/", title="Home", permission=None),
    Link(href="/clients", title="Clients", permission="client.read"),
    Link(href="/contacts", title="Contacts", permission="contact.read"),
    Link(href="/settings", title="Settings", permission="system_settings.read"),
    Link(href="/notices", title="Notices", permission="system_settings.read"),
)


class Pages:
    """The templates."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(
        self, template: str, account: Account | None, *, title: str, path: str, **values: object
    ) -> str:
        """A page of the host's own."""
        body = self._environment.get_template(template).render(account=account, **values)
        return self.layout(account, title=title, body=body, styles=(), scripts=(), path=path)

    def layout(
        self,
        account: Account | None,
        *,
        title: str,
        body: str,
        styles: Sequence[str],
        scripts: Sequence[str],
        path: str,
    ) -> str:
        """A whole document around ``body``, which is HTML already."""
        return self._environment.get_template("layout.html").render(
            account=account,
            title=title,
            body=Markup(body),
            styles=styles,
            scripts=scripts,
            navigation=_navigation(account),
            path=path,
        )


def _navigation(account: Account | None) -> Sequence[Link]:
    if account is None or account.user_type != "internal":
        return ()
    return [
        link
        for link in NAVIGATION
        if link.permission is None or link.permission in account.permissions
    ]


def shown(when: Mapping[str, object], account: Account, flags: Mapping[str, bool]) -> bool:
    """Evaluate a contribution's condition for a person; what we do not know is not shown."""
    if len(when) != 1:
        return False
    ((key, value),) = when.items()
    match key:
        case "flag":
            return flags.get(str(value), False)
        case "permission":
            return str(value) in account.permissions
        case "not":
            return isinstance(value, Mapping) and not shown(value, account, flags)
        case "all" | "any" if isinstance(value, Sequence):
            answers = [isinstance(v, Mapping) and shown(v, account, flags) for v in value]
            return all(answers) if key == "all" else any(answers)
        case _:
            return False


def flags_in(when: object) -> set[str]:
    """The flags that a condition speaks of."""
    if isinstance(when, Mapping):
        found = {str(v) for k, v in when.items() if k == "flag"}
        return found.union(*(flags_in(v) for v in when.values()))
    if isinstance(when, (list, tuple)):
        return set().union(*(flags_in(v) for v in when))
    return set()
