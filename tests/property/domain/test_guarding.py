"""The guard, held against its sentence."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from entra_plugin.domain.guarding import ClientPlan, Guard, judge
from entra_plugin.domain.ids import ClientId

counts = st.integers(0, 400)
percents = st.integers(0, 100)
guards = st.builds(
    Guard,
    inactivate_percent=percents,
    inactivate_min=st.integers(0, 50),
    overwrite_percent=percents,
    overwrite_min=st.integers(0, 50),
    run_inactivate_percent=percents,
    run_inactivate_min=st.integers(0, 50),
)


@given(guards, counts, counts)
def test_the_number_allowed_is_the_largest_that_the_sentence_lets_pass(
    guard: Guard, linked: int, inactivations: int
) -> None:
    share = max(guard.inactivate_min, linked * guard.inactivate_percent / 100)
    too_many = inactivations > share or (inactivations >= 2 and inactivations * 2 >= linked)
    assert (inactivations > guard.inactivations_allowed(linked)) == too_many


@given(guards, counts, counts)
def test_overwrites_are_held_beyond_number_and_share(
    guard: Guard, linked: int, overwrites: int
) -> None:
    too_many = overwrites > max(guard.overwrite_min, linked * guard.overwrite_percent / 100)
    assert (overwrites > guard.overwrites_allowed(linked)) == too_many


@st.composite
def plans(draw: st.DrawFn) -> list[ClientPlan]:
    found = []
    for number in range(draw(st.integers(0, 5))):
        linked = draw(st.integers(0, 200))
        found.append(
            ClientPlan(
                client_id=ClientId(UUID(int=number)),
                linked=linked,
                inactivations=draw(st.integers(0, linked)),
                overwrites=draw(st.integers(0, linked)),
            )
        )
    return found


@given(guards, plans())
def test_a_run_that_takes_too_many_together_holds_all_of_them(
    guard: Guard, clients: list[ClientPlan]
) -> None:
    holds = judge(guard, clients)
    linked, leaving = (sum(getattr(c, n) for c in clients) for n in ("linked", "inactivations"))
    if leaving > guard.run_inactivate_min and leaving > linked * guard.run_inactivate_percent / 100:
        assert holds.inactivations == {c.client_id for c in clients if c.inactivations}
    else:
        assert holds.inactivations == {
            c.client_id for c in clients if c.inactivations > guard.inactivations_allowed(c.linked)
        }


@given(guards, plans())
def test_overwrites_are_judged_client_by_client(guard: Guard, clients: list[ClientPlan]) -> None:
    assert judge(guard, clients).overwrites == {
        c.client_id for c in clients if c.overwrites > guard.overwrites_allowed(c.linked)
    }
