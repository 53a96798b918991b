"""What the random histories choose from."""

from hypothesis import strategies as st

from entra_plugin.domain.ids import GroupId
from support.builders import guid
from support.office import FIELDS

LOCALS = ("ada", "bob", "cyd", "dan")
ADDRESSES = tuple(f"{local}@contoso.example" for local in LOCALS)
"""Few enough that people and contacts meet."""
GROUP = GroupId(guid("history group"))


Slot = tuple[int, str]
"""A customer and the local part of a user's address."""
DirectoryEdits = list[tuple[Slot, tuple[str, object]]]
ContactEdits = list[tuple[int, tuple[str, object]]]

slots = st.sampled_from([(0, local) for local in LOCALS] + [(1, "eve"), (1, "fay")])
texts = st.sampled_from([None, "One", "Two", "Three"])
numbers = st.sampled_from([None, "+49 1", "+49 2", "555"])
addresses = st.sampled_from(ADDRESSES)


def of(name: str, values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[str, object]]:
    return st.tuples(st.just(name), values)


directory_edits = st.lists(
    st.tuples(
        slots,
        of("do", st.sampled_from(["come", "disable", "enable", "delete", "restore", "purge"]))
        | of("display_name", texts)
        | of("job_title", texts)
        | of("department", texts)
        | of("business_phones", numbers.map(lambda n: (n,) if n else ()))
        | of("mobile_phone", numbers)
        | of("mail", addresses)
        | of("aliases", st.lists(addresses, max_size=2, unique=True).map(tuple))
        | of("licensed", st.booleans())
        | of("user_type", st.sampled_from(["Member", "Guest"])),
    ),
    min_size=1,
    max_size=3,
)
contact_edits = st.lists(
    st.tuples(
        st.integers(0, 7),
        of("displayName", texts.map(lambda t: t or "Four"))
        | of("role", texts)
        | of("department", texts)
        | of("phone", numbers)
        | of("mobile", numbers)
        | of("email", st.none() | addresses | st.just("own@elsewhere.example"))
        | of("active", st.booleans())
        | of("do", st.sampled_from(["dismiss", "hire"])),
    ),
    min_size=1,
    max_size=3,
)
moments = st.integers(1, 60)


field_rules = st.dictionaries(
    st.sampled_from(FIELDS), st.sampled_from(["directory_wins", "local_wins", "ask"])
)
contact_pins = st.sampled_from(["keep_active", "hands_off", "lock_field"])
pins = contact_pins | st.just("ignore_identity")
guards = st.fixed_dictionaries(
    {},
    optional={
        "inactivateMin": st.sampled_from([0, 1]),
        "overwriteMin": st.just(0),
        "overwritePercent": st.just(0),
        "graceDays": st.sampled_from([0, 3]),
        "markInactiveWhenDisabled": st.booleans(),
        "holdSharedMailboxSuspects": st.booleans(),
    },
)
