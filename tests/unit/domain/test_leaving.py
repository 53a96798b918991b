"""Leaving and coming back: on evidence only, acted on once."""

from datetime import timedelta

from entra_plugin.domain.leaving import Departure, on_deletion, on_seeing
from entra_plugin.domain.states import DepartureKind
from support.builders import NOW, user

DISABLED = Departure(kind=DepartureKind.DISABLED_UPSTREAM, since=NOW)
LATER = NOW + timedelta(days=3)


def test_nobody_who_is_enabled_has_left() -> None:
    assert on_seeing(user(), None, NOW) is None
    assert on_seeing(user(), DISABLED.acted_on(), NOW) is None


def test_the_evidence_keeps_the_day_on_which_it_was_first_seen() -> None:
    first = on_seeing(user(enabled=False), None, NOW)
    assert first == DISABLED
    assert on_seeing(user(enabled=False), first, LATER) == DISABLED


def test_a_deletion_goes_on_from_what_was_known() -> None:
    assert on_deletion(None, NOW).since == NOW
    settled = on_deletion(DISABLED.acted_on(), LATER)
    assert (settled.kind, settled.since, settled.settled) == (
        DepartureKind.DELETED_UPSTREAM,
        NOW,
        True,
    )


def test_somebody_deleted_who_is_shown_again_disabled_has_still_left() -> None:
    shown = on_seeing(user(enabled=False), on_deletion(None, NOW).acted_on(), LATER)
    assert shown == DISABLED.acted_on()


def test_it_is_due_once_the_grace_is_over_and_only_once() -> None:
    grace = timedelta(days=3)
    assert not DISABLED.is_due(LATER - timedelta(seconds=1), grace)
    assert DISABLED.is_due(LATER, grace)
    assert not DISABLED.acted_on().is_due(LATER, grace)


def test_a_shared_mailbox_is_suspected_where_only_the_address_is_left() -> None:
    assert DISABLED.may_be_shared_mailbox(user(enabled=False, licensed=False))
    assert not DISABLED.may_be_shared_mailbox(user(enabled=False, licensed=True))
    assert not DISABLED.may_be_shared_mailbox(user(enabled=False, licensed=False, mail=None))
    assert not DISABLED.may_be_shared_mailbox(user(licensed=False))


def test_who_is_deleted_was_made_no_shared_mailbox() -> None:
    deleted = on_deletion(DISABLED, LATER)
    assert not deleted.may_be_shared_mailbox(user(enabled=False, licensed=False))
