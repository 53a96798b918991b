"""A client that several managed tenants want is given out as a whole."""

from entra_plugin.domain.mapping.rivalry import settled
from entra_plugin.domain.mapping.score import chances


def scores(*rows: dict[int, float]) -> list[dict[int, float]]:
    return [dict(zip(row, chances(list(row.values())), strict=True)) for row in settled(list(rows))]


def test_a_client_that_one_tenant_wants_keeps_its_score() -> None:
    assert settled([{1: 2.0, 2: -1.0}, {3: 0.5}]) == [{1: 2.0, 2: -1.0}, {3: 0.5}]


def test_the_better_claim_takes_from_the_worse_one() -> None:
    sure, doubtful = scores({1: 8.0}, {1: 1.0})
    assert sure[1] > 0.98
    assert doubtful[1] < 0.4


def test_equal_claims_share_a_client() -> None:
    first, second = scores({1: 4.0}, {1: 4.0})
    assert abs(first[1] - second[1]) < 1e-9
    assert first[1] < scores({1: 4.0})[0][1]


def test_a_tenant_whose_client_is_taken_turns_to_its_other_one() -> None:
    _, second = scores({1: 9.0}, {1: 3.0, 2: 2.0})
    assert second[2] > second[1]


def test_very_strong_claims_stay_numbers() -> None:
    assert all(0 <= row[1] <= 1 for row in scores({1: 400.0}, {1: 500.0, 2: 450.0}))
