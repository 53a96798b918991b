"""What both adapters tell of changes, of single users, and of groups, over the same simulator.

Only one of them has delta; what it tells is held against a full reading.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import pytest

from entra_plugin.directory.microsoft.adapter import MicrosoftDirectory
from entra_plugin.directory.protocol import ChangePage, CursorExpired, Directory
from entra_plugin.domain.errors import ConsentMissing, TransientFailure
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import EntraTenantId, GroupId, ObjectId
from support.directories import BOTH, held
from support.graph import ALPINE, BRIGHT, CEDAR, DELTA, signed_in
from support.simulator import Simulator

STAFF, DENTISTS, HYGIENE, LOCUMS, NOBODY_YET = (
    GroupId(UUID(f"90000000-0000-4000-8000-{number:012d}")) for number in range(1, 6)
)
NOBODY = UUID(int=7)


@pytest.fixture
async def direct(simulator: Simulator) -> AsyncIterator[MicrosoftDirectory]:
    """The adapter that has delta."""
    async with signed_in(simulator) as signed:
        yield signed.directory()


async def changes(
    directory: Directory, link: str, tenant: EntraTenantId = ALPINE
) -> list[ChangePage]:
    return [page async for page in directory.changes(tenant, link)]


async def everybody(directory: Directory) -> dict[ObjectId, DirectoryUser]:
    pages = [page async for page in directory.user_pages(ALPINE)]
    return {user.object_id: user for page in pages for user in page.users}


def edit(simulator: Simulator, **what: object) -> None:
    """Change the users of a directory."""
    simulator.control("/users", {"tenant": str(ALPINE), **what})


def somebody(simulator: Simulator, number: int = 0) -> ObjectId:
    return ObjectId(UUID(held(simulator, ALPINE)["users"][number]["id"]))


def ids_of(simulator: Simulator, *locals_: str) -> set[UUID]:
    """The ids of users by the first part of their names."""
    users = held(simulator, ALPINE)["users"]
    found = {str(user["userPrincipalName"]).partition("@")[0]: UUID(user["id"]) for user in users}
    return {found[local] for local in locals_}


# Capabilities


async def test_who_has_no_delta_has_no_cursor_either(directory: Directory) -> None:
    if directory.capabilities.delta:
        assert await directory.delta_start(ALPINE)
        return
    with pytest.raises(CursorExpired):
        await directory.delta_start(ALPINE)
    with pytest.raises(CursorExpired):
        await changes(directory, "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=x")


async def test_both_read_the_same_properties(both: tuple[Directory, Directory]) -> None:
    first, second = (directory.select_fingerprint for directory in both)
    assert first == second
    assert len(first) == 16


# Changes


async def test_nothing_changed_is_one_empty_page_and_one_request(
    direct: Directory, simulator: Simulator
) -> None:
    link = await direct.delta_start(ALPINE)
    await everybody(direct)
    simulator.forget_requests()
    (page,) = await changes(direct, link)
    assert (page.changes, page.next_link) == ((), None)
    assert page.delta_link
    assert [request["path"] for request in simulator.requests()] == ["/v1.0/users/delta"]


async def test_a_change_over_what_was_read_is_what_is_read_now(
    direct: Directory, simulator: Simulator
) -> None:
    before = await everybody(direct)
    link = await direct.delta_start(ALPINE)
    first, second, third, fourth = (somebody(simulator, number) for number in range(4))
    edit(
        simulator,
        change=[
            {"id": str(first), "set": {"displayName": " Ada  ", "jobTitle": None}},
            {"id": str(second), "set": {"proxyAddresses": [], "otherMails": ["x@y.example"]}},
        ],
        disable=[str(third)],
        delete=[str(fourth)],
    )
    (page,) = await changes(direct, link)
    after = await everybody(direct)
    assert [change.object_id for change in page.changes] == [first, second, third, fourth]
    assert [change.removed for change in page.changes] == [False, False, False, True]
    merged = [change.over(before[change.object_id]) for change in page.changes]
    assert merged == [after[first], after[second], after[third], None]
    assert after[first] != before[first]
    assert after[first].job_title is None


async def test_a_new_user_of_whom_not_everything_came_is_read_whole(
    direct: Directory, simulator: Simulator
) -> None:
    link = await direct.delta_start(ALPINE)
    edit(simulator, add=[{"userPrincipalName": "nina@alpinedental.example"}])
    ((change,),) = [page.changes for page in await changes(direct, link)]
    assert change.over(None) is None
    whole = await direct.user(ALPINE, change.object_id)
    assert whole is not None
    assert whole.user_principal_name == "nina@alpinedental.example"


async def test_a_round_has_pages_and_goes_on_from_any_of_them(
    direct: Directory, simulator: Simulator
) -> None:
    link = await direct.delta_start(ALPINE)
    edit(simulator, add=[{"userPrincipalName": f"n{n}@alpinedental.example"} for n in range(250)])
    whole = await changes(direct, link)
    assert [len(page.changes) for page in whole] == [100, 100, 50]
    assert [page.delta_link is None for page in whole] == [True, True, False]
    assert whole[0].next_link is not None
    async with BOTH["microsoft"](simulator) as another:
        rest = await changes(another, whole[0].next_link)
    assert [[c.object_id for c in page.changes] for page in rest] == [
        [c.object_id for c in page.changes] for page in whole[1:]
    ]


async def test_each_round_has_what_changed_since_the_one_before(
    direct: Directory, simulator: Simulator
) -> None:
    link = await direct.delta_start(ALPINE)
    first, second = somebody(simulator), somebody(simulator, 1)
    edit(simulator, disable=[str(first)])
    (page,) = await changes(direct, link)
    edit(simulator, disable=[str(second)])
    assert page.delta_link is not None
    (following,) = await changes(direct, page.delta_link)
    assert [change.object_id for change in following.changes] == [second]


EXPIRED: Mapping[str, Mapping[str, Any]] = {
    "gone": {"status": 410, "body": "text"},
    "no state": {"status": 400, "body": {"error": {"code": "syncStateNotFound"}}},
    "no state, not found": {"status": 404, "body": {"error": {"code": "SyncStateNotFound"}}},
    "resync": {"status": 409, "body": {"error": {"code": "resyncRequired"}}},
    "nested": {
        "status": 409,
        "body": {"error": {"code": "", "innerError": {"code": "resyncChangesApplyDifferences"}}},
    },
    "expired page": {"status": 400, "body": {"error": {"code": "Directory_ExpiredPageToken"}}},
    "no token": {"status": 400, "body": {"error": {"code": "Request_BadRequest"}}},
}


@pytest.mark.parametrize("kind", EXPIRED)
async def test_a_link_that_is_refused_as_such_has_expired(
    direct: Directory, simulator: Simulator, kind: str
) -> None:
    link = await direct.delta_start(ALPINE)
    simulator.control("/faults", {"match": "users/delta", **EXPIRED[kind]})
    with pytest.raises(CursorExpired):
        await changes(direct, link)


async def test_a_link_of_last_week_has_expired(direct: Directory, simulator: Simulator) -> None:
    link = await direct.delta_start(ALPINE)
    simulator.control("/delta", {"expire": True})
    with pytest.raises(CursorExpired):
        await changes(direct, link)
    assert await changes(direct, await direct.delta_start(ALPINE))


async def test_a_page_of_a_round_that_expired_ends_it(
    direct: Directory, simulator: Simulator
) -> None:
    link = await direct.delta_start(ALPINE)
    edit(simulator, add=[{"userPrincipalName": f"n{n}@alpinedental.example"} for n in range(150)])
    pages = direct.changes(ALPINE, link)
    assert len((await anext(pages)).changes) == 100
    simulator.control("/links", {"expire": True})
    with pytest.raises(CursorExpired):
        await anext(pages)


async def test_a_link_is_of_no_use_in_another_directory(direct: Directory) -> None:
    link = await direct.delta_start(ALPINE)
    with pytest.raises(CursorExpired):
        await changes(direct, link, BRIGHT)


@pytest.mark.parametrize(
    "link",
    [
        "",
        "x",
        "https://evil.example/v1.0/users/delta?$deltatoken=x",
        "https://graph.microsoft.com@evil.example/v1.0/users/delta",
        "{graph}.evil.example/v1.0/users/delta",
        "{graph}/v1.0/groups/delta?$deltatoken=x",
        "{graph}/beta/users/delta?$deltatoken=x",
    ],
)
async def test_what_is_no_link_of_users_is_expired_without_asking(
    direct: Directory, simulator: Simulator, link: str
) -> None:
    simulator.forget_requests()
    with pytest.raises(CursorExpired):
        await changes(direct, link.format(graph=simulator.graph_url))
    assert simulator.requests() == []


@pytest.mark.parametrize(
    "fault",
    [
        {"truncate": 60},
        {"status": 200, "body": {}},
        {"status": 200, "body": {"value": []}},
        {"status": 200, "body": {"value": [], "@odata.nextLink": "", "@odata.deltaLink": None}},
        {"status": 200, "body": {"value": [], "@odata.nextLink": "a", "@odata.deltaLink": "b"}},
        {"status": 200, "body": {"value": ["text"], "@odata.deltaLink": "b"}},
        {"status": 200, "body": "[]"},
    ],
)
async def test_an_answer_of_another_kind_is_never_no_changes(
    direct: Directory, simulator: Simulator, fault: dict[str, object]
) -> None:
    link = await direct.delta_start(ALPINE)
    simulator.control("/faults", {"match": "users/delta", **fault})
    with pytest.raises(TransientFailure, match="unusable_answer"):
        await changes(direct, link)
    with pytest.raises(TransientFailure, match="unusable_answer"):
        await direct.delta_start(ALPINE)


async def test_a_round_that_leads_elsewhere_or_in_circles_is_no_answer(
    direct: Directory, simulator: Simulator
) -> None:
    link = await direct.delta_start(ALPINE)
    for coming, code in (
        ("https://evil.example/v1.0/users/delta", "unusable_answer"),
        (link, "listing_endless"),
    ):
        fault = {"match": "delta", "status": 200, "body": {"value": [], "@odata.nextLink": coming}}
        simulator.control("/faults", [fault])
        with pytest.raises(TransientFailure, match=code):
            await changes(direct, link)


async def test_an_empty_page_with_a_next_one_is_followed(
    direct: Directory, simulator: Simulator
) -> None:
    link = await direct.delta_start(ALPINE)
    edit(simulator, disable=[str(somebody(simulator))])
    body = {"value": [], "@odata.nextLink": f"{link}#next"}
    simulator.control("/faults", {"match": "users/delta", "status": 200, "body": body, "times": 1})
    pages = await changes(direct, link)
    assert [len(page.changes) for page in pages] == [0, 1]


# Single users


async def test_one_user_is_read_as_in_the_listing(
    directory: Directory, simulator: Simulator
) -> None:
    listed = await everybody(directory)
    for number in range(0, 60, 7):
        object_id = somebody(simulator, number)
        assert await directory.user(ALPINE, object_id) == listed[object_id]


async def test_a_user_who_is_not_there_is_none_only_with_proof(
    directory: Directory, simulator: Simulator
) -> None:
    gone = somebody(simulator)
    edit(simulator, delete=[str(gone)])
    for object_id in (gone, ObjectId(NOBODY)):
        if directory.capabilities.proves_absence:
            assert await directory.user(ALPINE, object_id) is None
        else:
            with pytest.raises(ConsentMissing, match="user_unreadable"):
                await directory.user(ALPINE, object_id)


# Groups


async def test_groups_are_found_by_the_start_of_their_names(directory: Directory) -> None:
    assert [g.group_id for g in await directory.groups(ALPINE, "dent")] == [HYGIENE, DENTISTS]
    (staff,) = await directory.groups(ALPINE, "ALL")
    assert (staff.display_name, staff.mail) == ("All Staff", "staff@alpinedental.example")
    assert len(await directory.groups(ALPINE, "")) == 5
    assert len(await directory.groups(ALPINE, "", 2)) == 2
    assert await directory.groups(CEDAR, "") == ()


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("Dental O'Hygiene", True),
        ("Dental O''Hygiene", False),
        ("x') or startswith(displayName,'D", False),
        ("100% & more + #?$skip=1", False),
        ("\\", False),
        ("'", False),
    ],
)
async def test_a_name_is_only_a_name_whatever_is_in_it(
    directory: Directory, q: str, found: bool
) -> None:
    groups = await directory.groups(ALPINE, q)
    assert [group.group_id for group in groups] == ([HYGIENE] if found else [])


async def test_members_are_those_of_the_groups_within_as_well(
    directory: Directory, simulator: Simulator
) -> None:
    dentists = ids_of(simulator, "ben.berger", "clara.costa", "gone.former", "felix.fischer")
    assert await directory.members(ALPINE, DENTISTS) == dentists
    assert await directory.members(ALPINE, LOCUMS) == dentists
    others = ids_of(simulator, "anna.abbott", "elena.eriksen")
    assert await directory.members(ALPINE, STAFF) == dentists | others
    assert await directory.members(ALPINE, NOBODY_YET) == frozenset()


async def test_members_are_read_to_the_last_page(
    directory: Directory, simulator: Simulator
) -> None:
    names = [{"userPrincipalName": f"n{n}@alpinedental.example"} for n in range(1_100)]
    edit(simulator, add=names)
    everyone = [user["id"] for user in held(simulator, ALPINE)["users"]]
    group = {"id": str(NOBODY_YET), "displayName": "Now all", "members": everyone}
    simulator.control("/groups", {"tenant": str(ALPINE), "put": [group]})
    assert await directory.members(ALPINE, NOBODY_YET) == {UUID(user) for user in everyone}


async def test_a_group_that_cannot_be_read_is_never_an_empty_one(
    directory: Directory, simulator: Simulator
) -> None:
    with pytest.raises(ConsentMissing, match="group_unreadable"):
        await directory.members(ALPINE, GroupId(NOBODY))
    with pytest.raises(ConsentMissing, match="group_unreadable"):
        await directory.members(BRIGHT, DENTISTS)
    simulator.control("/groups", {"tenant": str(ALPINE), "remove": [str(DENTISTS)]})
    with pytest.raises(ConsentMissing, match="group_unreadable"):
        await directory.members(ALPINE, DENTISTS)
    with pytest.raises(ConsentMissing):
        await directory.members(DELTA, DENTISTS)
    with pytest.raises(ConsentMissing):
        await directory.groups(DELTA, "")


async def test_members_that_are_cut_off_are_no_members(
    adapter: str, directory: Directory, simulator: Simulator
) -> None:
    simulator.control("/faults", {"match": "transitiveMembers", "truncate": 80})
    with pytest.raises(TransientFailure, match="unusable_answer"):
        await directory.members(ALPINE, DENTISTS)
    empty = {"microsoft": {"unexpected": []}, "cipp": {"Results": [{"id": str(NOBODY)}]}}[adapter]
    fault = {"match": "transitiveMembers", "status": 200, "body": empty}
    simulator.control("/faults", [fault])
    with pytest.raises(TransientFailure, match="unusable_answer"):
        await directory.members(ALPINE, DENTISTS)


# The right directory

WRONG = {
    "microsoft": ("/v1.0/organization", {"value": [{"id": str(BRIGHT)}]}),
    "cipp": ("Endpoint=organization", {"Results": [{"id": str(BRIGHT)}], "Metadata": {}}),
}


async def test_a_listing_of_another_directory_has_no_page(
    adapter: str, directory: Directory, simulator: Simulator
) -> None:
    match, body = WRONG[adapter]
    simulator.control("/faults", {"match": match, "status": 200, "body": body})
    with pytest.raises(TransientFailure, match="wrong_directory"):
        await everybody(directory)
    with pytest.raises(TransientFailure, match="wrong_directory"):
        await directory.groups(ALPINE, "")


async def test_the_changes_and_users_of_another_directory_are_none(
    direct: MicrosoftDirectory, simulator: Simulator
) -> None:
    link = await direct.delta_start(ALPINE)
    simulator.control("/tokens", {"expire": True})
    match, body = WRONG["microsoft"]
    simulator.control("/faults", {"match": match, "status": 200, "body": body})
    direct.tokens.forget(ALPINE)
    with pytest.raises(TransientFailure, match="wrong_directory"):
        await changes(direct, link)
    for work in (
        direct.delta_start(ALPINE),
        direct.user(ALPINE, somebody(simulator)),
        direct.members(ALPINE, DENTISTS),
    ):
        with pytest.raises(TransientFailure, match="wrong_directory"):
            await work
