"""Filters leave out guests, machines and whom the operator names, and nobody else."""

import pytest

from entra_plugin.domain.filters import FilterRule, Filters, address_of, is_service_account
from entra_plugin.domain.identity import DirectoryUser
from entra_plugin.domain.ids import GroupId
from entra_plugin.domain.states import VerdictReason
from support.builders import guid, person, user


def reason(of: DirectoryUser, filters: Filters | None = None) -> VerdictReason | None:
    """Why a user is left out."""
    return FilterRule(filters or Filters()).reason(of)


def test_an_enabled_member_with_an_address_counts() -> None:
    assert reason(user()) is None


def test_a_user_without_a_type_counts() -> None:
    assert reason(user(user_type=None)) is None


@pytest.mark.parametrize(
    "guest",
    [
        user(user_type="Guest"),
        user(external_state="PendingAcceptance"),
        user(external_state="Accepted"),
        user(user_principal_name="bob_fabrikam.example#EXT#@contoso.onmicrosoft.com"),
        user(user_principal_name="bob_fabrikam.example#ext#@contoso.onmicrosoft.com"),
    ],
    ids=["type", "invited", "accepted", "mark", "small mark"],
)
def test_a_guest_is_left_out_by_each_of_its_marks(guest: DirectoryUser) -> None:
    assert reason(guest) == VerdictReason.GUEST


def test_guests_count_when_the_option_is_on() -> None:
    assert reason(user(user_type="Guest"), Filters(include_guests=True)) is None


def test_a_disabled_user_is_left_out() -> None:
    assert reason(user(enabled=False)) == VerdictReason.DISABLED


def test_a_user_without_address_is_left_out() -> None:
    nobody = user(mail=None, user_principal_name="ada@contoso.onmicrosoft.com")
    assert reason(nobody) == VerdictReason.NO_ADDRESS


def test_a_resource_account_is_left_out() -> None:
    assert reason(user(resource_account=True)) == VerdictReason.RESOURCE_ACCOUNT


@pytest.mark.parametrize("local", ["Sync_SRV01_0a1b2c", "sync_srv01_0a1b2c"])
def test_the_account_of_the_directory_connector_is_left_out(local: str) -> None:
    assert reason(person(local)) == VerdictReason.SYNC_ACCOUNT


@pytest.mark.parametrize("local", ["sync", "syncrou", "sync.smith"])
def test_a_name_that_only_begins_like_the_connector_counts(local: str) -> None:
    assert reason(person(local)) is None


@pytest.mark.parametrize(
    "local",
    [
        *("svc", "service", "noreply", "scanner"),
        *("svc-backup", "svc_backup", "backup-svc", "print_scanner_2", "a-service-b", "SVC-Backup"),
        *("sa", "adm", "sa-khan", "sa_khan", "sa1", "adm-jones", "adm_jones", "adm01"),
        *("no-reply", "do-not-reply", "admin-sync", "No-Reply"),
    ],
)
def test_a_service_account_is_left_out_by_whole_tokens(local: str) -> None:
    assert reason(person(local)) == VerdictReason.SERVICE_ACCOUNT


@pytest.mark.parametrize(
    "local",
    [
        *("abbott", "talbot", "botha", "sa.khan", "sam", "sara", "adam", "admin", "adm.jones"),
        *("svc.talbot", "service.desk", "scanner.smith", "servicesmith", "scanners", "svcs-x"),
        *(
            "noreplyx",
            "reply",
            "no-reply-x",
            "xadmin-sync",
            "jo-sa",
            "jo_adm",
            "o'neil",
            "anne-marie",
        ),
    ],
)
def test_a_person_whose_name_only_resembles_one_counts(local: str) -> None:
    assert reason(person(local)) is None


@pytest.mark.parametrize(
    "domain", ["botanicals.example", "svc-group.example", "noreply.example", "sa.example"]
)
def test_the_domain_makes_nobody_a_service_account(domain: str) -> None:
    assert reason(person("ada", domain)) is None


def test_the_user_principal_name_decides_and_not_the_mail() -> None:
    machine = user(user_principal_name="svc-scan@contoso.example", mail="office@contoso.example")
    assert reason(machine) == VerdictReason.SERVICE_ACCOUNT


def test_unlicensed_users_count_unless_the_option_is_on() -> None:
    assert reason(user(licensed=False)) is None
    assert reason(user(licensed=False), Filters(licensed_only=True)) == VerdictReason.UNLICENSED
    assert reason(user(licensed=True), Filters(licensed_only=True)) is None


@pytest.mark.parametrize(
    ("pattern", "excluded"),
    [
        ("ada@*", True),
        ("ADA@*", True),
        ("*@contoso.example", True),
        ("ad?@contoso.example", True),
        ("da@contoso.example", False),
        ("ada", False),
        ("ada@contosoXexample", False),
        ("ada@contoso.exampl", False),
        ("ada@contoso.example?", False),
    ],
)
def test_an_exclusion_pattern_matches_the_whole_address(pattern: str, excluded: bool) -> None:
    found = reason(user(), Filters(exclude_patterns=(pattern,)))
    assert (found == VerdictReason.EXCLUDED_PATTERN) is excluded


