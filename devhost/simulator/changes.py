"""Changes to the users of one directory: checked in their order as a whole, then made."""

from collections.abc import Mapping, Sequence

import msgspec

from devhost.simulator.world import Directory, User, World

_JSON_TYPES: Mapping[str, type] = {"Edm.Boolean": bool, "Edm.String": str}


class Strict(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A body with nothing in it that we do not know."""


class Change(Strict):
    """Properties of one user to set."""

    id: str
    set: dict[str, object]


class UsersBody(Strict):
    """What to do with the users of one directory, in the order of the fields."""

    tenant: str
    add: list[dict[str, object]] = []
    change: list[Change] = []
    disable: list[str] = []
    enable: list[str] = []
    delete: list[str] = []
    delete_permanently: list[str] = []
    restore: list[str] = []


class Refused(Exception):
    """A body that cannot be carried out."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


def carry_out(world: World, directory: Directory, body: UsersBody) -> None:
    """Make all the changes.

    Raises:
        Refused: One of them cannot be made; then none is.
    """
    added = [_complete(world, user, f"$.add[{n}]") for n, user in enumerate(body.add)]
    for number, change in enumerate(body.change):
        _require_properties(world, change.set, f"$.change[{number}].set")
    _require_presence(directory, added, body)
    world.add(directory, added)
    for change in body.change:
        world.change(directory, change.id, change.set)
    for object_id in body.disable:
        world.change(directory, object_id, {"accountEnabled": False})
    for object_id in body.enable:
        world.change(directory, object_id, {"accountEnabled": True})
    for object_id in body.delete:
        world.delete(directory, object_id)
    for object_id in body.delete_permanently:
        world.delete(directory, object_id, permanently=True)
    for object_id in body.restore:
        world.restore(directory, object_id)


def _complete(world: World, user: Mapping[str, object], path: str) -> User:
    _require_properties(world, user, path)
    try:
        return world.complete(user)
    except ValueError as error:
        raise Refused(str(error), path) from error


def _require_properties(world: World, values: Mapping[str, object], path: str) -> None:
    """Refuse names that the metadata does not have, and values of another type."""
    metadata = world.metadata
    for name, value in values.items():
        if name not in metadata.properties("user"):
            raise Refused(f"not a property of user: {name}", f"{path}.{name}")
        type_ = metadata.type_of("user", name)
        wanted = list if type_.startswith("Collection(") else _JSON_TYPES.get(type_, object)
        if value is not None and not isinstance(value, wanted):
            raise Refused(f"not of type {type_}", f"{path}.{name}")
    if not values.get("userPrincipalName", "as it is"):
        raise Refused("userPrincipalName is required", f"{path}.userPrincipalName")


def _require_presence(directory: Directory, added: Sequence[User], body: UsersBody) -> None:
    """Follow the changes in their order; refuse the first whose user is not there by then."""
    present, deleted = set(directory.users), set(directory.deleted)
    for number, user in enumerate(added):
        if user["id"] in present | deleted:
            raise Refused(f"user {user['id']} exists", f"$.add[{number}].id")
        present.add(str(user["id"]))
    steps: tuple[tuple[str, Sequence[str], tuple[set[str], ...], set[str]], ...] = (
        ("$.change[{}].id", [change.id for change in body.change], (present,), present),
        ("$.disable[{}]", body.disable, (present,), present),
        ("$.enable[{}]", body.enable, (present,), present),
        ("$.delete[{}]", body.delete, (present,), deleted),
        ("$.deletePermanently[{}]", body.delete_permanently, (present, deleted), set()),
        ("$.restore[{}]", body.restore, (deleted,), present),
    )
    for path, ids, sources, target in steps:
        for number, object_id in enumerate(ids):
            held = next((source for source in sources if object_id in source), None)
            if held is None:
                raise Refused(f"no such user: {object_id}", path.format(number))
            held.remove(object_id)
            target.add(object_id)
