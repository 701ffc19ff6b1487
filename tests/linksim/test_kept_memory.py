"""Memory of arrays that are gone serves the next ones, and garbage is left alone only while modules are imported."""

import gc
import subprocess
import sys

import pytest

from linksim.execution.garbage import no_collection

_PROGRAM = """
import ctypes, os, resource
from linksim.execution.kept_memory import keep_memory
keep_memory()
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        array = library.malloc(2**24)
        ctypes.memset(array, 1, 2**24)
        library.free(array)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="page faults of glibc's malloc")
@pytest.mark.parametrize(
    ("variables", "keeps"), [({}, True), ({"MALLOC_TRIM_THRESHOLD_": "0"}, False)], ids=["default", "set by the user"]
)
def test_memory_of_an_array_serves_the_next_one(variables: dict[str, str], keeps: bool) -> None:
    program = [sys.executable, "-c", _PROGRAM]
    pages = int(subprocess.run(program, capture_output=True, text=True, check=True, env=variables).stdout)
    # 4096 pages of 4 KiB each time.
    assert pages < 100 if keeps else pages > 10_000


def test_imports_end_with_garbage_being_collected() -> None:
    with no_collection():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), no_collection():
        raise ImportError("no such module")
    assert gc.isenabled()
