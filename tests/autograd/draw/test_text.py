"""The graph as text, for a terminal."""

from autograd import Value, draw


def test_a_tree_from_the_root_to_the_leaves():
    a, b, c = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c")
    d = a * b + c
    d.label = "d"
    d.backward()
    assert draw(d).text().splitlines() == [
        "d [+]  data 4  grad 1",
        "├─ ∂ 1  ×  data -6  grad 1",
        "│  ├─ ∂ -3  a [input]  data 2  grad -3",
        "│  └─ ∂ 2  b [parameter]  data -3  grad 2",
        "└─ ∂ 1  c [input]  data 10  grad 1",
    ]


def test_what_is_used_twice_is_shown_once_and_referred_to():
    x = Value(3.0, "x")
    s = x * x
    y = s + s.tanh()
    y.backward()
    lines = draw(y).text().splitlines()
    assert sum(line.endswith("(see above)") for line in lines) == 1
    assert sum("#1 ×" in line for line in lines) == 2
    assert sum("#0 x" in line for line in lines) == 2


def test_a_deep_graph_is_a_list():
    y = Value(0.5, "x")
    for _ in range(40):
        y = (y * 0.9).tanh()
    y.backward()
    lines = draw(y, max_nodes=None).text().splitlines()
    assert lines[0].startswith("#0 x")
    assert lines[2].startswith("#2 ×")
    assert "from #0 (∂ 0.9), #1 (∂ 0.5)" in lines[2]


def test_labels_stay_in_their_line():
    y = Value(1.0, "two\nlines\x1b[31m") * 2.0
    text = draw(y).text()
    assert len(text.splitlines()) == 4  # the notice, and three nodes
    assert "\x1b" not in text
    assert "two⏎lines" in text
