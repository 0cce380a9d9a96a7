"""ONNX Runtime as a contender, for inference: python onnx_runtime.py --threads 2

The setting "binding" binds input and output once, so that a run copies nothing.
"""
import argparse
import io

import numpy as np
import onnxruntime
import torch

import talk
from nets import MODELS, cost

THREADS = 1


def exported(work):
    """The model as PyTorch exports it, with random weights, and the shape of its input."""
    twin = MODELS[work["model"]]
    size = work.get("size") or twin.size
    shape = (work["batch"], 3, size, size)
    net = twin.net(size).eval()
    talk.tell(**cost(net, size))
    model = io.BytesIO()
    torch.onnx.export(net, (torch.zeros(shape),), model, input_names=["x"], dynamo=False)
    return model.getvalue(), shape


def prepare(work):
    if work.get("mode") != "infer":
        raise ValueError("ONNX Runtime only infers")
    model, shape = exported(work)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(42).random(shape, dtype=np.float32)
    output = session.get_outputs()[0].name
    if "binding" not in work.get("settings", []):
        feeds, wanted = {"x": x}, [output]
        return lambda: session.run(wanted, feeds)
    y = onnxruntime.OrtValue.ortvalue_from_shape_and_type([shape[0], 10], np.float32)
    bound = session.io_binding()
    bound.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(x))
    bound.bind_ortvalue_output(output, y)
    return lambda: session.run_with_iobinding(bound)


def main():
    global THREADS
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, required=True)
    THREADS = parser.parse_args().threads
    torch.set_num_threads(1)  # it only exports
    talk.serve("ONNX Runtime", onnxruntime.__version__, THREADS, prepare)


if __name__ == "__main__":
    main()
