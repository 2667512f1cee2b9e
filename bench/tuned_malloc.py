"""PyTorch with a C library that keeps all memory, which it otherwise returns to the system and gets back as fresh pages step by step."""
import os
import sys

SETTINGS = "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184"  # no block of its own pages; nothing goes back


def restart():
    """The settings are read before a program's first instruction: this one starts anew with them. To be called before PyTorch is loaded."""
    if os.environ.get("GLIBC_TUNABLES") != SETTINGS:
        os.environ["GLIBC_TUNABLES"] = SETTINGS
        os.execv(sys.executable, [sys.executable, *sys.argv])
