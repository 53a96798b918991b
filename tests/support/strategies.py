"""What a directory may hand us: ordinary people, and what nobody should have typed."""

from hypothesis import strategies as st

from entra_plugin.domain.filters import Filters
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import ClientId, ObjectId
from entra_plugin.domain.matching import Candidate
from support.builders import CLIENT, OTHER_CLIENT, contact, guid, identity, user

HOSTILE = (
    "",
    " ",
    "@",
    "\x00",
    "\u200f",
    "\u202eada@contoso.example",
    "ada\x00@contoso.example",
    "ada@@contoso.example",
    "ada\ud800@contoso.example",
    "a" * 10_000,
    "a" * 10_000 + "@contoso.example",
    "ada@" + "x" * 10_000,
    "\u0301" * 10_000,
    "=cmd|' /C calc'!A0",
)
"""Text that is no address and no name."""

anything = st.text(max_size=40) | st.sampled_from(HOSTILE) | st.text("\ud800\udfffa@.", max_size=6)
"""Any text at all, halves of surrogate pairs included."""

hostile = st.sampled_from([text for text in HOSTILE if "\ud800" not in text])
"""Hostile text that JSON and the database can spell."""

storable = st.text(max_size=40) | hostile
"""Any text that JSON and the database can hold, which is what a directory adapter lets through."""

_LOCAL = ("ada", "ADA", "bob", "sa.khan", "abbott", "svc-x", "no-reply", "jos\u00e9", "sync_x")
_DOMAIN = ("contoso.example", "Contoso.Example", "m\u00fcnchen.example", "x.onmicrosoft.com")

addresses = st.builds("{}@{}".format, st.sampled_from(_LOCAL), st.sampled_from(_DOMAIN))
"""Addresses of few people, so that they meet."""

names = addresses | storable


@st.composite
def directory_users(draw: st.DrawFn) -> DirectoryUser:
    """A user with ordinary and hostile attributes; few object ids, so that some come twice."""
    optional = st.none() | storable
    return user(
        draw(st.integers(0, 12)),
        user_principal_name=draw(names),
        mail=draw(st.none() | names),
        aliases=tuple(draw(st.lists(names, max_size=3))),
        display_name=draw(optional),
        given_name=draw(optional),
        surname=draw(optional),
        enabled=draw(st.booleans()),
        user_type=draw(st.sampled_from((None, "Member", "Guest"))),
        external_state=draw(st.none() | st.just("Accepted")),
        resource_account=draw(st.booleans()),
        licensed=draw(st.booleans()),
        business_phones=tuple(draw(st.lists(storable, max_size=2))),
    )


people = st.builds(
    lambda number, address, aliases: user(
        number, user_principal_name=address, mail=address, aliases=tuple(aliases)
    ),
    st.integers(0, 12),
    addresses,
    st.lists(addresses, max_size=3),
)
"""Users whom only service names and the initial domain may leave out."""

filters = st.builds(
    Filters,
    licensed_only=st.booleans(),
    include_guests=st.booleans(),
    exclude_patterns=st.lists(st.text("ab*?@.", min_size=1, max_size=6), max_size=3).map(tuple),
)


@st.composite
def candidates(draw: st.DrawFn) -> Candidate:
    """A contact of this or another client, active or not, free or taken."""
    number = draw(st.integers(0, 6))
    client_id: ClientId = CLIENT if number < 4 else OTHER_CLIENT
    return contact(
        number,
        client_id=client_id,
        active=number % 2 == 0,
        linked_to=identity(user("somebody")) if number % 3 == 0 else None,
    )


indexes = st.dictionaries(
    st.sampled_from(["ada@contoso.example", "bob@contoso.example", "abbott@contoso.example"]),
    st.lists(candidates(), min_size=1, max_size=3, unique_by=lambda c: c.contact_id),
)
"""Contacts by normalised address."""

object_ids = st.integers(0, 12).map(lambda number: ObjectId(guid(number)))
"""Object ids of the users above."""
