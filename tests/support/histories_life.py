"""One MSP of a random history: its directories, contacts and people, and what they may do."""

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from entra_plugin.directory.protocol import Capabilities
from entra_plugin.domain.flags import Flag
from entra_plugin.domain.ids import ClientId, EntraTenantId, ObjectId, RunId, TenantId
from support.builders import person
from support.engine import Engine, engine_over
from support.histories_choices import (
    ADDRESSES,
    GROUP,
    ContactEdits,
    DirectoryEdits,
    Slot,
    addresses,
    contact_edits,
    directory_edits,
    field_rules,
    guards,
    pins,
    slots,
)
from support.office import CLIENTS, CUSTOMERS, DIRECTORIES, FIELDS, Office
from support.paper import PaperDirectory
from support.stage import Stage
from support.world import World


class Life(RuleBasedStateMachine):
    """An MSP to which things happen; nobody syncs."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.stage.histories += 1
        self.world = World()
        self.directory = PaperDirectory(papers=self.world.papers)
        self.office = Office(stage.administrator)
        self.engine: Engine = engine_over(
            stage.host, self.directory, TenantId(self.office.tenant_id)
        )
        self.sound = False
        self.misread = False
        """A reading went wrong, so that somebody may not be known yet."""
        self.runs: list[RunId] = []
        """Those that may be undone, oldest first."""
        self.neighbour = stage.neighbour
        self.untouched = self.neighbour.versions() if self.neighbour else []

    def count(self, name: str) -> None:
        self.stage.rules[name] += 1

    @initialize(
        both=st.sampled_from([False, False, True]),
        delta=st.booleans(),
        proves=st.booleans(),
        people=directory_edits,
        synced=st.booleans(),
        contacts=st.lists(st.tuples(st.sampled_from(CLIENTS), addresses), max_size=3),
        modes=field_rules,
    )
    def begin(
        self,
        both: bool,
        delta: bool,
        proves: bool,
        people: DirectoryEdits,
        synced: bool,
        contacts: list[tuple[ClientId, str]],
        modes: dict[str, str],
    ) -> None:
        self.directory.capabilities = Capabilities(
            delta=delta, proves_absence=proves, groups=True, concurrency=1
        )
        self.office.found(self.engine.clock())
        for number, (client_id, address) in enumerate(contacts):
            self.office.hire(client_id, f"Number {number}", address)
        self.world.modes = modes
        self.save_settings()
        self.world.mapped[DIRECTORIES[1]] = None
        for number in range(1 + both):
            self.decide(number, CLIENTS[number])
        self.come((0, "ada"), {})
        self.come((1, "eve"), {})
        self.change_directory(people)
        self.sound = True
        if synced:
            self.first_sync()

    def first_sync(self) -> None:
        """Nobody syncs here."""

    # --- The directory ---

    @rule(edits=directory_edits)
    def directories_change(self, edits: DirectoryEdits) -> None:
        self.count("directories_change")
        self.change_directory(edits)

    def change_directory(self, edits: DirectoryEdits) -> None:
        for slot, (name, value) in edits:
            self.change_user(slot, name, value)
            directory, object_id = self.key(slot)
            self.world.note(directory, object_id, self.engine.clock())

    def change_user(self, slot: Slot, name: str, value: object) -> None:
        directory, object_id = self.key(slot)
        paper = self.world.papers[directory]
        user = paper.users.get(object_id)
        if user is None and name == "do":
            self.change_absent(slot, value)
        elif user is None:
            self.come(slot, {name: value})
        elif name != "do":
            paper.put(msgspec.structs.replace(user, **{name: value}))
        elif value in {"enable", "disable"}:
            paper.put(msgspec.structs.replace(user, enabled=value == "enable"))
        elif value in {"delete", "purge"} and len(paper.users) > 1:
            paper.delete(object_id, purge=value == "purge")

    def change_absent(self, slot: Slot, what: object) -> None:
        directory, object_id = self.key(slot)
        paper = self.world.papers[directory]
        if what == "come":
            self.come(slot, {})
        elif what == "restore" and object_id in paper.deleted:
            paper.put(paper.deleted[object_id])
        elif what == "purge" and object_id in paper.deleted:
            paper.purge(object_id)

    def come(self, slot: Slot, attributes: dict[str, object]) -> None:
        directory, object_id = self.key(slot)
        if object_id in self.world.papers[directory].deleted:
            return
        number, local = slot
        domain = "contoso.example" if number == 0 else "fabrikam.example"
        names = {"given_name": None, "surname": None, "display_name": local.title()}
        user = msgspec.structs.replace(person(local, domain, **names), **attributes)
        self.world.papers[directory].put(user)

    def key(self, slot: Slot) -> tuple[EntraTenantId, ObjectId]:
        number, local = slot
        domain = "contoso.example" if number == 0 else "fabrikam.example"
        return DIRECTORIES[number], person(local, domain).object_id

    # --- The host ---

    @rule(edits=contact_edits)
    def people_edit_contacts(self, edits: ContactEdits) -> None:
        self.count("people_edit_contacts")
        self.edit_contacts(edits)

    def edit_contacts(self, edits: ContactEdits) -> None:
        contacts = list(self.office.state().contacts)
        for number, (name, value) in edits:
            if (name, value) == ("do", "hire"):
                client_id = CLIENTS[number % len(CLIENTS)]
                address = ADDRESSES[number % len(ADDRESSES)]
                self.office.hire(client_id, f"Hired {number}", address)
            elif contacts and value == "dismiss":
                self.office.dismiss(contacts[number % len(contacts)])
            elif contacts:
                self.office.edit(contacts[number % len(contacts)], name, value)

    # --- The plugin's people ---

    @rule(modes=field_rules)
    def rules_are_saved(self, modes: dict[str, str]) -> None:
        self.count("rules_are_saved")
        self.world.modes = modes
        self.save_settings()

    def save_settings(self) -> None:
        fields = {name: {"enabled": True, "mode": mode} for name, mode in self.world.modes.items()}
        self.office.settings(
            field_sync_config=fields,
            user_filter_config=self.world.filters,
            guard_config=self.world.guard,
        )

    @rule(
        filters=st.fixed_dictionaries(
            {},
            optional={
                "licensedOnly": st.booleans(),
                "includeGuests": st.booleans(),
                "excludePatterns": st.sampled_from([[], ["ada@*"], ["*.example"]]),
            },
        )
    )
    def filters_are_saved(self, filters: dict[str, object]) -> None:
        self.count("filters_are_saved")
        self.world.filters = filters
        self.save_settings()

    @rule(guard=guards)
    def the_guard_is_set(self, guard: dict[str, object]) -> None:
        self.count("the_guard_is_set")
        self.world.guard = guard
        self.save_settings()

    @rule(on=st.booleans())
    def the_flag_of_field_rules_is_switched(self, on: bool) -> None:
        self.count("the_flag_of_field_rules_is_switched")
        self.world.rules_flag = on
        (self.engine.switches.on.add if on else self.engine.switches.on.discard)(Flag.FIELD_SYNC)

    @rule(
        kind=st.none() | pins,
        number=st.integers(0, 7),
        slot=slots,
        name=st.sampled_from(FIELDS),
    )
    def somebody_pins(self, kind: str | None, number: int, slot: Slot, name: str) -> None:
        self.count("somebody_pins")
        self.pin(kind, number, slot, name)

    def pin(self, kind: str | None, number: int, slot: Slot, name: str) -> None:
        world, contacts = self.world, list(self.office.state().contacts)
        if kind is None:
            self.office.unpin()
            for pins in (world.keep_active, world.hands_off, world.locked, world.ignored):
                pins.clear()
        elif kind == "ignore_identity":
            directory, object_id = self.key(slot)
            world.ignored.add((str(directory), str(object_id)))
            self.office.pin(kind, directory=directory, object_id=object_id)
        elif contacts:
            self.pin_contact(kind, contacts[number % len(contacts)], name)

    def pin_contact(self, kind: str, contact_id: str, name: str) -> None:
        if kind == "lock_field":
            self.world.locked.add((contact_id, name))
            self.office.pin(kind, contact_id=contact_id, field=name)
        else:
            getattr(self.world, kind).add(contact_id)
            self.office.pin(kind, contact_id=contact_id)

    @rule(number=st.integers(0, 1), client=st.sampled_from([*CLIENTS, None]), grouped=st.booleans())
    def somebody_maps(self, number: int, client: ClientId | None, grouped: bool) -> None:
        self.count("somebody_maps")
        self.decide(number, client, grouped=grouped)

    def decide(self, number: int, client: ClientId | None, *, grouped: bool = False) -> None:
        self.stage.run(self.deciding(number, client, grouped=grouped))

    async def deciding(
        self, number: int, client: ClientId | None, *, grouped: bool = False
    ) -> None:
        directory = DIRECTORIES[number]
        overrides = {"includeGroupIds": [str(GROUP)]} if grouped else {}
        self.world.group_of.pop(directory, None)
        if grouped:
            self.world.group_of[directory] = GROUP
            members = frozenset(list(self.world.papers[directory].users)[::2])
            self.world.papers[directory].groups[GROUP] = members
        self.world.mapped[directory] = client
        await self.engine.map(CUSTOMERS[number], client, overrides)

    @rule(days=st.sampled_from([1, 3, 8, 40]))
    def time_passes(self, days: int) -> None:
        self.count("time_passes")
        self.engine.clock.move(days=days)
