"""A pin names what its kind is about, and nothing else."""

from uuid import uuid4

import pytest

from entra_plugin.domain.ids import ContactId, EntraTenantId, ObjectId
from entra_plugin.domain.pins import SUBJECTS, Pin, misfit
from entra_plugin.domain.states import FieldName, PinKind

WHOLE = {
    "contact_id": ContactId(uuid4()),
    "entra_tenant_id": EntraTenantId(uuid4()),
    "object_id": ObjectId(uuid4()),
    "field": FieldName.ROLE,
}


def of(kind: PinKind, *parts: str) -> Pin:
    return Pin(kind=kind, **{part: WHOLE[part] for part in parts})  # type: ignore[arg-type]


def test_every_kind_has_its_subject() -> None:
    assert set(SUBJECTS) == set(PinKind)


@pytest.mark.parametrize("kind", PinKind)
def test_a_pin_with_its_subject_fits(kind: PinKind) -> None:
    assert misfit(of(kind, *SUBJECTS[kind])) is None


@pytest.mark.parametrize(
    ("kind", "part"), [(kind, part) for kind in PinKind for part in SUBJECTS[kind]]
)
def test_a_part_that_is_missing_is_named(kind: PinKind, part: str) -> None:
    assert misfit(of(kind, *(p for p in SUBJECTS[kind] if p != part))) == part


@pytest.mark.parametrize(
    ("kind", "part"),
    [(kind, part) for kind in PinKind for part in WHOLE if part not in SUBJECTS[kind]],
)
def test_a_part_of_no_use_is_named(kind: PinKind, part: str) -> None:
    assert misfit(of(kind, *SUBJECTS[kind], part)) == part
