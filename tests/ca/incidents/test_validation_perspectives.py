"""The attack that remote perspectives are for: routes bent near the CA (2018, 2022), and a perspective that lies."""

from __future__ import annotations

import pytest

from evercert.acme.problem import Problem, ProblemType
from evercert.base.probe import Page
from tests.ca.validation.given import claim, proved, reach
from tests.ca.validation.test_http01 import PROOF, world
from tests.ca.validation.test_perspectives import always, dead, honest, perspectives


async def test_bgp_hijack_what_only_the_ca_sees_is_not_enough() -> None:
    """The attacker answers whoever comes by way of the CA's network, and nobody else."""
    network = world(Page(200, body=PROOF))
    await proved(claim("http-01"), reach(network))
    with pytest.raises(Problem) as raised:
        await perspectives(honest(sees=False), honest(sees=False), honest(sees=False)).confirm_claim(claim("http-01"))
    assert raised.value.type is ProblemType.INCORRECT_RESPONSE


@pytest.mark.parametrize("place", range(3))
async def test_one_lying_perspective_of_three_passes_only_under_the_rule(place: int) -> None:
    says_no = [honest(), honest()]
    says_no.insert(place, always(False))
    await perspectives(*says_no).confirm_claim(claim("http-01"))
    for others in ([honest(sees=False), honest(sees=False)], [dead, honest(sees=False)], [dead, dead]):
        says_yes = [*others]
        says_yes.insert(place, always(True))
        with pytest.raises(Problem):
            await perspectives(*says_yes).confirm_claim(claim("http-01"))
