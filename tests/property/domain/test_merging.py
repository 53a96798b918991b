"""Field rules: nothing is lost that a person typed, and nothing is written that is not newer."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.domain.merging import Merge, Values, merge, normal
from entra_plugin.domain.states import FieldMode, FieldName

texts = st.one_of(
    st.none(),
    st.sampled_from(
        ["", " ", "Ada", "ada", "Ada ", "Engineer", "+1 555 01", "0015551", "1 (555) 1"]
    ),
    st.text(max_size=6),
)
rules = st.dictionaries(st.sampled_from(FieldName), st.sampled_from(FieldMode))
values = st.fixed_dictionaries(dict.fromkeys(FieldName, texts))
bases = st.dictionaries(
    st.sampled_from([n.value for n in FieldName]), st.text(min_size=1, max_size=6)
)


def after_applying(
    merged: Merge, contact: Values, base: Mapping[str, str]
) -> tuple[Values, Mapping[str, str]]:
    """Contact and base once the merge is applied: what is written is the base from then on."""
    written = {name.value: normal(name, value) or "" for name, value in merged.after.items()}
    settled = {name.value: value for name, value in merged.base.items()}
    return {**contact, **merged.after}, {**base, **settled, **written}


@given(rules, bases, values, values)
def test_a_field_ends_in_one_place_and_only_under_its_rule(
    rules: dict[FieldName, FieldMode], base: dict[str, str], directory: Values, contact: Values
) -> None:
    merged = merge(rules, base=base, directory=directory, contact=contact)
    parts = (merged.after, merged.base, merged.conflicts)
    names = [name for part in parts for name in part]
    assert len(names) == len(set(names))
    assert set(names) <= set(rules)
    assert merged.before.keys() == merged.after.keys()


@given(rules, bases, values, values)
def test_a_blank_never_overwrites(
    rules: dict[FieldName, FieldMode], base: dict[str, str], directory: Values, contact: Values
) -> None:
    merged = merge(rules, base=base, directory=directory, contact=contact)
    assert all(normal(name, value) for name, value in merged.after.items())


@given(rules, values, values)
def test_a_local_edit_alone_is_never_reverted(
    rules: dict[FieldName, FieldMode], directory: Values, contact: Values
) -> None:
    base = {n.value: v for n in FieldName if (v := normal(n, directory[n])) is not None}
    merged = merge(rules, base=base, directory=directory, contact=contact)
    assert (merged.after, merged.conflicts) == ({}, {})


@given(rules, bases, values, values)
def test_only_where_the_directory_wins_is_an_edit_overwritten(
    rules: dict[FieldName, FieldMode], base: dict[str, str], directory: Values, contact: Values
) -> None:
    merged = merge(rules, base=base, directory=directory, contact=contact)
    for name in merged.after:
        untouched = normal(name, contact[name]) == base.get(name.value)
        assert untouched or rules[name] == FieldMode.DIRECTORY_WINS


@given(rules, bases, values, values)
def test_a_person_is_asked_only_where_the_rule_says_so_and_both_were_changed(
    rules: dict[FieldName, FieldMode], base: dict[str, str], directory: Values, contact: Values
) -> None:
    merged = merge(rules, base=base, directory=directory, contact=contact)
    for name, (there, here) in merged.conflicts.items():
        assert rules[name] == FieldMode.ASK
        assert normal(name, there) not in {normal(name, here), base.get(name.value)}


@given(rules, bases, values, values)
def test_merging_again_changes_nothing_but_repeats_the_questions(
    rules: dict[FieldName, FieldMode], base: dict[str, str], directory: Values, contact: Values
) -> None:
    merged = merge(rules, base=base, directory=directory, contact=contact)
    contact, base_after = after_applying(merged, contact, base)
    again = merge(rules, base=base_after, directory=directory, contact=contact)
    assert (again.after, again.base) == ({}, {})
    assert again.conflicts == merged.conflicts


@given(st.sampled_from(FieldName), texts)
def test_a_normal_form_is_its_own(name: FieldName, value: str | None) -> None:
    form = normal(name, value)
    assert form is None or normal(name, form) == form
