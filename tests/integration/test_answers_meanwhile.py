"""What a person answers while a sync is under way holds against what it has planned."""

from entra_plugin.application.review.answers import Answer
from entra_plugin.domain.reviewing import Action, Side
from entra_plugin.domain.states import FieldName
from support.case import Case
from support.desk import Desk


def test_a_value_that_is_kept_meanwhile_is_not_overwritten(case: Case) -> None:
    case.change("ada", job_title="Engineer")
    case.office.edit(str(case.contact("ada")["id"]), "role", "Chief")
    case.save(guard={}, role="ask")
    case.sync()
    (item,) = case.office.state().items.values()
    case.save(guard={}, role="directory_wins")
    keep = Answer(action=Action.FIELDS, fields={FieldName.ROLE: Side.LOCAL})

    async def answered() -> None:
        await Desk(case.engine).answer(item["id"], keep)

    run_id = case.sync(meanwhile=answered)
    assert case.rows(run_id) == [("update", "stale")]
    assert case.contact("ada")["role"] == "Chief"
    assert case.rows(case.sync()) == []
    assert case.contact("ada")["role"] == "Chief"
