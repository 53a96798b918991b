"""How things stand once all is well: every rule of the sync said anew, one user at a time.

A state is settled when a complete reading of the directory, with nothing in its way, would find
nothing to do. Nothing here is the plugin's own code.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import EntraTenantId
from support.office import Row, State
from support.world import Key, World, left_out, normal, value_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Judges a state in which nothing is left to be done."""

    world: World
    state: State

    def judge(self) -> None:
        """Look at every identity of the customers that are mapped."""
        for directory, paper in self.world.papers.items():
            if self.world.mapped[directory] is None:
                continue
            for object_id, user in paper.users.items():
                self._judge_present(directory, (str(directory), str(object_id)), user)
            self._judge_claims(directory)
        for key, identity in self.state.identities.items():
            linked = key in self.state.links
            if self.world.client_of(key) is not None and self.world.user(key) is None:
                self._judge_gone(key, identity)
            if self.world.client_of(key) is not None and identity["verdict"] == "linked":
                assert linked or self._left_before_a_remap(key), f"{identity} has no link"
            if linked:
                allowed = {"linked", "ignored", "undone"}
                assert identity["verdict"] in allowed, f"{identity} has a link"

    # --- Users that are there ---

    def _judge_present(self, directory: EntraTenantId, key: Key, user: DirectoryUser) -> None:
        identity = self.state.identities.get(key)
        assert identity is not None, "a user without a verdict"
        link = self.state.links.get(key)
        verdict = identity["verdict"]
        if key in self.world.ignored:
            assert verdict == "ignored", f"pinned, and {identity}"
        elif self._decided(key) == "undone":
            assert verdict == "undone", f"undone, and {identity}"
        elif link is not None:
            assert verdict == "linked"
            assert link["client_id"] == str(self.world.mapped[directory])
            self._judge_linked(key, user, link, identity)
        elif self._waits(key, "move"):
            assert verdict == "queued"
        else:
            expected = self._expected(directory, key, user)
            assert verdict in expected, f"{identity} should be one of {expected}"
        if verdict == "queued" and not self._waits(key, "move"):
            assert key in self.state.items, "queued without a question"

    def _expected(self, directory: EntraTenantId, key: Key, user: DirectoryUser) -> frozenset[str]:
        """The verdicts that somebody without a link may have."""
        remembered = self._remembered(directory, key, user)
        if remembered is not None:
            return frozenset({remembered})
        if left_out(self.world, directory, user):
            return frozenset({"filtered"})
        if self._is_pinned(key):
            return frozenset({"ignored"})
        if self._is_left_behind(directory, key):
            waved_away = self._is_to_stay(directory, key)
            return frozenset({"queued", "ignored"} if waved_away else {"queued"})
        return self._expected_of_new(directory, user)

    def _expected_of_new(self, directory: EntraTenantId, user: DirectoryUser) -> frozenset[str]:
        """The verdicts of somebody of whom nothing was known before."""
        found = self._matches(directory, user)
        if len(found) == 1:
            (contact,) = found
            owner = self._slept_of(contact)
            mine = owner == (str(directory), str(user.object_id))
            free = contact["id"] not in self.state.holders and (owner is None or mine)
            free = free and contact["client"] == str(self.world.mapped[directory])
            if free and contact["id"] in self.world.hands_off:
                return frozenset({"ignored"})
            if free and (mine or not self._is_contested(directory, user)):
                return frozenset({"to be linked"})
        elif not found and not self._elsewhere(user) and not self._is_contested(directory, user):
            return frozenset({"to be created"})
        return frozenset({"queued"})

    def _remembered(self, directory: EntraTenantId, key: Key, user: DirectoryUser) -> str | None:
        """The verdict that follows from what was before; None where he is as if he were new."""
        decided = self._decided(key)
        if decided == "ignored":
            return "ignored"
        if decided == "linked" and self._may_follow(directory, key):
            return "to be linked as decided"
        if self._may_move(directory, key, user):
            return "ignored" if self._is_to_stay(directory, key) else "to be moved"
        if self._may_resume(directory, key, user):
            moves = self._closed_at(key) != str(self.world.mapped[directory])
            stays = moves and self._is_to_stay(directory, key)
            return "ignored" if stays else "to be reactivated"
        return None

    def _decided(self, key: Key) -> object:
        """What a person, or an undo, decided about him."""
        return self.state.decisions.get(key, {}).get("kind")

    def _waved_away(self, key: Key, question: str) -> Row | None:
        """The dismissal of a question about him."""
        decision = self.state.decisions.get(key, {})
        dismissed = decision.get("kind") == "dismissed" and decision["question"] == question
        return decision if dismissed else None

    def _is_to_stay(self, directory: EntraTenantId, key: Key) -> bool:
        """His contact was not to move to the client of now."""
        discarded = self._waved_away(key, "remapped")
        return discarded is not None and discarded["client"] == str(self.world.mapped[directory])

    def _may_follow(self, directory: EntraTenantId, key: Key) -> bool:
        """The contact that was chosen for him is free, and of the client."""
        chosen = self.state.contacts.get(str(self.state.decisions[key]["contact"]))
        return (
            chosen is not None
            and chosen["client"] == str(self.world.mapped[directory])
            and chosen["id"] not in self.state.holders
            and chosen["id"] not in self.world.hands_off
        )

    def _may_resume(self, directory: EntraTenantId, key: Key, user: DirectoryUser) -> bool:
        """An undo made his contact inactive, was resumed, and nobody touched it since."""
        link = self.state.closed.get(key)
        if link is None or link["closed_reason"] != "undone" or not user.enabled:
            return False
        contact = self.state.contacts.get(str(link["contact_id"]))
        return (
            contact is not None
            and not contact["active"]
            and contact["id"] not in self.state.holders
            and contact["id"] not in self.world.hands_off
            and contact["version"] == link["inactive_version"]
        )

    def _slept_of(self, contact: Row) -> Key | None:
        """Whose a contact is that an undo made inactive, and nobody touched since."""
        owners = (
            key
            for key, link in self.state.closed.items()
            if link["closed_reason"] == "undone"
            and (link["contact_id"], link["inactive_version"])
            == (contact["id"], contact["version"])
            and key not in self.state.links
            and key not in self.world.ignored
        )
        return next(owners, None) if not contact["active"] else None

    def _closed_at(self, key: Key) -> object:
        """The client of the contact that his closed link led to."""
        return self.state.contacts[str(self.state.closed[key]["contact_id"])]["client"]

    def _may_move(self, directory: EntraTenantId, key: Key, user: DirectoryUser) -> bool:
        """The mapping changed, and his contact at the old client is untouched."""
        link = self.state.closed.get(key)
        if link is None or link["closed_reason"] != "mapping_changed" or not user.enabled:
            return False
        contact = self.state.contacts.get(str(link["contact_id"]))
        return (
            contact is not None
            and link["reason"] == "created"
            and contact["id"] not in self.state.holders
            and contact["id"] not in self.world.hands_off
            and contact["version"] == link["host_version"]
            and contact["client"] != str(self.world.mapped[directory])
        )

    def _is_pinned(self, key: Key) -> bool:
        """His contact of before the mapping changed, or that an undo put to sleep, is pinned."""
        link = self.state.closed.get(key)
        contact = self.state.contacts.get(str(link["contact_id"])) if link else None
        if link is None or contact is None or contact["id"] not in self.world.hands_off:
            return False
        asleep = link["inactive_version"] == contact["version"]
        return link["closed_reason"] == "mapping_changed" or (
            link["closed_reason"] == "undone" and asleep
        )

    def _is_left_behind(self, directory: EntraTenantId, key: Key) -> bool:
        """His contact of before the mapping changed was made or edited by people: they are asked.

        So he claims nothing else.
        """
        link = self.state.closed.get(key)
        if link is None or link["closed_reason"] != "mapping_changed":
            return False
        contact = self.state.contacts.get(str(link["contact_id"]))
        ours = contact is not None and (
            link["reason"] == "created" and contact["version"] == link["host_version"]
        )
        return (
            contact is not None
            and not ours
            and contact["id"] not in self.state.holders
            and contact["client"] != str(self.world.mapped[directory])
        )

    def _matches(self, directory: EntraTenantId, user: DirectoryUser) -> Sequence[Row]:
        client = str(self.world.mapped[directory])
        coming = self._taken_along(directory, user)
        inside = [
            contact
            for contact in self.state.contacts.values()
            if contact["client"] == client or contact["id"] in coming
        ]
        own = normal("email", value_of(user, "email"))
        found = [c for c in inside if normal("email", c["email"]) == own]
        if not found:
            names = {normal("email", n) for n in (user.user_principal_name, *user.aliases)}
            found = [c for c in inside if c["email"] and normal("email", c["email"]) in names]
        return [c for c in found if c["active"]] or found

    def _taken_along(self, directory: EntraTenantId, but: DirectoryUser) -> frozenset[object]:
        """Contacts of other clients that others will take along to this one."""
        movers = {
            (str(directory), str(object_id)): user
            for object_id, user in self.world.papers[directory].users.items()
            if object_id != but.object_id
        }
        return frozenset(
            self.state.closed[key]["contact_id"]
            for key, user in movers.items()
            if key not in self.state.links
            and key not in self.world.ignored
            and self._decided(key) not in {"ignored", "undone"}
            and self._may_move(directory, key, user)
            and not self._is_to_stay(directory, key)
        )

    def _elsewhere(self, user: DirectoryUser) -> bool:
        own = normal("email", value_of(user, "email"))
        return any(normal("email", c["email"]) == own for c in self.state.contacts.values())

    def _subject(self, directory: EntraTenantId, user: DirectoryUser) -> object:
        """What he would claim: a contact, or an address."""
        found = self._matches(directory, user)
        return found[0]["id"] if len(found) == 1 else normal("email", value_of(user, "email"))

    def _is_contested(self, directory: EntraTenantId, user: DirectoryUser) -> bool:
        mine = self._subject(directory, user)
        return self._claims(directory)[mine] > 1

    def _claims(self, directory: EntraTenantId) -> Counter[object]:
        """What is claimed, and by how many, in all directories of the client."""
        mapped = self.world.mapped
        beside = [other for other in self.world.papers if mapped[other] == mapped[directory]]
        claims: Counter[object] = Counter()
        for other in beside:
            for object_id, user in self.world.papers[other].users.items():
                key = (str(other), str(object_id))
                ignored = key in self.world.ignored or self._decided(key) in {"ignored", "undone"}
                free = key not in self.state.links and not ignored
                free = free and not self._is_left_behind(other, key)
                if free and not left_out(self.world, other, user):
                    claims[self._subject(other, user)] += 1
        return claims

    def _judge_claims(self, directory: EntraTenantId) -> None:
        """Nobody is asked about an identity that is left out, unless what answers that is held."""
        for object_id, user in self.world.papers[directory].users.items():
            key = (str(directory), str(object_id))
            unlinked = key not in self.state.links and not self._waits(key, "move")
            if unlinked and left_out(self.world, directory, user):
                assert key not in self.state.items, "asked about somebody who is left out"

    # --- Those who have a contact ---

    def _judge_linked(self, key: Key, user: DirectoryUser, link: Row, identity: Row) -> None:
        contact = self.state.contacts.get(str(link["contact_id"]))
        assert contact is not None, "a link to nobody"
        if contact["id"] in self.world.hands_off:
            return
        if not user.enabled:
            self._judge_left(key, contact, identity)
            leaves = not contact["active"] or self._waits(key, "inactivate")
            for name in () if leaves else self.world.rules:
                self._judge_field(key, user, link, contact, name)
            return
        assert identity["departure"] is None, "somebody is here who is said to have left"
        ours = link["inactive_version"] == contact["version"]
        assert contact["active"] or not ours, "somebody came back, and is inactive"
        for name in self.world.rules:
            self._judge_field(key, user, link, contact, name)

    def _judge_field(
        self, key: Key, user: DirectoryUser, link: Row, contact: Row, name: str
    ) -> None:
        there = value_of(user, name)
        if not there or (contact["id"], name) in self.world.locked:
            return
        base = dict(link["base"] or {}).get(name)  # type: ignore[call-overload]
        taken = name == "email" and any(
            normal(name, c["email"]) == normal(name, there) and c["id"] != contact["id"]
            for c in self.state.contacts.values()
        )
        dismissal = self._waved_away(key, "field_conflict") or {}
        waved_away = name in (dismissal.get("fields") or ())  # type: ignore[operator]
        asked = key in self.state.items or waved_away
        asked = asked and self.world.rules[name] == "ask"
        if taken or asked or self._waits(key, "update"):
            return
        assert base == normal(name, there), f"{name} of {contact} is not settled: {link} {user}"

    # --- Those who left ---

    def _judge_gone(self, key: Key, identity: Row) -> None:
        link = self.state.links.get(key)
        if link is None:
            deleted = any(str(o) == key[1] for p in self.world.papers.values() for o in p.deleted)
            asked = key in self.state.items
            assert not (asked and deleted), "asked about somebody who is known to be deleted"
            return
        contact = self.state.contacts.get(str(link["contact_id"]))
        assert contact is not None, "a link from nobody to nobody"
        if key in self.world.ignored or contact["id"] in self.world.hands_off:
            return
        if self._decided(key) == "undone" or self._waved_away(key, "missing_upstream"):
            return
        self._judge_left(key, contact, identity)

    def _judge_left(self, key: Key, contact: Row, identity: Row) -> None:
        if not contact["active"] or contact["id"] in self.world.keep_active:
            return
        if not self.world.marks_inactive:
            return
        excused = identity["settled"] or key in self.state.items or self._waits(key, "inactivate")
        assert excused, f"{identity} left, and {contact} is active"

    def _left_before_a_remap(self, key: Key) -> bool:
        """He keeps the verdict of when he was last seen: no reading lists him any more."""
        gone = self.world.user(key) is None
        return gone and self.state.closed[key]["closed_reason"] == "mapping_changed"

    def _waits(self, key: Key, kind: str) -> bool:
        """A row of his is held."""
        return any(
            r["state"] == "held" and r["kind"] == kind and (r["directory"], r["object"]) == key
            for r in self.state.changes
        )


def unlinked(state: State, keys: Iterable[Key]) -> list[Key]:
    """Those of them that have no link."""
    return [key for key in keys if key not in state.links]
