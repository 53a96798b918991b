"""One customer of one MSP whose directory is on paper: the application layer, without Temporal."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import msgspec

from entra_plugin.application.review.answers import Answer
from entra_plugin.domain.ids import ClientId, RunId, TenantId
from entra_plugin.domain.reviewing import Action
from support.builders import person
from support.desk import Desk
from support.engine import Engine, engine_over
from support.office import CLIENTS, CUSTOMERS, DIRECTORIES, Office, Row
from support.paper import Paper, PaperDirectory
from support.stage import Stage


@dataclass(slots=True, kw_only=True)
class Case:
    """One customer of one MSP."""

    stage: Stage
    office: Office
    engine: Engine
    directory: PaperDirectory
    paper: Paper

    def map(self, client_id: ClientId | None) -> None:
        """Map the customer."""
        self.stage.run(self.engine.map(CUSTOMERS[0], client_id, {}))

    def save(self, *, guard: Mapping[str, object], **modes: str) -> None:
        """Save the guard and the field rules that are on."""
        fields = {name: {"enabled": True, "mode": mode} for name, mode in modes.items()}
        self.office.settings(field_sync_config=fields, user_filter_config={}, guard_config=guard)

    def sync(self, *, meanwhile: Callable[[], Awaitable[None] | None] | None = None) -> RunId:
        """Sync; ``meanwhile`` happens when all is planned."""
        return self.stage.run(self._sync(meanwhile))

    async def _sync(self, meanwhile: Callable[[], Awaitable[None] | None] | None) -> RunId:
        async def happens() -> None:
            happening = meanwhile() if meanwhile is not None else None
            if happening is not None:
                await happening

        run_id = await self.engine.start()
        await self.engine.carry_out(run_id, meanwhile=happens)
        return run_id

    def nothing_is_left(self) -> None:
        """Another sync finds nothing to do, and writes nothing."""
        before = self.office.versions()
        assert self.rows(self.sync()) == []
        assert self.office.versions() == before

    def preview(self) -> RunId:
        """Plan the customer's sync, to be applied later."""
        run_id = self.stage.run(Desk(self.engine).preview(None, None))
        self.stage.run(self.engine.carry_out(run_id))
        return run_id

    def apply(self, run_id: RunId, *, crash_at: int | None = None) -> None:
        """Apply what was planned; an attempt may die at a moment."""
        self.stage.run(Desk(self.engine).apply(run_id))
        self.stage.run(self.engine.carry_out(run_id, crash_at=crash_at))

    def undo(self, run_id: RunId) -> RunId:
        """Plan the undo of a run, to be applied later."""
        undo_id = self.stage.run(Desk(self.engine).undo(run_id, None))
        self.stage.run(self.engine.carry_out(undo_id))
        return undo_id

    def kept(self, undo_id: RunId) -> list[object]:
        """What an undo leaves as it is."""
        rows = self.office.state().of_run(undo_id)
        return [row["note"] for row in rows if row["kind"] == "none"]

    def change(self, local: str, **attributes: object) -> None:
        """Change a user, or make one."""
        made = person(local, given_name=None, surname=None)
        user = self.paper.users.get(made.object_id, made)
        self.paper.put(msgspec.structs.replace(user, **attributes))

    def rows(self, run_id: RunId) -> list[tuple[object, object]]:
        """Kind and state of a run's rows."""
        return [(row["kind"], row["state"]) for row in self.office.state().of_run(run_id)]

    def contact(self, local: str) -> Row:
        """The contact with somebody's address."""
        contacts = self.office.state().contacts.values()
        return next(c for c in contacts if c["email"] == f"{local}@contoso.example")

    def contacts(self) -> dict[str, tuple[bool, str]]:
        """Whether each contact with an address is active, and at which client it is."""
        contacts = self.office.state().contacts.values()
        return {
            str(c["email"]).partition("@")[0]: (bool(c["active"]), str(c["client"]))
            for c in contacts
            if c["email"]
        }

    def questions(self) -> list[tuple[str, object]]:
        """Whose questions are open, and why they are asked."""
        names = {str(person(local).object_id): local for local in ("ada", "bob", "cyd")}
        items = self.office.state().items
        return [(names[object_id], item["reason"]) for (_, object_id), item in items.items()]

    def answer(self, action: Action) -> None:
        """Answer the one question that is open."""
        (item,) = self.office.state().items.values()
        self.stage.run(Desk(self.engine).answer(item["id"], Answer(action=action)))

    def vanish(self, local: str) -> None:
        """Let the directory list a user no more, without a word on it."""
        del self.paper.users[person(local).object_id]

    def fire(self, local: str, *, purge: bool = False) -> None:
        """Delete a user in the directory, softly or for good."""
        self.paper.delete(person(local).object_id, purge=purge)

    def capable(self, **capabilities: bool) -> None:
        """Change what the directory can do."""
        self.directory.capabilities = replace(self.directory.capabilities, **capabilities)

    def verdict(self, local: str) -> object:
        """What became of a user."""
        key = (str(DIRECTORIES[0]), str(person(local).object_id))
        return self.office.state().identities[key]["verdict"]


def customer_on(stage: Stage) -> Case:
    """A customer in which Ada and Bob have their contacts."""
    office, paper = Office(stage.administrator), Paper()
    directory = PaperDirectory(papers={DIRECTORIES[0]: paper})
    engine = engine_over(stage.host, directory, TenantId(office.tenant_id))
    office.found(engine.clock())
    case = Case(stage=stage, office=office, engine=engine, directory=directory, paper=paper)
    case.map(CLIENTS[0])
    case.change("ada")
    case.change("bob")
    case.sync()
    return case
