"""One customer after another that is synced, undone and resumed over HTTP."""

from dataclasses import dataclass
from uuid import UUID, uuid5

from support.folders import client_id, tenant_id
from support.inside import Inside
from support.program import Json, Program
from support.running import RunningHost
from support.simulator import Simulator

_SPACE = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
"""That of the seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer of the seed, with the person who does things to it, and what may be looked at."""

    number: int
    admin: Program
    microsoft: Simulator
    inside: Inside
    host: RunningHost

    @property
    def client(self) -> str:
        """Its client."""
        return client_id(self.number)

    @property
    def managed_tenant(self) -> str:
        """Our id of it."""
        found = self.inside.rows(
            "SELECT managed_tenant_id::text FROM entra_managed_tenants WHERE entra_tenant_id = %s",
            tenant_id(self.number),
        )
        return str(found[0][0])

    def address(self, number: int) -> str:
        """The address of one of its people."""
        return f"person{number}@customer{self.number}.example"

    def object_id(self, number: int) -> str:
        """The id of one of its people."""
        return str(uuid5(_SPACE, self.address(number)))

    def sync(self, client: str | None = None) -> Json:
        """Sync it to the end."""
        return self.admin.sync("client", clientId=client or self.client)

    def preview(self) -> Json:
        """Preview its sync, to the end."""
        started = self.admin.post("/sync/preview", {"clientId": self.client})
        run = self.admin.finished(started.data["runId"])
        assert (run["type"], run["state"], run["appliedAt"]) == ("preview", "completed", None)
        return run

    def undo(self, run: Json, **body: str) -> Json:
        """Plan the undo of a run, to the end."""
        started = self.admin.post(f"/runs/{run['runId']}/undo", body)
        assert started.status == 202, started.body
        undo = self.admin.finished(started.data["runId"])
        assert (undo["type"], undo["state"], undo["appliedAt"]) == ("undo", "completed", None)
        assert undo["undoesRunId"] == run["runId"]
        return undo

    def apply(self, run: Json) -> Json:
        """Apply what was planned, to the end."""
        answer = self.admin.post(f"/runs/{run['runId']}/apply")
        assert answer.status == 202, answer.body
        assert answer.data == {"runId": run["runId"]}
        return self.admin.finished(run["runId"])

    def undone(self, run: Json, **body: str) -> Json:
        """Undo a run, and apply that."""
        return self.apply(self.undo(run, **body))

    def resume(self, run: Json, **body: object) -> int:
        """Resume; answers how many."""
        return int(self.admin.post(f"/runs/{run['runId']}/resume", body).data["resumed"])

    def rows(self, run: Json, **query: str) -> dict[tuple[str, str], Json]:
        """The plan rows of a run by the local part of the address, and kind."""
        found = self.admin.items(f"/runs/{run['runId']}/changes", **query)
        return {(str(r["identity"]["address"]).partition("@")[0], r["kind"]): r for r in found}

    def people(self, client: str | None = None) -> dict[str, tuple[str, bool]]:
        """Name and whether active, by the local part of the address."""
        found = self.inside.rows(
            "SELECT email, full_name, active FROM psa_contacts WHERE client_id = %s",
            client or self.client,
        )
        return {str(e).partition("@")[0]: (str(n), bool(a)) for e, n, a in found}

    def active(self, client: str | None = None) -> set[str]:
        """Whose contacts are active."""
        return {name for name, (_, active) in self.people(client).items() if active}

    def verdicts(self) -> dict[str, str]:
        """The verdicts, by the local part of the address."""
        found = self.inside.rows(
            "SELECT address, verdict FROM entra_identities WHERE entra_tenant_id = %s",
            tenant_id(self.number),
        )
        return {str(a).partition("@")[0]: str(v) for a, v in found}

    def linked(self) -> set[str]:
        """Who is linked."""
        found = self.inside.rows(
            "SELECT i.address FROM entra_contact_links l JOIN entra_identities i"
            " USING (tenant_id, entra_tenant_id, object_id)"
            " WHERE l.state = 'active' AND i.entra_tenant_id = %s",
            tenant_id(self.number),
        )
        return {str(a).partition("@")[0] for (a,) in found}

    def edit(self, number: int, **fields: object) -> None:
        """Change a contact at the host, as one of its people would."""
        for name, value in fields.items():
            self.inside.write(
                f"UPDATE psa_contacts SET {name} = %s, version = version + 1 WHERE email = %s",
                value,
                self.address(number),
            )

    def change(self, number: int, **properties: object) -> None:
        """Change a user at Microsoft."""
        change = {"id": self.object_id(number), "set": properties}
        self.microsoft.control("/users", {"tenant": tenant_id(self.number), "change": [change]})

    def pin(self, kind: str, number: int, field: str | None = None) -> None:
        """Pin the contact of a person."""
        self.inside.write(
            "INSERT INTO entra_pins (tenant_id, pin_id, kind, contact_id, field, created_at)"
            " SELECT tenant_id, gen_random_uuid(), %s, id, %s, now() FROM psa_contacts"
            " WHERE email = %s",
            kind,
            field,
            self.address(number),
        )

    def remap(self, client: str, *, dry_run: bool = False) -> Json:
        """Map it to another client."""
        body = {"managedTenantId": self.managed_tenant, "clientId": client, "dryRun": dry_run}
        return self.admin.post("/mappings/remap", body).data


def rules(admin: Program, **on: object) -> None:
    """Set the field rules."""
    version = admin.get("/settings").data["version"]
    config = {
        name: on.get(name, False)
        for name in (
            *("displayName", "email", "phone", "mobile", "role", "department", "officeLocation"),
        )
    }
    body = {"version": version, "fieldSyncConfig": config}
    assert admin.post("/settings", body, method="PUT").status == 200


def filters(admin: Program, **config: object) -> None:
    """Set the filters of the MSP; what is not named is the default."""
    body = {"version": admin.get("/settings").data["version"], "userFilterConfig": config}
    assert admin.post("/settings", body, method="PUT").status == 200


def guard(admin: Program, **limits: object) -> None:
    """Set the guard; what is not named is the default."""
    body = {"version": admin.get("/settings").data["version"], "guardConfig": limits}
    assert admin.post("/settings", body, method="PUT").status == 200
