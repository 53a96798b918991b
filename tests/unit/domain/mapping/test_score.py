"""Chances add up with that of none of them, and every number has its weight."""

import pytest

from entra_plugin.domain.mapping.evidence import NUMBERS
from entra_plugin.domain.mapping.score import WEIGHTS, chances


def test_every_number_has_a_weight_and_no_weight_is_left_over() -> None:
    assert tuple(WEIGHTS) == NUMBERS


@pytest.mark.parametrize("strengths", [[], [0.0], [-800.0, 800.0], [2.0, 2.0, -3.0]])
def test_chances_leave_room_for_none(strengths: list[float]) -> None:
    found = chances(strengths)
    assert len(found) == len(strengths)
    assert all(0 <= chance <= 1 for chance in found)
    assert sum(found) <= 1 + 1e-12


def test_equal_strengths_have_equal_chances_and_stronger_ones_better() -> None:
    one, two, three = chances([1.0, 1.0, 2.0])
    assert one == two < three
