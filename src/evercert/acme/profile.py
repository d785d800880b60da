"""Certificate profiles (draft-ietf-acme-profiles): asked for if offered, demanded if required. Pure."""

from __future__ import annotations

from evercert.acme.foreign import shown
from evercert.acme.problem import Problem, ProblemType
from evercert.acme.wire import Meta
from evercert.base.errors import EvercertError, Retry

__all__ = ["profile_to_ask", "refuses_profile"]


def profile_to_ask(meta: Meta, wanted: str, *, required: bool) -> str:
    """The profile for newOrder, or "" for the CA's default: a client should not ask for one that the
    directory does not list (draft §4). Raises `ca-refused` where it is *required*."""
    if not wanted or wanted in meta.profiles:
        return wanted
    if not required:
        return ""
    listed = ", ".join(sorted(meta.profiles))
    raise EvercertError(
        "ca-refused",
        f"the CA does not offer the profile {wanted!r}",
        hint=f"it offers {shown(listed)}" if listed else "it offers no profiles at all",
        retry=Retry.NEVER,
    )


def refuses_profile(problem: Problem) -> bool:
    """Whether *problem* is about the profile: `invalidProfile`, or what CAs have said instead
    (Let's Encrypt's staging `unauthorized`, Pebble `malformed`)."""
    if problem.type is ProblemType.INVALID_PROFILE:
        return True
    return problem.type in {ProblemType.UNAUTHORIZED, ProblemType.MALFORMED} and "profile" in problem.detail.lower()
