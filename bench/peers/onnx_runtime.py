"""ONNX Runtime as a contender, for inference: python onnx_runtime.py --threads 2

The setting "binding" binds input and output once, so that a run copies nothing.
"""
import argparse

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import talk

THREADS = 1


def cifar_net(batch):
    """The net of PyTorch's tutorial, weights drawn as PyTorch draws them."""
    random = np.random.default_rng(42)
    weights, nodes = [], []

    def learnt(name, *shape):
        for suffix, s in (("weight", shape), ("bias", shape[:1])):
            bound = 1 / np.sqrt(np.prod(shape[1:]))
            values = random.uniform(-bound, bound, s).astype(np.float32)
            weights.append(numpy_helper.from_array(values, f"{name}.{suffix}"))
        return [f"{name}.weight", f"{name}.bias"]

    def node(op, name, inputs, **attributes):
        nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    x = "x"
    for i, (inner, outer) in enumerate(((3, 6), (6, 16)), 1):
        x = node("Conv", f"conv{i}", [x, *learnt(f"conv{i}", outer, inner, 5, 5)], kernel_shape=[5, 5])
        x = node("Relu", f"relu{i}", [x])
        x = node("MaxPool", f"pool{i}", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = node("Flatten", "flatten", [x])
    for i, (inner, outer) in enumerate(((400, 120), (120, 84), (84, 10)), 1):
        x = node("Gemm", f"fc{i}", [x, *learnt(f"fc{i}", outer, inner)], transB=1)
        if i < 3:
            x = node("Relu", f"relu_fc{i}", [x])
    graph = helper.make_graph(
        nodes, "cifar-net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 32, 32])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [batch, 10])],
        weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model, (batch, 3, 32, 32)


MODELS = {"cifar-net": cifar_net}


def prepare(work):
    if work.get("mode") != "infer":
        raise ValueError("ONNX Runtime only infers")
    model, shape = MODELS[work["model"]](work["batch"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
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
    talk.serve("ONNX Runtime", onnxruntime.__version__, THREADS, prepare)


if __name__ == "__main__":
    main()
