"""Removing outputs from a network, and the operators that compute nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Offsets, in a graph's table, of the entries for these lists; from the schema of .tflite files.
_OUTPUTS, _OPERATORS = 8, 10


def keep_outputs(content: bytes, numbers: Sequence[int]) -> bytes:
    """The content of a .tflite file -> the same network with only the outputs `numbers`, in this order.

    Only the lists of outputs and operators become shorter; all other bytes stay, and so do the values of the outputs.
    """
    from ai_edge_litert import schema_py_generated as schema
    graph = schema.Model.GetRootAsModel(content, 0).Subgraphs(0)
    assert graph is not None    # a network has one
    outputs = [int(graph.Outputs(number)) for number in numbers]
    needed, used = set(outputs), []
    for number in reversed(range(graph.OperatorsLength())):
        operator = graph.Operators(number)
        assert operator is not None
        if needed.intersection(operator.Outputs(k) for k in range(operator.OutputsLength())):
            needed.update(operator.Inputs(k) for k in range(operator.InputsLength()))
            used.insert(0, number)

    # A list is its length, followed by its elements. An element of the operators' is the distance from its own place to
    # the operator, which grows by 4 bytes for every place that the element moves to the front.
    edited = bytearray(content)
    start = _first_element(graph, _OUTPUTS)
    edited[start - 4:start + 4 * len(outputs)] = np.array([len(outputs), *outputs], '<i4').tobytes()
    start = _first_element(graph, _OPERATORS)
    distances = np.frombuffer(content, '<u4', graph.OperatorsLength(), start)
    moved = [int(distances[number]) + 4 * (number - place) for place, number in enumerate(used)]
    edited[start - 4:start + 4 * len(used)] = np.array([len(used), *moved], '<u4').tobytes()
    return bytes(edited)


def _first_element(graph, entry):
    return graph._tab.Vector(graph._tab.Offset(entry))
