"""Finds plugins by their entry points and calls their hooks, each plugin on its own.

A plugin that cannot be loaded or that fails in a hook is reported and left out; the others go on.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

import pluggy

from devhost.plugins import specs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A plugin that did not do its part."""

    plugin: str
    stage: str
    error: str


class Plugins:
    """The loaded plugins."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager("psa")
        self._manager.add_hookspecs(specs)
        self.problems: list[Problem] = []

    def load(self, found: Iterable[EntryPoint] | None = None) -> None:
        """Load every entry point of the group."""
        for point in found if found is not None else entry_points(group=specs.ENTRY_POINTS):
            try:
                self.register(point.load(), point.name)
            except Exception as error:
                log.exception("plugin not loaded", extra={"plugin": point.name})
                self._report(point.name, "load", error)

    def register(self, plugin: object, name: str) -> None:
        """Register one plugin object.

        Raises:
            PluginValidationError: It implements a hook that this host does not have, and does not
                say that it can do without.
        """
        self._manager.register(plugin, name)
        self._manager.check_pending()

    def names(self) -> list[str]:
        """The registered plugins, in order of registration."""
        return [name for name, _ in self._manager.list_name_plugin()]

    def records(self, hook: str, **arguments: object) -> list[object]:
        """The records of all plugins for one hook.

        A plugin that raises is reported and left out.
        """
        collected: list[object] = []
        plugins = self._manager.get_plugins()
        for name, plugin in self._manager.list_name_plugin():
            others = [other for other in plugins if other is not plugin]
            caller = self._manager.subset_hook_caller(hook, remove_plugins=others)
            try:
                for result in caller(**arguments):
                    collected.extend(result)
            except Exception as error:
                log.exception("hook failed", extra={"plugin": name, "hook": hook})
                self._report(name, hook, error)
        return collected

    def _report(self, plugin: str, stage: str, error: Exception) -> None:
        self.problems.append(Problem(plugin=plugin, stage=stage, error=type(error).__name__))
