"""The option that says why a certificate is revoked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

__all__ = ["reason_option"]


def reason_option(reasons: Mapping[str, int]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--reason`, one of those words in any case, shown as RFC 5280 writes them."""
    return click.option(
        "--reason",
        type=click.Choice(list(reasons), case_sensitive=False),
        metavar=f"[{'|'.join(reasons)}]",
        default="unspecified",
        show_default=True,
    )
