"""Sionna is imported without PyTorch's compiler, and what it decorates is compiled when it is called."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from channels.sources.sionna.deferred_compilation import deferred_compilation


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, Any]]]:
    """What was compiled, or kept from it, with which options; in place of PyTorch's compiler."""
    seen: list[tuple[str, str, dict[str, Any]]] = []

    def decorator(what: str) -> Callable[..., Any]:
        def decorate(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
            seen.append((what, function.__name__, options))
            return lambda *arguments: (what, function(*arguments))

        return decorate

    monkeypatch.setattr(torch, "compile", decorator("compiled"))
    monkeypatch.setattr(torch.compiler, "disable", decorator("disabled"))
    return seen


def test_functions_are_compiled_when_they_are_first_called(
    made: list[tuple[str, str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.compile, torch.compiler.disable
    with deferred_compilation():

        class Block:
            @torch.compile
            def twice(self, x: int) -> int:
                """Documented."""
                return 2 * x

            @torch.compile(fullgraph=True)
            def thrice(self, x: int) -> int:
                return 3 * x

            @torch.compiler.disable
            def plain(self, x: int) -> int:
                return x

            @torch.compiler.disable(recursive=False)
            def alone(self, x: int) -> int:
                return -x

    assert (torch.compile, torch.compiler.disable) == before
    assert not made
    assert Block.twice.__doc__ == "Documented."
    for _ in range(2):
        assert (Block().twice(1), Block().thrice(1)) == (("compiled", 2), ("compiled", 3))
    assert made == [("compiled", "twice", {}), ("compiled", "thrice", {"fullgraph": True})]
    assert (Block().plain(1), Block().alone(1)) == (1, -1)
    assert len(made) == 2
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert (Block().plain(1), Block().alone(1)) == (("disabled", 1), ("disabled", -1))
    assert made[2:] == [("disabled", "plain", {}), ("disabled", "alone", {"recursive": False})]


@pytest.mark.validate
def test_sionna_comes_without_the_compiler() -> None:
    program = "import sys, channels.sources.sionna.models; print('torch._dynamo' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
