"""`evercert ca demo`."""

from __future__ import annotations

from pathlib import Path

import click

from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("demo")
@click.option("--nodes", type=click.IntRange(2, 5), default=2, show_default=True, help="How many share the store.")
@click.option("--certificates", type=click.IntRange(20, 5000), default=200, show_default=True, help="The load.")
@framed
def command(output: Output, settings: Settings, nodes: int, certificates: int) -> int:
    """Watch several nodes of one CA on this machine: killed under load, PostgreSQL restarted, and nothing is lost.

    It needs PostgreSQL's programs, starts one of its own in a temporary folder, and leaves nothing behind.
    """
    return in_loop(_demo(output, nodes, certificates))


async def _demo(output: Output, nodes: int, certificates: int) -> int:
    from tempfile import TemporaryDirectory

    from evercert.demo.cluster.story import tell_of_nodes

    with TemporaryDirectory(prefix="evercert-ca-demo-") as folder:
        ending = await tell_of_nodes(Path(folder), nodes, certificates, output.progress)
    proof, lists = ending.proof, ending.lists
    output.result(
        ending,
        f"{proof.certificates} certificates in {ending.seconds} s from {nodes} nodes; "
        f"customers had to come again {ending.again} times",
        f"orders that did not end valid: {proof.unended}; orders with two certificates: {proof.twice}; "
        f"certificates lost: {proof.lost}",
        f"audit: {proof.audit} records, one chain; certificates without a record: {proof.unrecorded}",
        f"lists of what is revoked: numbers {lists.first} to {lists.last}, {lists.backwards} lower than one before; "
        f"the last has {'all' if lists.complete else 'not all'} of the {ending.revoked} that were revoked",
        f"a nonce of node 1 at node 2: {ending.nonces[0]}, and once more at node 1: {ending.nonces[1]}",
    )
    return 0 if ending.is_good else 1
