"""The review queue of a random history: what people answer, and that it is remembered."""

from collections.abc import Sequence
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import rule

from entra_plugin.application.review.answers import Answer
from entra_plugin.application.review.sitting import Outcome
from entra_plugin.domain.ids import ContactId
from entra_plugin.domain.reviewing import Action, Side
from support.answered import Answered
from support.histories_plans import Plans
from support.judging import judge_books
from support.office import FIELDS, Row
from support.stage import allowed

UNLINKED = (Action.LINK, Action.CREATE, Action.DISMISS)
CHOICES = {
    "multiple_matches": UNLINKED,
    "linked_elsewhere": UNLINKED,
    "claimed_twice": UNLINKED,
    "other_client": (*UNLINKED, Action.MOVE),
    "field_conflict": (Action.FIELDS, Action.DISMISS),
    "missing_upstream": (Action.INACTIVATE, Action.KEEP, Action.DISMISS),
}
REFUSALS = (
    "changed_meanwhile",
    "contact_linked",
    "unknown_contact",
    "contact_required",
    "pinned",
    "address_taken",
    "rejected_by_host",
    "not_found",
)
"""What may be said to somebody whose answer cannot be carried out."""

few = st.integers(0, 3)
answers = st.tuples(*[st.sampled_from(Side)] * len(FIELDS))


class Answers(Plans):
    """An MSP that answers questions."""

    @rule(number=few, what=few, whom=few, sides=answers)
    def somebody_answers(self, number: int, what: int, whom: int, sides: Sequence[Side]) -> None:
        self.stage.run(self.answering(number, what, whom, sides))
        judge_books(self.office.state())

    @rule(number=few, what=few, whom=few, sides=answers)
    def a_sync_while_somebody_answers(
        self, number: int, what: int, whom: int, sides: Sequence[Side]
    ) -> None:
        self.count("a_sync_while_somebody_answers")

        async def meanwhile() -> None:
            await self.answering(number, what, whom, sides)

        self.sync(meanwhile=meanwhile, rebased=True)

    async def answering(self, number: int, what: int, whom: int, sides: Sequence[Side]) -> None:
        """Answer one question that is open, and judge what came of it at once."""
        questions = list(self.office.state().items.values())
        if not questions:
            return
        item = questions[number % len(questions)]
        choices = CHOICES[str(item["reason"])]
        action = choices[what % len(choices)]
        candidates = [*item["candidates"], *self.office.state().contacts]  # type: ignore[misc]
        fields = dict(item["details"] or {}).get("fields") or {}  # type: ignore[call-overload]
        chosen = action in {Action.LINK, Action.MOVE} and candidates
        await self.settled(
            item,
            Answer(
                action=action,
                contact_id=ContactId(UUID(candidates[whom % len(candidates)])) if chosen else None,
                fields=dict(zip(fields, sides, strict=False)) if action == Action.FIELDS else {},
            ),
        )

    @rule(number=few)
    def somebody_reopens(self, number: int) -> None:
        dismissed = self.office.state().dismissed
        if dismissed:
            item = dismissed[number % len(dismissed)]
            self.stage.run(self.settled(item, Answer(action=Action.REOPEN)))

    @rule()
    def what_is_dismissed_is_not_asked_again(self) -> None:
        """Not until the directory changes."""
        if self.sync() is None:
            return
        questions = self.office.state().items
        if not questions:
            return
        self.count("what_is_dismissed_is_not_asked_again")
        waved = {
            key
            for key, item in questions.items()
            if self.stage.run(self.settled(item, Answer(action=Action.DISMISS))) is not None
        }
        self.sync()
        again = waved & self.office.state().items.keys()
        assert not again, f"asked again: {again}"

    async def settled(self, item: Row, answer: Answer) -> Outcome | None:
        """Answer, and judge what came of it; None when that was refused."""
        before, versions = self.office.state(), self.office.versions()
        outcome = await allowed(self.desk.answer(item["id"], answer), *REFUSALS)
        if outcome is None:
            self.count(f"a refused {answer.action.value}")
            assert self.office.versions() == versions, "a refused answer wrote something"
            return None
        self.count(f"an answer {answer.action.value}")
        answered = Answered(
            world=self.world,
            before=before,
            after=self.office.state(),
            item=item,
            answer=answer,
            outcome=outcome,
        )
        answered.judge()
        if outcome.run_id is not None:
            self.runs.append(outcome.run_id)
        return outcome
