"""Somebody whom the host takes from nobody is tried by every sync, and otherwise left as he is."""

from support.case import Case


def test_who_is_rejected_again_is_not_written_again(case: Case) -> None:
    case.change("cyd", display_name="C" * 1000)
    assert case.rows(case.sync()) == [("create", "failed")]
    before = case.office.versions(but="entra_sync_changes")
    assert case.rows(case.sync()) == [("create", "failed")]
    assert case.office.versions(but="entra_sync_changes") == before


def test_who_can_be_created_by_now_is(case: Case) -> None:
    case.change("cyd", display_name="C" * 1000)
    case.sync()
    case.change("cyd", display_name="Cyd")
    assert case.rows(case.sync()) == [("create", "applied")]
    assert case.verdict("cyd") == "linked"
