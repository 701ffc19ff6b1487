"""The picture of the chain, as SVG inside a page, and the table of its stages below: both from one list."""

from dataclasses import dataclass
from html import escape

MARKER = "<!-- chain picture -->"

_BOX_WIDTH, _BOX_HEIGHT = 128, 66
_GAP = 20
_UE_TOP, _BS_TOP = 44, 220
_LEFT = 20


@dataclass(frozen=True)
class Stage:
    """One stage of the chain.

    Attributes:
        title: what it does.
        key: the scenario's key that says how.
        page: where that key's values are listed, relative to the page of the picture.
        meaning: one sentence.
    """

    title: str
    key: str
    page: str
    meaning: str


_CHANNEL = Stage(
    "Channel", "channel", "reference/channel-sources.md", "draws or reads one downlink channel for each sample"
)
AT_UE = (
    Stage("Estimate", "estimation", "reference/estimators.md", "LS from noisy pilots, interpolated; or perfect"),
    Stage(
        "Transform",
        "transform",
        "reference/scenario.md#transform",
        "2D DFT to angles and delays; the first rows are kept and normalised",
    ),
    Stage("Encode", "compressors", "reference/compressors.md", "truncated matrix to a codeword of M real values"),
    Stage("Quantise", "feedback.quantiser", "reference/quantisers.md", "values to level numbers or a bitstream"),
)
LINK = Stage(
    "Feedback link", "feedback.link", "reference/feedback-links.md", "carries the report; bits, noise, errors, losses"
)
AT_BS = (
    Stage("Denoise", "feedback.denoiser", "reference/denoisers.md", "takes the link's noise off received values"),
    Stage("Decode", "compressors", "reference/compressors.md", "codeword to matrix, with the compressor's other half"),
    Stage("Predict", "feedback.predictor", "reference/predictors.md", "from past reports to the time of use"),
    Stage("Precode", "precoder", "reference/precoders.md", "one unit-power weight vector per subcarrier"),
)
_METRICS = Stage("Measure", "metrics", "reference/metrics.md", "against the true channel: NMSE, cosine, rate, bits")
STAGES = (_CHANNEL, *AT_UE, LINK, *AT_BS, _METRICS)


def with_picture(markdown: str) -> str:
    """The text with picture and table in place of the marker."""
    return markdown.replace(MARKER, f"{svg()}\n\n{table()}")


def table() -> str:
    """A row for each stage."""
    rows = [f"| {stage.title} | [`{stage.key}`]({stage.page}) | {_side(stage)} | {stage.meaning} |" for stage in STAGES]
    return "\n".join(["| stage | key | where | what it does |", "|---|---|---|---|", *rows])


def svg() -> str:
    """The picture: the UE's stages from left to right, the BS's from right to left below."""
    right = _column(5)
    middle = (_UE_TOP + _BS_TOP) / 2
    parts = [
        _room(_column(1), _UE_TOP, "UE"),
        _room(_column(1), _BS_TOP, "BS"),
        _box(_CHANNEL, _column(0), _UE_TOP),
        *(_box(stage, _column(1 + place), _UE_TOP) for place, stage in enumerate(AT_UE)),
        _box(LINK, right, middle),
        *(_box(stage, _column(4 - place), _BS_TOP) for place, stage in enumerate(AT_BS)),
        _box(_METRICS, _column(0), _BS_TOP),
        *(_arrow(_column(n) + _BOX_WIDTH, _centre(_UE_TOP), _column(n + 1), _centre(_UE_TOP)) for n in range(4)),
        *(_arrow(_column(n + 1), _centre(_BS_TOP), _column(n) + _BOX_WIDTH, _centre(_BS_TOP)) for n in range(4)),
        _bend(_column(4) + _BOX_WIDTH, _centre(_UE_TOP), right + _BOX_WIDTH / 2, middle),
        _bend(right + _BOX_WIDTH / 2, middle + _BOX_HEIGHT, _column(4) + _BOX_WIDTH, _centre(_BS_TOP), down_first=True),
        _arrow(_column(0) + _BOX_WIDTH / 2, _UE_TOP + _BOX_HEIGHT, _column(0) + _BOX_WIDTH / 2, _BS_TOP),
        f'<text class="note" x="{_column(0) + _BOX_WIDTH / 2 + 8}" y="{middle + 28}">true channel,</text>',
        f'<text class="note" x="{_column(0) + _BOX_WIDTH / 2 + 8}" y="{middle + 48}">when it is used</text>',
        f'<text class="note" x="{right - 12}" y="{middle + 38}" text-anchor="end">'
        "the BS sees what the link delivers, and nothing else</text>",
    ]
    head = (
        '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z"/></marker>'
    )
    label = (
        "The chain: channel, estimate, transform, encode, quantise, feedback link, denoise, decode, predict, precode"
    )
    return (
        f'<div class="chain"><svg viewBox="0 0 {right + _BOX_WIDTH + _LEFT} {_BS_TOP + _BOX_HEIGHT + 20}" role="img" '
        f'aria-label="{label}"><defs>{head}</defs>{"".join(parts)}</svg></div>'
    )


def _side(stage: Stage) -> str:
    if stage in AT_UE:
        return "UE"
    return "BS" if stage in AT_BS else "between" if stage is LINK else "outside"


def _column(place: int) -> float:
    # Room for the UE's and the BS's frames between the first column and the others, and before the link's.
    return _LEFT + place * (_BOX_WIDTH + _GAP) + (18 if place >= 1 else 0) + (18 if place >= 5 else 0)


def _centre(top: float) -> float:
    return top + _BOX_HEIGHT / 2


def _box(stage: Stage, left: float, top: float) -> str:
    middle, name = left + _BOX_WIDTH / 2, escape(stage.key.split(".")[-1])
    target = stage.page.replace(".md", ".html")
    return (
        f'<a href="{escape(target)}"><title>{escape(stage.meaning)}</title>'
        f'<rect class="stage" x="{left}" y="{top}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="6"/>'
        f'<text class="title" x="{middle}" y="{top + 29}" text-anchor="middle">{escape(stage.title)}</text>'
        f'<text class="key" x="{middle}" y="{top + 51}" text-anchor="middle">{name}</text></a>'
    )


def _room(left: float, top: float, name: str) -> str:
    width = _column(4) + _BOX_WIDTH - left + 20
    return (
        f'<rect class="room" x="{left - 10}" y="{top - 34}" width="{width}" height="{_BOX_HEIGHT + 46}" rx="8"/>'
        f'<text class="room-name" x="{left}" y="{top - 13}">{name}</text>'
    )


def _arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path class="arrow" d="M{x},{y} L{to_x},{to_y}" marker-end="url(#head)"/>'


def _bend(x: float, y: float, to_x: float, to_y: float, down_first: bool = False) -> str:
    corner = f"{x},{to_y}" if down_first else f"{to_x},{y}"
    return f'<path class="arrow" d="M{x},{y} L{corner} L{to_x},{to_y}" marker-end="url(#head)"/>'
