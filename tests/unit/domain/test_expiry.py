"""What a person is told of before it ends, from which day on, and in which order."""

from datetime import UTC, datetime, timedelta

import pytest

from entra_plugin.domain.expiry import Expiry, Relationship, expiries, warning_due
from entra_plugin.domain.ids import EntraTenantId, ManagedTenantId
from entra_plugin.domain.remedies import Forewarning
from support.builders import guid

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def relationship(name: str, ends_in: timedelta) -> Relationship:
    """The access to a customer, which ends so long from now."""
    return Relationship(
        managed_tenant_id=ManagedTenantId(guid(f"managed {name}")),
        entra_tenant_id=EntraTenantId(guid(f"directory {name}")),
        display_name=name,
        ends_at=NOW + ends_in,
    )


def told(
    *relationships: Relationship,
    secret_ends_in: timedelta | None = None,
    renewed_ago: timedelta | None = None,
) -> tuple[Expiry, ...]:
    """What is told, given how far away everything is."""
    return expiries(
        NOW,
        relationships=relationships,
        client_secret_expires_at=None if secret_ends_in is None else NOW + secret_ends_in,
        renewed_at=None if renewed_ago is None else NOW - renewed_ago,
    )


def notices(found: tuple[Expiry, ...]) -> list[Forewarning]:
    return [expiry.notice for expiry in found]


def test_nothing_that_ends_is_nothing_to_tell() -> None:
    assert told() == ()


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (timedelta(days=400), []),
        (timedelta(days=30), []),
        (timedelta(days=30) - MOMENT, [Forewarning.CLIENT_SECRET_EXPIRING]),
        (MOMENT, [Forewarning.CLIENT_SECRET_EXPIRING]),
        (timedelta(0), [Forewarning.CLIENT_SECRET_ENDED]),
        (timedelta(days=-400), [Forewarning.CLIENT_SECRET_ENDED]),
    ],
)
def test_a_client_secret_is_told_of_when_fewer_than_thirty_days_are_left(
    left: timedelta, expected: list[Forewarning]
) -> None:
    assert notices(told(secret_ends_in=left)) == expected


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (timedelta(days=31), []),
        (timedelta(days=30), []),
        (timedelta(days=30) - MOMENT, [Forewarning.RELATIONSHIP_EXPIRING]),
        (MOMENT, [Forewarning.RELATIONSHIP_EXPIRING]),
        (timedelta(0), [Forewarning.RELATIONSHIP_ENDED]),
        (-MOMENT, [Forewarning.RELATIONSHIP_ENDED]),
    ],
)
def test_a_relationship_is_told_of_when_fewer_than_thirty_days_are_left(
    left: timedelta, expected: list[Forewarning]
) -> None:
    assert notices(told(relationship("Contoso", left))) == expected


@pytest.mark.parametrize(
    ("idle", "expected"),
    [
        (timedelta(0), []),
        (timedelta(days=60) - MOMENT, []),
        (timedelta(days=60), [Forewarning.SIGN_IN_IDLE]),
        (timedelta(days=100), [Forewarning.SIGN_IN_IDLE]),
    ],
)
def test_a_sign_in_is_told_of_when_it_was_not_used_for_sixty_days(
    idle: timedelta, expected: list[Forewarning]
) -> None:
    assert notices(told(renewed_ago=idle)) == expected


def test_a_clock_that_went_back_tells_of_no_idle_sign_in() -> None:
    assert told(renewed_ago=timedelta(days=-1)) == ()


def test_a_relationship_comes_with_its_customer_and_its_end() -> None:
    contoso = relationship("Contoso", timedelta(days=3))
    (expiry,) = told(contoso)
    assert expiry.relationship == contoso
    assert expiry.at == contoso.ends_at


def test_what_concerns_the_connection_itself_names_no_customer() -> None:
    found = told(secret_ends_in=timedelta(days=1), renewed_ago=timedelta(days=70))
    assert [expiry.relationship for expiry in found] == [None, None]


def test_an_idle_sign_in_says_when_it_was_used_last() -> None:
    (expiry,) = told(renewed_ago=timedelta(days=70))
    assert expiry.at == NOW - timedelta(days=70)


def test_what_came_or_comes_first_is_told_first() -> None:
    found = told(
        relationship("Later", timedelta(days=20)),
        relationship("Over", timedelta(days=-2)),
        relationship("Sooner", timedelta(days=2)),
        secret_ends_in=timedelta(days=10),
        renewed_ago=timedelta(days=61),
    )
    assert [expiry.at - NOW for expiry in found] == [
        timedelta(days=days) for days in (-61, -2, 2, 10, 20)
    ]


@pytest.mark.parametrize(
    ("left", "due"),
    [(31, None), (30, 30), (29, 30), (7.5, 30), (7, 7), (2, 7), (1, 1), (0.1, 1), (0, None)],
)
def test_a_warning_is_due_at_each_threshold_and_none_after_the_end(
    left: float, due: int | None
) -> None:
    at = NOW + timedelta(days=left)
    expected = at - timedelta(days=due) if due is not None else None
    assert warning_due(NOW, at) == expected
