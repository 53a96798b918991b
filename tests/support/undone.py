"""What an undo may do, and has to, said once more: judges the difference that it made."""

from collections.abc import Iterable
from dataclasses import dataclass

from support.judging import judge_told
from support.office import FIELDS, Row, State
from support.world import Key, World

INVERTIBLE = {"create", "link", "update", "inactivate", "reactivate", "move"}

TOUCHED = {
    "create": {"active", "link"},
    "link": {"link"},
    "close_link": {"link"},
    "inactivate": {"active"},
    "reactivate": {"active"},
    "move": {"active", "link", "clientId"},
}
"""What a row writes, but for an update, which writes what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """The application of an undo, from what was ``before`` to what is ``after``."""

    world: World
    before: State
    after: State
    run_id: str
    at_once: bool
    """Nothing happened since it was planned."""

    def judge(self) -> None:
        """Look at everything that was touched, and at what should have been."""
        rows = [r for r in self.after.of_run(self.run_id) if r["state"] == "applied"]
        assert self.before.contacts.keys() == self.after.contacts.keys()
        for contact_id, contact in self.after.contacts.items():
            mine = [r for r in rows if r["contact"] == contact_id]
            differs = judge_told(self.before.contacts[contact_id], contact, mine)
            self._judge_pins(contact_id, contact, differs)
        sources = {str(row["id"]): row for row in self.before.changes}
        for row in rows:
            self._judge_row(row, sources[str(row["source"])])
        self._judge_marks(rows)
        if self.at_once:
            assert not [r for r in self.after.of_run(self.run_id) if r["state"] == "stale"]
        self._judge_left()

    def _judge_pins(self, contact_id: str, contact: Row, differs: Iterable[str]) -> None:
        world = self.world
        assert not differs or contact_id not in world.hands_off, "a pin was undone"
        assert not any((contact_id, name) in world.locked for name in differs)
        slept = "active" in differs and not contact["active"]
        assert not slept or contact_id not in world.keep_active, "made inactive although pinned"

    def _judge_row(self, row: Row, source: Row) -> None:
        """What the run had written is as it was before the run."""
        assert source["run"] == self.after.runs[self.run_id]["undoes"]
        assert source["state"] == "applied", "undone twice"
        wrote_over = self._written_over(source) & _touched(row if _is_update(row) else source)
        assert not wrote_over, "what a later run wrote was taken back"
        key = _key(row)
        assert key not in self.world.ignored, "an ignored identity was undone"
        old = self.before.contacts.get(str(row["contact"]))
        new = self.after.contacts.get(str(row["contact"]))
        link = self.after.links.get(key)
        if source["kind"] in {"create", "link"}:
            assert link is None or link["contact_id"] != row["contact"], "the link is still there"
        if source["kind"] == "link" or old is None or new is None:
            return
        was = dict(source["before"] or {})  # type: ignore[call-overload]
        wrote = dict(source["after"] or {})  # type: ignore[call-overload]
        match source["kind"]:
            case "create" | "reactivate":
                assert (old["active"], new["active"]) == (True, False)
            case "inactivate":
                assert (old["active"], new["active"]) == (False, True)
            case "move":
                assert (old["client"], new["client"]) == (wrote["clientId"], was["clientId"])
            case _:
                for name in dict(row["after"]):  # type: ignore[call-overload]
                    assert old[name] == wrote[name], "what was edited since went back"
                    assert new[name] == was.get(name), "it is not as it was before the run"

    def _judge_marks(self, rows: Iterable[Row]) -> None:
        """Exactly what was undone is marked so, and exactly those identities are left alone."""
        marked = {str(r["id"]) for r in self.after.changes if r["state"] == "undone"}
        before = {str(r["id"]) for r in self.before.changes if r["state"] == "undone"}
        assert marked - before == {str(row["source"]) for row in rows}
        assert before <= marked
        touched = {_key(row) for row in rows}
        for key, decision in self.after.decisions.items():
            earlier = self.before.decisions.get(key)
            if key not in touched or (earlier and earlier["kind"] == "ignored"):
                assert decision == earlier, "an undo decided about somebody else"
        assert self.before.decisions.keys() <= self.after.decisions.keys()
        for key in touched:
            kind = self.after.decisions[key]["kind"]
            assert kind in {"undone", "ignored"}, f"{key} is not left alone, but {kind}"
            identity = self.after.identities.get(key)
            assert identity is None or identity["verdict"] in {"undone", "ignored"}

    def _judge_left(self) -> None:
        """What was not undone was changed since, or somebody pinned it."""
        undo = self.after.runs[self.run_id]
        customers = {p["managed_tenant_id"] for p in self.after.parts if p["run_id"] == undo["id"]}
        for row in self.after.of_run(undo["undoes"]):
            left = row["state"] == "applied" and row["kind"] in INVERTIBLE
            if left and row["customer"] in customers and self.at_once:
                assert self._is_excused(row), f"{row} could have been undone"

    def _is_excused(self, row: Row) -> bool:
        key, contact_id = _key(row), str(row["contact"])
        pinned = key in self.world.ignored or contact_id in self.world.hands_off
        contact = self.before.contacts.get(contact_id)
        if pinned or contact is None:
            return True
        wrote = dict(row["after"] or {})  # type: ignore[call-overload]
        wrote_over = self._written_over(row)
        if wrote_over and not _is_update(row):
            return True
        match row["kind"]:
            case "link":
                link = self.before.links.get(key)
                return link is None or link["contact_id"] != contact_id
            case "create" | "reactivate":
                return not contact["active"] or contact_id in self.world.keep_active
            case "inactivate":
                return bool(contact["active"])
            case "move":
                now = {"clientId": contact["client"], "active": contact["active"]}
                return now != wrote or contact_id in self.world.keep_active
            case _:
                return all(
                    contact[name] != value
                    or name in wrote_over
                    or (contact_id, name) in self.world.locked
                    or (name == "email" and self._is_taken(dict(row["before"]).get(name)))  # type: ignore[call-overload]
                    for name, value in wrote.items()
                    if name in FIELDS
                )

    def _written_over(self, row: Row) -> set[str]:
        """What of a row other runs wrote again later, but for what was undone since."""
        at = {r["id"]: float(str(r["at"])) for r in self.before.changes if r["at"] is not None}
        since = at[row["id"]]
        return {
            name
            for other in self.before.changes
            if other["state"] == "applied"
            and other["run"] != row["run"]
            and (other["customer"], _key(other)) == (row["customer"], _key(row))
            and at[other["id"]] > since
            and at.get(other["source"], 0) <= since
            for name in _touched(other) & _touched(row)
        }

    def _is_taken(self, address: object) -> bool:
        return any(c["email"] == address for c in self.before.contacts.values())


def _is_update(row: Row) -> bool:
    return row["kind"] == "update"


def _touched(row: Row) -> set[str]:
    return set(dict(row["after"])) if _is_update(row) else TOUCHED.get(str(row["kind"]), set())  # type: ignore[call-overload]


def _key(row: Row) -> Key:
    return str(row["directory"]), str(row["object"])
