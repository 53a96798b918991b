"""One MSP's review queue, with everything around it that makes people a question."""

from support.inside import Inside
from support.program import Json, Program, Reply
from support.running import RunningHost
from support.simulator import Simulator

ALPINE = "e0000000-0000-4000-8000-000000000001"
CLIENT = "c1000000-0000-4000-8000-000000000001"
OTHER_CLIENT = "c1000000-0000-4000-8000-000000000009"
NOBODY = "00000000-0000-4000-8000-000000000000"
NO_DELETED_ITEMS = {
    "match": r"GET /v1\.0/directory/deletedItems",
    "status": 403,
    "body": {"error": {"code": "Authorization_RequestDenied", "message": "no"}},
}


class Queue:
    """One MSP's queue, with everything around it that a test turns."""

    def __init__(
        self, admin: Program, microsoft: Simulator, inside: Inside, host: RunningHost
    ) -> None:
        self.admin, self.microsoft, self.inside, self.host = admin, microsoft, inside, host

    # --- Around ---

    def begin(self) -> None:
        """Connect, map the first customer alone, and sync it."""
        self.admin.connect(self.microsoft)
        self.admin.discover()
        self.admin.accept_exact(銀杏="skipped", Bright="skipped", Cedar="skipped", Fjord="skipped")
        self.sync()

    def user(self, local: str, **attributes: object) -> str:
        """Add a user to the directory; answers the address."""
        address = f"{local}@alpinedental.example"
        user = {
            "userPrincipalName": address,
            "mail": address,
            "displayName": local.title(),
            "accountEnabled": True,
            "userType": "Member",
            **attributes,
        }
        self.microsoft.control("/users", {"tenant": ALPINE, "add": [user]})
        return address

    def change(self, address: str, **attributes: object) -> None:
        """Change a user in the directory."""
        change = {"id": self.object_id(address), "set": attributes}
        self.microsoft.control("/users", {"tenant": ALPINE, "change": [change]})

    def object_id(self, address: str) -> str:
        tenants = self.microsoft.directory()["tenants"]
        return next(
            str(user["id"])
            for tenant in tenants
            for user in tenant["users"]
            if user["userPrincipalName"] == address
        )

    def contact(
        self, name: str, email: str, client_id: str = CLIENT, *, active: bool = True
    ) -> str:
        """Make a contact as people of the host would; answers its id."""
        ((found,),) = self.inside.rows(
            "INSERT INTO psa_contacts (tenant_id, id, client_id, full_name, name_key, email,"
            " email_key, email_domain, active) VALUES (%s, gen_random_uuid(), %s, %s, lower(%s),"
            " %s, lower(%s), split_part(lower(%s), '@', -1), %s) RETURNING id::text",
            *(self.host.tenant_id(0), client_id, name, name, email, email, email, active),
        )
        return str(found)

    def edit(self, contact_id: str, name: str) -> None:
        """Rename a contact as people of the host would."""
        self.inside.rows(
            "UPDATE psa_contacts SET full_name = %s, name_key = lower(%s), version = version + 1"
            " WHERE id = %s::uuid RETURNING id",
            *(name, name, contact_id),
        )

    def of_contact(self, contact_id: str) -> Json:
        ((name, client_id, active),) = self.inside.rows(
            "SELECT full_name, client_id::text, active FROM psa_contacts WHERE id = %s::uuid",
            contact_id,
        )
        return {"name": name, "clientId": client_id, "active": active}

    def rules(self, **fields: object) -> None:
        """Set the field rules."""
        version = self.admin.get("/settings").data["version"]
        body = {"version": version, "fieldSyncConfig": fields}
        assert self.admin.post("/settings", body, method="PUT").status == 200

    def pin(self, kind: str, contact_id: str, field: str | None = None) -> str:
        ((found,),) = self.inside.rows(
            "INSERT INTO entra_pins (tenant_id, pin_id, kind, contact_id, field, created_at)"
            " VALUES (%s, gen_random_uuid(), %s, %s::uuid, %s, now()) RETURNING pin_id::text",
            *(self.host.tenant_id(0), kind, contact_id, field),
        )
        return str(found)

    def unpin(self, pin_id: str) -> None:
        self.inside.rows("DELETE FROM entra_pins WHERE pin_id = %s::uuid RETURNING 1", pin_id)

    def sync(self) -> Json:
        run = self.admin.sync("all")
        assert run["state"] == "completed", run
        return run

    def look_for_absent(self) -> Json:
        """Sync with a reading that looks for those who are gone."""
        self.inside.rows("DELETE FROM entra_delta_cursors RETURNING 1")
        return self.sync()

    # --- The queue ---

    def items(self, **query: str) -> list[Json]:
        return self.admin.items("/review-items", **query)

    def item(self, address: str, **query: str) -> Json:
        """The one item about an address."""
        (found,) = self.items(q=address, **query)
        return found

    def details(self, item: Json) -> Json:
        return self.admin.get(f"/review-items/{item['itemId']}").data

    def answer(self, item: Json, action: str, **body: object) -> Reply:
        return self.admin.post(f"/review-items/{item['itemId']}/{action}", body)

    def actions(self, item: Json) -> list[str]:
        return sorted({choice["action"] for choice in self.details(item)["choices"]})

    def linked(self, address: str) -> str | None:
        """The contact that a user is linked to."""
        (found,) = self.admin.items("/identities", q=address)
        return str(found["contactId"]) if found["contactId"] else None

    def verdict(self, address: str) -> tuple[str, str]:
        (found,) = self.admin.items("/identities", q=address)
        return found["verdict"], found["reason"]

    def is_settled(self) -> None:
        """Another sync writes nothing and asks nothing."""
        before, asked = self.inside.versions(), self.items()
        run = self.sync()
        assert self.admin.items(f"/runs/{run['runId']}/changes") == []
        assert self.inside.versions() == before
        assert self.items() == asked


def doubtful(queue: Queue, local: str, **attributes: object) -> tuple[str, str, str]:
    """A user who may be either of two contacts; answers his address and theirs' ids."""
    first = queue.contact(f"{local} one", f"{local}.1@alpinedental.example")
    second = queue.contact(f"{local} two", f"{local}.2@alpinedental.example")
    others = [f"{local}.{n}@alpinedental.example" for n in (1, 2)]
    return queue.user(local, otherMails=others, **attributes), first, second


def conflicting(queue: Queue, local: str) -> tuple[str, str, Json]:
    """A linked user whose name both sides changed; his address, the contact and the question."""
    address = queue.user(local, displayName=f"{local.title()} First")
    queue.rules(displayName={"enabled": True, "mode": "ask"})
    queue.sync()
    contact_id = queue.linked(address)
    assert contact_id is not None
    queue.edit(contact_id, f"{local.title()} Local")
    queue.change(address, displayName=f"{local.title()} Directory")
    queue.sync()
    return address, contact_id, queue.item(address)


def missing(queue: Queue, local: str) -> tuple[str, str, Json]:
    """A linked user who is not listed any more; his address, the contact and the question."""
    address = queue.user(local)
    queue.sync()
    contact_id = queue.linked(address)
    assert contact_id is not None
    queue.microsoft.control("/users", {"tenant": ALPINE, "delete": [queue.object_id(address)]})
    queue.look_for_absent()
    return address, contact_id, queue.item(address)
