from __future__ import annotations

from typing import get_args

import pytest

from evercert.acme import state

TABLES = [
    (state.ORDER, state.OrderStatus),
    (state.AUTHORIZATION, state.AuthorizationStatus),
    (state.CHALLENGE, state.ChallengeStatus),
    (state.ACCOUNT, state.AccountStatus),
]


@pytest.mark.parametrize(("moves", "statuses"), TABLES)
def test_a_table_knows_every_status_of_its_type_and_no_other(moves: state.Moves, statuses: object) -> None:
    assert set(moves) == set(get_args(statuses))
    assert set().union(*moves.values()) <= set(moves)


@pytest.mark.parametrize(("moves", "statuses"), TABLES)
def test_nothing_comes_back_to_a_status_that_it_left(moves: state.Moves, statuses: object) -> None:
    def after(status: str) -> set[str]:
        return set(moves[status]).union(*(after(each) for each in moves[status]))

    assert all(status not in after(status) for status in moves)


def test_an_order_ends_valid_or_invalid() -> None:
    assert {status for status in state.ORDER if state.is_final(state.ORDER, status)} == {"valid", "invalid"}


def test_an_authorization_can_be_lost_after_it_was_won() -> None:
    assert not state.is_final(state.AUTHORIZATION, "valid")
    assert state.may_follow(state.AUTHORIZATION, "valid", "deactivated")
    assert not state.may_follow(state.AUTHORIZATION, "invalid", "valid")
