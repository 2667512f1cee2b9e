# compare.py COPY LIBRARY DIRECTORY - files go from NumPy through the program COPY to NumPy again, and tensors through DLPack both ways: the same bits.
import ctypes
import os
import subprocess
import sys
import warnings

import numpy as np

copy, library, directory = sys.argv[1:4]
wider = {"float16": "f4", "int8": "i2", "uint16": "i4", "uint32": "i8"}


def arrays():
    bits = np.random.default_rng(1)
    for kind in "f4 f8 i8 i4 i2 u1 ? f2 i1 u2 u4".split():
        for shape in [(), (0,), (7,), (3, 4), (2, 3, 0), (2, 1, 3, 2)]:
            size = np.dtype(kind).itemsize * int(np.prod(shape))
            raw = bits.integers(0, 2 if kind == "?" else 256, size, dtype="u1").tobytes()
            a = np.frombuffer(raw, kind).reshape(shape)
            if a.dtype.kind == "f":
                a = np.where(np.isnan(a), a.dtype.type(1), a)  # widening makes NaN quiet
            for order in "CF":
                for swap in [False, True]:
                    b = np.array(a, order=order)
                    yield b.astype(b.dtype.newbyteorder(">")) if swap else b


def same(got, want):
    want = want.astype(want.dtype.newbyteorder("="))
    if want.dtype.name in wider:
        want = want.astype(wider[want.dtype.name])
    assert got.dtype == want.dtype and got.shape == want.shape, (got.dtype, want.dtype, got.shape, want.shape)
    assert np.ascontiguousarray(got).tobytes() == np.ascontiguousarray(want).tobytes(), (got, want)


def run(*arguments):
    subprocess.run([copy, *arguments], check=True)


def files():
    source, target = os.path.join(directory, "a"), os.path.join(directory, "b")
    everything = list(arrays())
    for a in everything[::3]:
        for version in [(1, 0), (2, 0), (3, 0)]:
            with open(source + ".npy", "wb") as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # versions that old readers do not know
                np.lib.format.write_array(file, a, version)
            run(source + ".npy", target + ".npy")
            same(np.load(target + ".npy"), a)
            with open(target + ".npy", "rb") as file:
                assert np.lib.format.read_magic(file) == (1, 0)
    for begin in range(0, len(everything), 60):
        part = {f"n/{i}": a for i, a in enumerate(everything[begin : begin + 60])}
        for save in [np.savez, np.savez_compressed]:
            save(source + ".npz", **part)
            for more in [[], ["deflated"]]:
                run(source + ".npz", target + ".npz", *more)
                with np.load(target + ".npz") as got:
                    assert sorted(got) == sorted(part)
                    for name, a in part.items():
                        same(got[name], a)


class Library:
    def __init__(self):
        self.c = ctypes.CDLL(library)
        for name in ["tg_tape_new", "tg_from_dlpack", "tg_to_dlpack", "tg_data"]:
            getattr(self.c, name).restype = ctypes.c_void_p
        self.tape = ctypes.c_void_p(self.c.tg_tape_new(None))


class Exported:
    """What numpy.from_dlpack asks."""

    def __init__(self, managed):
        self.managed = managed

    def __dlpack__(self, stream=None):
        new = ctypes.pythonapi.PyCapsule_New
        new.restype = ctypes.py_object
        new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(self.managed, b"dltensor", None)

    def __dlpack_device__(self):
        return (1, 0)


def tensors():
    if not hasattr(np, "from_dlpack"):
        return
    l = Library()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype = ctypes.c_void_p
    pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    rename = ctypes.pythonapi.PyCapsule_SetName
    rename.argtypes = [ctypes.py_object, ctypes.c_char_p]
    base = np.arange(24.0).reshape(2, 3, 4)
    taken = b"used_dltensor"
    for a in [base, base.T, base[:, ::2], base[1], base[:, :, 3], base.astype("f4"), base.astype("i8"), base.astype("i2"), base.astype("u1")]:
        capsule = a.__dlpack__()
        x = ctypes.c_void_p(l.c.tg_from_dlpack(l.tape, ctypes.c_void_p(pointer(capsule, b"dltensor"))))
        assert x.value
        rename(capsule, taken)  # the tape calls the deleter
        b = np.from_dlpack(Exported(l.c.tg_to_dlpack(x)))
        assert b.dtype == a.dtype and b.shape == a.shape and (b == a).all()
        del b
        assert l.c.tg_reset(l.tape) == 0
    l.c.tg_tape_free(l.tape)


files()
if library:
    tensors()
