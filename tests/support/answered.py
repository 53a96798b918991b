"""What an answer to a question may do, and has to, said once more."""

from dataclasses import dataclass

from entra_plugin.application.review.answers import Answer
from entra_plugin.application.review.sitting import Outcome
from entra_plugin.domain.reviewing import Action, Side
from support.judging import judge_told
from support.office import FIELDS, Row, State
from support.world import Key, World

LINKED = {"field_conflict", "missing_upstream"}
"""Questions about somebody who is linked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer that was carried out."""

    world: World
    before: State
    after: State
    item: Row
    answer: Answer
    outcome: Outcome

    @property
    def _key(self) -> Key:
        return str(self.item["directory"]), str(self.item["object"])

    def judge(self) -> None:
        """Look at what it did, and that it did nothing else."""
        self._judge_contacts()
        key, link = self._key, self.after.links.get(self._key)
        contact_id = str(self.outcome.contact_id)
        match self.answer.action:
            case Action.LINK | Action.MOVE | Action.CREATE:
                assert link is not None, "answered, and no link"
                assert link["contact_id"] == contact_id
                assert self.after.identities[key]["verdict"] == "linked"
                if self.answer.action != Action.LINK:
                    client = self.after.contacts[contact_id]["client"]
                    assert client == str(self.world.client_of(key))
            case Action.FIELDS:
                self._judge_fields(contact_id)
            case Action.INACTIVATE:
                assert not self.after.contacts[contact_id]["active"]
                assert link == self.before.links[key] | {  # type: ignore[operator]
                    "host_version": link["host_version"] if link else None,
                    "inactive_version": self.after.contacts[contact_id]["version"],
                }
            case _:
                assert self.after.contacts == self.before.contacts
                assert self.after.links == self.before.links
        self._judge_memory()

    def _judge_contacts(self) -> None:
        before, after = self.before, self.after
        rows = after.of_run(self.outcome.run_id)
        assert before.contacts.keys() <= after.contacts.keys(), "an answer deleted a contact"
        made = after.contacts.keys() - before.contacts.keys()
        assert len(made) == (self.answer.action == Action.CREATE)
        for contact_id, old in before.contacts.items():
            mine = [row for row in rows if row["contact"] == contact_id]
            differs = judge_told(old, after.contacts[contact_id], mine)
            if differs:
                assert contact_id == str(self.outcome.contact_id), "another contact was changed"
                assert contact_id not in self.world.hands_off, "a pinned contact was changed"
                assert not any((contact_id, name) in self.world.locked for name in differs)
                self._judge_written(old, differs)

    def _judge_written(self, old: Row, differs: frozenset[str]) -> None:
        """What a link or a move writes besides is what a rule lets it write."""
        if self.answer.action in {Action.LINK, Action.MOVE}:
            for name in differs & set(FIELDS):
                mode = self.world.rules.get(name)
                assert mode == "directory_wins" or (mode and not old[name]), f"{name} by {mode}"
            assert "active" not in differs
        assert "clientId" not in differs or self.answer.action == Action.MOVE
        assert "active" not in differs or self.answer.action == Action.INACTIVATE

    def _judge_fields(self, contact_id: str) -> None:
        shown = dict(self.item["details"])["fields"]  # type: ignore[call-overload]
        old, new = self.before.contacts[contact_id], self.after.contacts[contact_id]
        base = dict(self.after.links[self._key]["base"])  # type: ignore[call-overload]
        for name in FIELDS:
            if self.answer.fields.get(name) == Side.DIRECTORY:
                assert new[name] == shown[name]["directory"]
            else:
                assert new[name] == old[name], f"{name} was not asked about"
        assert shown.keys() <= base.keys(), "answered, and not settled"

    def _judge_memory(self) -> None:
        """The decision is there, the question is not."""
        key = self._key
        decision = self.after.decisions.get(key, {}).get("kind")
        match self.answer.action:
            case Action.LINK | Action.MOVE:
                assert decision == "linked"
                assert self.after.decisions[key]["contact"] == str(self.outcome.contact_id)
            case Action.KEEP | Action.DISMISS:
                assert decision == ("dismissed" if self.item["reason"] in LINKED else "ignored")
            case Action.CREATE | Action.REOPEN:
                assert decision is None
        others = {k: d for k, d in self.after.decisions.items() if k != key}
        assert others == {k: d for k, d in self.before.decisions.items() if k != key}
        reopened = self.answer.action == Action.REOPEN
        is_open = self.after.items.get(key, {}).get("id") == self.item["id"]
        assert is_open == reopened, f"{self.item} is open: {is_open}"
