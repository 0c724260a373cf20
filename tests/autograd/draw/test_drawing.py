"""Drawings are Digraphs that show and save themselves on any machine."""

import graphviz

from autograd import Drawing, Value, draw


def test_a_drawing_is_a_digraph():
    drawing = draw(Value(1.0) * 2.0)
    assert isinstance(drawing, Drawing)
    assert isinstance(drawing, graphviz.Digraph)
    assert drawing.source.startswith("digraph")
