"""Plain text as LaTeX: special characters escaped, the letters and signs of metric labels as commands."""

import unicodedata

_FIRST_ODD, _LAST_PLAIN = 0x100, 0xFFFF

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
}
_SIGNS = {
    "\N{MINUS SIGN}": r"$-$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{INFINITY}": r"$\infty$",
    "\N{DOUBLE VERTICAL LINE}": r"$\Vert$",
    "\N{DEGREE SIGN}": r"$^\circ$",
    "\N{MICRO SIGN}": r"$\mu$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{MIDDLE DOT}": r"$\cdot$",
    "\N{SUPERSCRIPT TWO}": r"$^2$",
    "\N{LATIN SUBSCRIPT SMALL LETTER A}": r"$_\mathrm{a}$",
    "\N{LATIN SUBSCRIPT SMALL LETTER T}": r"$_\mathrm{t}$",
    "\N{LATIN CAPITAL LETTER H WITH CIRCUMFLEX}": r"$\hat{H}$",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
}
_GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega"
)
_GREEK_LETTERS = "αβγδεζηθικλμνξπρστυφχψω"
_SIGNS |= {letter: f"$\\{name}$" for letter, name in zip(_GREEK_LETTERS, _GREEK_NAMES.split(), strict=True)}
_TABLE = str.maketrans(_SPECIAL | _SIGNS)


def latex(text: str) -> str:
    """Text for the running text of a LaTeX document, any engine; formulas come out as a row of short ones."""
    # Adjacent formulas become one.
    return "".join(map(_in_a_font, text)).translate(_TABLE).replace("$$", "")


def _in_a_font(character: str) -> str:
    """The character, or its number where it is a symbol that text fonts do not have, such as an emoji."""
    if character in _SIGNS or ord(character) < _FIRST_ODD:
        return character
    odd = ord(character) > _LAST_PLAIN or unicodedata.category(character) in ("So", "Cf", "Cn", "Co", "Cs")
    return f"(U+{ord(character):04X})" if odd else character
