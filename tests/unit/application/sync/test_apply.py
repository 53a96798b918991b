"""What a sync applies."""

from entra_plugin.application.sync.apply import ADDITIVE, GUARDED
from entra_plugin.domain.states import ChangeKind


def test_every_kind_of_change_is_applied_before_or_after_the_guard_and_not_twice() -> None:
    assert set(ChangeKind) - {ChangeKind.NONE} == ADDITIVE | GUARDED
    assert not ADDITIVE & GUARDED
