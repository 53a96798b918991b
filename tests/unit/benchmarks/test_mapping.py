"""The published set is mapped as well as we claim, and the generator makes it anew."""

import json
from pathlib import Path

import pytest

from benchmarks.mapping.__main__ import PUBLISHED, main
from benchmarks.mapping.generate import generate
from benchmarks.mapping.quality import Quality, quality, unique_by_domain
from benchmarks.mapping.sets import DataSet, read_set
from entra_plugin.domain.mapping.facts import Proposal
from entra_plugin.domain.mapping.propose import propose

HARD = frozenset({"romanised"})
"""Kinds whose names no library reads for sure."""


@pytest.fixture(scope="module")
def data() -> DataSet:
    return read_set(PUBLISHED)


@pytest.fixture(scope="module")
def proposals(data: DataSet) -> list[Proposal]:
    return propose(data.tenants, data.clients)


@pytest.fixture(scope="module")
def found(data: DataSet, proposals: list[Proposal]) -> Quality:
    return quality(proposals, data.truth)


def test_the_published_set_is_what_the_generator_makes(tmp_path: Path) -> None:
    generate().write(tmp_path)
    for path in PUBLISHED.glob("*.jsonl"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_the_published_set_is_large_and_has_every_kind(data: DataSet) -> None:
    kinds = {truth.kind for truth in data.truth.values()}
    assert len(data.tenants) >= 1000
    assert len(data.clients) >= 1000
    assert len(kinds) > 30


def test_no_automatic_match_is_wrong(found: Quality) -> None:
    assert found.automatic.part == 1.0


def test_nearly_every_unique_domain_is_matched_automatically(
    data: DataSet, proposals: list[Proposal]
) -> None:
    unique = set(unique_by_domain(data))
    matched = {p.tenant.entra_tenant_id for p in proposals if p.match}
    assert len(unique & matched) >= 0.97 * len(unique)


def test_the_true_client_is_among_the_first_three(found: Quality) -> None:
    assert found.recalled.part >= 0.97
    for kind, share in found.kinds.items():
        if share.total >= 15:
            assert share.part >= (0.5 if kind in HARD else 0.8), kind


def test_scores_are_worth_what_they_say(found: Quality) -> None:
    assert found.calibration_error <= 0.03
    assert all(
        abs(tenth.mean - tenth.share) <= 0.07
        for tenth in found.tenths.values()
        if len(tenth.scores) >= 50
    )


def test_true_clients_are_offered_and_strangers_are_not(found: Quality) -> None:
    assert found.listed.part >= 0.93
    assert found.misled.part <= 0.03


@pytest.mark.parametrize("seed", [101, 102])
def test_the_figures_hold_on_sets_that_no_weight_has_seen(seed: int, tmp_path: Path) -> None:
    generate(seed=seed, tenants=800, clients=1600).write(tmp_path)
    other = read_set(tmp_path)
    figures = quality(propose(other.tenants, other.clients), other.truth)
    assert figures.automatic.part == 1.0
    assert figures.recalled.part >= 0.97
    assert figures.misled.part <= 0.03
    assert figures.listed.part >= 0.93
    assert figures.calibration_error <= 0.03


def test_the_command_writes_a_line_per_customer_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate(seed=5, tenants=40, clients=80).write(tmp_path)
    out = tmp_path / "predictions.jsonl"
    main(["--set", str(tmp_path), "--out", str(out), "--repeat", "1"])
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len(read_set(tmp_path).tenants)
    assert {frozenset(row) for row in rows} == {
        frozenset({"entra_tenant_id", "auto_client_id", "candidates"})
    }
    assert "calibration error" in capsys.readouterr().out


def test_ids_may_be_any_text(tmp_path: Path) -> None:
    rows = {
        "tenants": {
            "entra_tenant_id": "T1",
            "display_name": "Contoso",
            "default_domain": "contoso.example",
            "verified_domains": ["contoso.example"],
        },
        "clients": {"client_id": "C1", "name": "Contoso", "website": "contoso.example"},
    }
    for name, row in rows.items():
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row), encoding="utf-8")
    out = tmp_path / "predictions.jsonl"
    main(["--set", str(tmp_path), "--out", str(out), "--repeat", "1"])
    found = json.loads(out.read_text(encoding="utf-8"))
    assert (found["entra_tenant_id"], found["auto_client_id"]) == ("T1", "C1")
