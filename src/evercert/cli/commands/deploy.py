"""`evercert deploy`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from evercert.cli import completing
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("deploy")
@click.argument("name", shell_complete=completing.certificate_names)
@click.option(
    "--to",
    "targets",
    multiple=True,
    shell_complete=completing.deploy_targets,
    metavar="TARGET[:LABEL]",
    help="A further place to install it in, from now on.",
)
@click.option("--set", "-o", "settings_of", multiple=True, metavar="TARGET.FIELD=VALUE", help="A field of the target.")
@click.option("--no-longer", "dropped", multiple=True, metavar="TARGET", help="A place to install it in no more.")
@framed
def command(
    output: Output,
    settings: Settings,
    name: str,
    targets: Sequence[str],
    settings_of: Sequence[str],
    dropped: Sequence[str],
) -> int:
    """Install the current certificate again, everywhere it belongs, and prove that it is served."""
    return in_loop(_deploy(output, settings, name, targets, settings_of, dropped))


async def _deploy(
    output: Output,
    settings: Settings,
    name: str,
    targets: Sequence[str],
    settings_of: Sequence[str],
    dropped: Sequence[str],
) -> int:
    import msgspec

    from evercert.base.errors import EvercertError
    from evercert.cli.outcome import report_outcome
    from evercert.cli.store import existing
    from evercert.cli.wanted import refuse_unused, targets_of
    from evercert.engine.wiring import open_engine
    from evercert.store import certificates, deployments

    refuse_unused(settings_of, (), targets)
    added = targets_of(targets, settings_of, settings.home)
    _refuse_both(name, [spec.key for spec in added], dropped)
    async with open_engine(settings, output.progress) as engine:
        fact = await existing(engine.db, name)
        if fact.current is None:
            raise EvercertError("not-found", "nothing was issued for it yet", name=name, hint=f"evercert renew {name}")
        for key in set(dropped) - {spec.key for spec in fact.intent.targets}:
            known = ", ".join(spec.key for spec in fact.intent.targets) or "no place at all"
            raise EvercertError("not-found", f"it is not installed in {key}", name=name, hint=f"it is in {known}")
        keys = {spec.key for spec in added} | set(dropped)
        kept = tuple(spec for spec in fact.intent.targets if spec.key not in keys)
        intent = msgspec.structs.replace(fact.intent, targets=(*kept, *added))
        engine.check(intent)
        now = engine.clock.now()
        await certificates.declare(engine.db, intent, now)
        await engine.db.write(*(deployments.again(name, spec.key, now) for spec in intent.targets))
        await certificates.wake(engine.db, name, now)
        await engine.worker.settle(name, by_hand=True)
        return await report_outcome(output, engine, [name])


def _refuse_both(name: str, added: Sequence[str], dropped: Sequence[str]) -> None:
    """Raises `bad-input` for a place that it is to be installed in and is not."""
    from evercert.base.errors import EvercertError

    for key in added:
        if key in dropped:
            hint = "leave out --to or --no-longer"
            raise EvercertError("bad-input", f"{key} is named by both --to and --no-longer", name=name, hint=hint)
