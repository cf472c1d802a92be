"""The allocator's setting, in a process of its own: it holds for the whole process."""

import subprocess
import sys

SCRIPT = """
import ctypes, sys
from bridge.common.allocator import give_large_blocks_back

class Counts(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keep")]

mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Counts
if sys.argv[1] == "set":
    assert give_large_blocks_back()
for _ in range(3):
    bytearray(20_000_000)  # freed: by default the size from which blocks have pages of their own is now 20 MB
before = mallinfo().hblks
kept = bytearray(10_000_000)  # no free place in the heap is that large
print(mallinfo().hblks - before)
"""


def blocks(setting: str) -> int:
    """Blocks with pages of their own that 10 MB took."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, setting], capture_output=True, text=True, check=True, timeout=60
    )
    return int(ran.stdout)


def test_large_blocks_have_pages_of_their_own() -> None:
    assert (blocks("default"), blocks("set")) == (0, 1)
