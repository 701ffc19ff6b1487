"""``linksim deploy``: the network that fits the resources of a UE and a BS."""

from typing import Annotated, Literal

import typer

from linksim.terminal import say


def deploy(
    compressor: Annotated[
        Literal["acrnet", "deq"], typer.Option(help="acrnet: Algorithm 1; deq: iterations by eq. 16")
    ] = "acrnet",
    bits: Annotated[
        int | None, typer.Option(min=1, help="feedback bits of a codeword; sets CR and bits a value")
    ] = None,
    ratio: Annotated[
        float | None, typer.Option("--compression-ratio", min=1, help="CR; by default the one that suits the bits")
    ] = None,
    ue_macs: Annotated[int | None, typer.Option(min=1, help="multiply-adds of a report at the UE, at most")] = None,
    bs_macs: Annotated[int | None, typer.Option(min=1, help="multiply-adds of a report at the BS, at most")] = None,
    ue_bytes: Annotated[int | None, typer.Option(min=1, help="bytes that the UE's weights may take")] = None,
    bs_bytes: Annotated[int | None, typer.Option(min=1, help="bytes that the BS's weights may take")] = None,
    n_delay: Annotated[int, typer.Option(min=1, help="delay rows Na")] = 32,
    n_tx: Annotated[int, typer.Option(min=1, help="columns of the matrix: BS ports times UE antennas")] = 32,
    yaml_only: Annotated[bool, typer.Option("--yaml", help="print the scenario's keys and nothing else")] = False,
) -> None:
    """Chooses width, binary layers, compression ratio and quantisation of a network for given resources.

    CR and bits a value follow from the bits: the largest codeword that leaves 2 bits a value, then up to 8. Then a
    narrower BS comes before binary layers, and one at the UE before two; the BS is as wide as still fits. A smaller
    codeword is taken only if nothing fits otherwise.
    """
    from rich import box
    from rich.table import Table

    from channels.formats.yaml_text import write_yaml
    from linksim.deployment.sizing import ADVISED_RATIO, STRATEGIES, Resources, describe, rows
    from linksim.errors import InputError
    from linksim.terminal import Console

    if bits is None and ratio is None:
        raise InputError("deploy: got neither --bits nor --compression-ratio, expected one of them or both")
    limits = Resources(bits, ue_macs, bs_macs, ue_bytes, bs_bytes)
    chosen = STRATEGIES[compressor](limits, (n_delay, n_tx), ratio)
    if not yaml_only:
        table = Table(box=box.SIMPLE_HEAD, title=describe(chosen.section, chosen.point), title_justify="left")
        table.add_column("a report")
        table.add_column("costs", justify="right")
        table.add_column("limit", justify="right")
        for name, cost, limit in rows(chosen, limits):
            table.add_row(name, f"{cost:,}".replace(",", " "), "-" if limit is None else f"{limit:,}".replace(",", " "))
        Console().print(table)
        if chosen.cost.bits is not None:
            say("A scale per sample costs transform.scale_bits on top of these bits.")
        if compressor == "acrnet" and chosen.point.ratio > ADVISED_RATIO:
            say(f"ACRNet's authors advise against compression ratios above {ADVISED_RATIO}.")
        say("In a scenario:\n")
    say(write_yaml(chosen.document(), flow=None), end="")
