"""Docstrings become Markdown; formulas become MathML: no script, nothing fetched."""

from docs.generators.docstrings import markdown_of, with_mathml


def test_formulas_of_docstrings() -> None:
    first = "One :math:`x^2` here.\n\n    .. math:: a = b\n\n    After."
    text = f"{first}\n\n    .. math::\n\n        c\n        = d\n\n    End."
    written = markdown_of(text)
    assert r"One \(x^2\) here." in written
    assert "\n\n    \\[a = b\\]\n\n    After." in written.replace("\n\n\n", "\n\n")
    assert "    \\[c = d\\]\n\n    End." in written.replace("\n\n\n", "\n\n")


def test_sessions_are_code() -> None:
    text = "Does it.\n\n    >>> f([{'a': 1}])\n    [{'a': 1}]\n\n    Args:"
    assert markdown_of(text) == "Does it.\n\n    ```pycon\n    >>> f([{'a': 1}])\n    [{'a': 1}]\n    ```\n\n    Args:"


def test_papers_are_links() -> None:
    text = "Source: A. Author, 2018, arXiv:1712.08919. Max (1960, DOI 10.1109/TIT.1960.1057548)."
    written = markdown_of(text)
    assert "[arXiv:1712.08919](https://arxiv.org/abs/1712.08919)." in written
    assert "[doi:10.1109/TIT.1960.1057548](https://doi.org/10.1109/TIT.1960.1057548))" in written
    assert markdown_of(written) == written


def test_roles_are_plain_code() -> None:
    assert markdown_of(":class:`~feedback.Codec`") == "`feedback.Codec`"


def test_rendered_formulas_are_mathml() -> None:
    page = r'<p><span class="arithmatex">\(a &lt; b\)</span></p><div class="arithmatex">\[\frac{1}{2}\]</div>'
    shown = with_mathml(page)
    assert "arithmatex" not in shown
    assert shown.count("<math") == 2
    assert "<mfrac>" in shown
