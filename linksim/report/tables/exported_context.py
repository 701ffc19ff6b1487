"""The context codec's exported encoder in the terminal."""

from linksim.deployment.context_export import CHANNELS, REPORTS, ContextExport
from linksim.terminal import Console

_KB = 1000


def show_context(export: ContextExport, console: Console) -> None:
    """Prints what ``export_context`` returned, and how to compile it."""
    lines = [
        f"{export.n_reports} test channels, {export.mean_bits:.1f} bits a report; tables of {_kb(export.table_bytes)}"
    ]
    if export.compiled is not None:
        code, memory = _kb(export.compiled.code_bytes), _kb(export.compiled.memory_bytes)
        lines += [f"compiled here: the same bits as linksim's; instructions of {code}, working memory of {memory}"]
    lines += [f"cd {export.folder}", export.command, f"./encode < {CHANNELS} | cmp - {REPORTS}"]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _kb(count: int) -> str:
    return f"{count / _KB:.1f} kB"