def test_an_exclusion_pattern_also_matches_the_user_principal_name() -> None:
    ada = user(user_principal_name="X-Ada@contoso.onmicrosoft.com")
    assert reason(ada, Filters(exclude_patterns=("x-*",))) == VerdictReason.EXCLUDED_PATTERN


def test_an_international_domain_is_excluded_in_both_spellings() -> None:
    ada = user(mail="ada@m\u00fcnchen.example")
    for pattern in ("*@m\u00fcnchen.example", "*@xn--mnchen-3ya.example"):
        assert reason(ada, Filters(exclude_patterns=(pattern,))) == VerdictReason.EXCLUDED_PATTERN


def test_any_of_several_patterns_excludes() -> None:
    filters = Filters(exclude_patterns=("a*b*c*@*", "x*y*z*@*", "*ada*@*"))
    assert reason(user(), filters) == VerdictReason.EXCLUDED_PATTERN
    assert reason(person("bob"), filters) is None


def test_a_hostile_pattern_and_name_end() -> None:
    filters = Filters(exclude_patterns=("*a" * 50 + "b",))
    long = user(user_principal_name="a" * 10_000)
    assert reason(long, filters) is None


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"user_type": "Guest", "enabled": False}, VerdictReason.GUEST),
        (
            {"enabled": False, "mail": None, "user_principal_name": "x"},
            VerdictReason.DISABLED,
        ),
        (
            {"mail": None, "user_principal_name": "svc@c.onmicrosoft.com"},
            VerdictReason.NO_ADDRESS,
        ),
        (
            {"resource_account": True, "user_principal_name": "svc@contoso.example"},
            VerdictReason.RESOURCE_ACCOUNT,
        ),
    ],
)
def test_of_several_reasons_one_is_given_always_the_same(
    attributes: dict[str, object], expected: VerdictReason
) -> None:
    assert reason(user(**attributes)) == expected


def test_a_managed_tenants_options_override_the_msps_and_leave_the_others() -> None:
    msp = Filters(licensed_only=True, include_guests=True, exclude_patterns=("a*",))
    assert msp.overridden(None) == msp
    assert msp.overridden({}) == msp
    assert msp.overridden({"licensedOnly": False}) == Filters(
        licensed_only=False, include_guests=True, exclude_patterns=("a*",)
    )
    assert msp.overridden({"includeGuests": False, "excludePatterns": []}) == Filters(
        licensed_only=True, include_guests=False, exclude_patterns=()
    )


STAFF, CONTRACTORS = (GroupId(guid(name)) for name in ("staff", "contractors"))


def test_groups_are_of_a_managed_tenant_and_stay_when_it_is_not_asked_for_them() -> None:
    own = {"includeGroupIds": [str(STAFF)], "excludeGroupIds": [str(CONTRACTORS), str(STAFF)]}
    filters = Filters(licensed_only=True).overridden(own)
    assert filters.licensed_only
    assert filters.include_groups == {STAFF}
    assert filters.exclude_groups == {CONTRACTORS, STAFF}
    assert filters.overridden({"licensedOnly": True}) == filters
    assert filters.overridden({"includeGroupIds": [], "excludeGroupIds": []}) == Filters(
        licensed_only=True
    )


def test_who_is_in_no_included_group_is_left_out_even_if_nobody_is_in_one() -> None:
    ada = user()
    assert FilterRule(Filters(), included=frozenset({ada.object_id})).reason(ada) is None
    assert FilterRule(Filters(), included=None).reason(ada) is None
    assert FilterRule(Filters(), included=frozenset()).reason(ada) == VerdictReason.NOT_IN_GROUP


def test_who_is_in_an_excluded_group_is_left_out_after_all_other_reasons() -> None:
    ada = user()
    both = frozenset({ada.object_id})
    rule = FilterRule(Filters(), included=both, excluded=both)
    assert rule.reason(ada) == VerdictReason.IN_EXCLUDED_GROUP
    neither = FilterRule(Filters(), included=frozenset(), excluded=both)
    assert neither.reason(ada) == VerdictReason.NOT_IN_GROUP
    pattern = FilterRule(Filters(exclude_patterns=("*",)), included=frozenset(), excluded=both)
    assert pattern.reason(ada) == VerdictReason.EXCLUDED_PATTERN


@pytest.mark.parametrize("upn", ["", "@", "\x00", "\ud800@x", "\u200fsvc@x", "a" * 10_000])
def test_bad_user_principal_names_are_judged_without_failing(upn: str) -> None:
    assert not is_service_account(upn)
    assert address_of(user(mail=None, user_principal_name=upn)) is None
