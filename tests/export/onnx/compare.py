"""Checks models that tapegrad exported, DIR/NUMBER.onnx, and compares what they compute with what the library did, DIR/NUMBER.npz: by a small evaluator
beside this file, and by onnxruntime where Python has it. Reads the list that the exporting program wrote."""
import sys
from collections import Counter

import numpy as np
import onnx

import evaluate

try:
    import onnxruntime
    onnxruntime.set_default_logger_severity(4)
except ImportError:
    onnxruntime = None
TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}


def by_runtime(model, inputs):
    """None: it has no kernel for an op in this dtype, or stops at a division by 0 in integers, as the library's own functions do."""
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        names = [o.name for o in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs)))
    except Exception as e:
        if "NOT_IMPLEMENTED" in str(e) or "modulo by zero" in str(e):
            return None
        raise


def difference(got, want):
    """What is wrong, or None. Floats may differ by the tolerance times their own size or, where many were added up, that of the largest."""
    got = np.asarray(got)
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype} {list(got.shape)} instead of {want.dtype} {list(want.shape)}"
    if want.dtype not in TOLERANCE:
        return None if np.array_equal(got, want) else f"{got.reshape(-1)[:6]} instead of {want.reshape(-1)[:6]}"
    finite = np.isfinite(want)
    if not np.array_equal(np.where(finite, 0, got), np.where(finite, 0, want), equal_nan=True):
        return f"{got.reshape(-1)[:6]} instead of {want.reshape(-1)[:6]}"
    a, b = got[finite].astype(np.float64), want[finite].astype(np.float64)
    size = np.maximum(np.abs(b), min(1, np.abs(b).max(initial=0)))
    far, tolerance = np.abs(a - b), TOLERANCE[want.dtype]
    return None if (far <= tolerance * size + np.finfo(want.dtype).eps).all() else f"differs by {(far / np.maximum(size, 1e-300)).max():.3g}"


def compare(path, counts):
    """Errors of one model."""
    try:
        model = onnx.load(path + ".onnx")
        onnx.checker.check_model(model, full_check=True)
    except Exception as e:
        return [f"is refused: {str(e)[:300]}"]
    values = np.load(path + ".npz")
    inputs = {i.name: values[i.name] for i in model.graph.input}
    errors = []
    for name, run in (("NumPy", evaluate.evaluate), ("onnxruntime", onnxruntime and by_runtime)):
        if not run:
            continue
        try:
            got = run(model, inputs)
        except Exception as e:
            errors.append(f"{name}: {type(e).__name__}: {str(e)[:300]}")
            continue
        counts[name if got is not None else name + " has no kernel"] += 1
        for output in got or {}:
            wrong = difference(got[output], values[output])
            if wrong:
                errors.append(f"{name}, {output}: {wrong}")
    return errors


def main():
    directory, counts, failed = sys.argv[1], Counter(), 0
    for line in sys.stdin:
        number, name, dtype, status = line.rstrip("\n").split("\t")
        if status != "exported":
            counts["not exported"] += 1
            continue
        for error in compare(f"{directory}/{number}", counts):
            print(f"{number} {name} {dtype}: {error}")
            failed += 1
    print(", ".join(f"{k}: {n}" for k, n in counts.items()))
    return failed > 0 or not counts["NumPy"]


if __name__ == "__main__":
    sys.exit(main())
