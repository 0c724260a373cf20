"""`explain`: what is printed is parsed again and evaluated, and must be the gradient."""

import copy
import math
import re

import numpy as np
import pytest

import autograd
import nn
from autograd import GraphError, Value, explain
from autograd.explain.equations import Equations
from autograd.explain.groups import grouped
from autograd.explain.ledger import Ledger
from autograd.explain.names import Names

SUB = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
FUNCTIONS = {
    "σ": lambda x: 1 / (1 + math.exp(-x)),
    "σ'": lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2,
    "tanh": math.tanh,
    "tanh'": lambda x: 1 - math.tanh(x) ** 2,
    "relu'": lambda x: float(x > 0),
    "sin": math.sin,
    "cos": math.cos,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "log": math.log,
    "softplus'": lambda x: 1 / (1 + math.exp(-x)),
    "gelu'": lambda x: (
        0.5 * math.erfc(-x / math.sqrt(2)) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    ),
}


def names_of(loss):
    """The number of every name that may stand in a formula: of nodes, and of their adjoints."""
    names, ledger = Names(loss), Ledger(loss)
    numbers = {}
    for node in autograd.topological(loss):
        name = names.text(node)
        numbers[name] = node.data
        if node in ledger:
            numbers[f"∂{names.loss}/∂{name}"] = ledger.adjoint[node]
            if name.startswith("z"):
                numbers["δ" + name[1:]] = ledger.adjoint[node]
    return numbers


def evaluate(text, numbers):
    """The number that a printed formula stands for: sums spelt out, then read by Python."""
    while "Σ" in text:
        start = text.rindex("Σ")
        letter, depth, end = text[start + 1], 0, start + 2
        while end < len(text):
            depth += (text[end] in "([") - (text[end] in ")]")
            if depth < 0 or (depth == 0 and text[end : end + 3] in (" + ", " - ")):
                break
            end += 1
        body, terms, k = text[start + 2 : end], [], 1
        plain = {"ₖ": "k", "ₙ": "n"}.get(letter, letter)
        while True:
            index = str(k).translate(SUB)
            comma = re.sub(f"{letter}(?=[₀-₉])", f"{index}," if k > 9 else index, body)
            comma = re.sub(f"(?<=[₀-₉]){letter}", f",{index}" if k > 9 else index, comma)
            term = comma.replace(letter, index).replace(f"[{plain}]", f"[{k}]")
            if not all(name in numbers for name in re.findall(NAME, term)):
                break
            terms.append(term)
            k += 1
        assert terms, body
        text = f"{text[:start]}({' + '.join(terms)}){text[end:]}"
    text = re.sub(
        r"softmax\((z[^()\[\]]*(?:⁽[⁰¹²³⁴⁵⁶⁷⁸⁹]+⁾)?)(\[\d+\])?\)([₀₁₂₃₄₅₆₇₈₉]+)",
        lambda match: repr(softmax(match, numbers)),
        text,
    )
    text = re.sub(
        NAME, lambda match: f"({numbers[match[0]]!r})" if match[0] in numbers else match[0], text
    )
    text = text.replace("·", "*").replace("²", "**2").replace("^", "**").replace("inf", "math.inf")
    for number, name in enumerate(sorted(FUNCTIONS, key=len, reverse=True)):
        text = re.sub(rf"(?<!\w){re.escape(name)}\(", f"f{number}(", text)
    scope = {
        f"f{n}": FUNCTIONS[name] for n, name in enumerate(sorted(FUNCTIONS, key=len, reverse=True))
    }
    return eval(text, {"math": math, **scope})


NAME = re.compile(
    r"(?:∂\w/∂)?[a-zA-Zδ]+'*(?:⁽[⁰¹²³⁴⁵⁶⁷⁸⁹]+⁾)?[₀₁₂₃₄₅₆₇₈₉]*(?:,[₀₁₂₃₄₅₆₇₈₉]+)?(?:\[\d+\])?(?![\w'(\[])"
)


def softmax(match, numbers):
    """The entry of a printed softmax."""
    stem, call, index = (
        match[1],
        match[2] or "",
        int(match[3].translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))),
    )
    entries, k = [], 1
    while (name := f"{stem}{str(k).translate(SUB)}{call}") in numbers:
        entries.append(math.exp(numbers[name]))
        k += 1
    return entries[index - 1] / sum(entries)


def from_latex(text):
    """The number of a line of LaTeX that has numbers alone."""
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", text)
    text = re.sub(r"10\^\{(-?\d+)\}", r"10.0**(\1)", text)
    text = re.sub(r"\^\{([^{}]*)\}", r"**(\1)", text)
    for sign, plain in (
        (r"\left(", "("),
        (r"\right)", ")"),
        (r"\cdot", "*"),
        (r"\infty", "math.inf"),
    ):
        text = text.replace(sign, plain)
    return eval(text, {"math": math})


def network(
    loss="half_squared_error", sizes=(3, 4, 2), n=1, activation="sigmoid", output="sigmoid", seed=0
):
    """A model, and its loss over n samples."""
    rng = np.random.default_rng(seed)
    model = nn.MLP(sizes[0], list(sizes[1:]), activation=activation, output=output, rng=rng)
    target = {
        "cross_entropy": lambda: int(rng.integers(sizes[-1])),
        "hinge": lambda: rng.choice([-1, 1], sizes[-1]).tolist(),
        "bce_with_logits": lambda: rng.integers(0, 2, sizes[-1]).tolist(),
    }.get(loss, lambda: rng.normal(size=sizes[-1]).tolist())
    losses = [nn.losses.LOSSES[loss](model(rng.normal(size=sizes[0])), target()) for _ in range(n)]
    return model, losses[0] if n == 1 else autograd.sum(losses) / n


CASES = [
    {},
    {"n": 3},
    {"sizes": (2, 1, 1), "n": 2},
    {"sizes": (1, 1)},
    {"sizes": (2, 3, 3, 2), "activation": "tanh", "output": "linear"},
    {"loss": "cross_entropy", "output": "linear", "activation": "relu"},
    {"loss": "cross_entropy", "output": "linear", "n": 2, "sizes": (2, 3, 12)},
    {"loss": "bce_with_logits", "output": "linear", "n": 2},
    {"loss": "hinge", "output": "linear", "activation": "tanh", "n": 2},
    {"loss": "mse", "output": "tanh", "sizes": (2, 2, 3)},
    {"loss": "mse", "output": "linear", "activation": "gelu"},
]
every_case = pytest.mark.parametrize("case", CASES, ids=str)


@every_case
def test_the_printed_formulas_evaluate_to_the_gradients(case):
    model, loss = network(**case)
    numbers = names_of(loss)
    loss.backward()
    for parameter in model.parameters():
        equations = explain(loss, wrt=parameter).equations
        assert equations[0].node is parameter
        for equation in equations:
            left, right = repr(equation.left), repr(equation.right)
            assert numbers[left] == equation.node.grad == equation.value
            value = evaluate(right, numbers)
            assert value == pytest.approx(equation.value, rel=1e-11, abs=1e-14), right


@every_case
def test_the_printed_numbers_evaluate_to_the_gradients(case):
    model, loss = network(**case)
    loss.backward()
    for parameter in model.parameters()[::3]:
        for equation in explain(loss, wrt=parameter).equations:
            lines = equation.text(digits=17, most=None).splitlines()
            if len(lines) == 3:
                value = eval(lines[1].lstrip(" =").replace("·", "*").replace("²", "**2"))
                assert value == pytest.approx(equation.node.grad, rel=1e-11, abs=1e-15)
            assert float(lines[-1].lstrip(" =").split("= ")[-1]) == equation.node.grad
            *_, numbers, result = equation.latex(digits=17, most=None).split("\\\\\n")
            for each in (numbers, result):
                if "delta" not in each and "partial" not in each:
                    value = from_latex(each.replace("&=", ""))
                    assert value == pytest.approx(equation.node.grad, rel=1e-11, abs=1e-15)


@every_case
def test_the_matrix_form_has_the_values_of_the_gradients(case):
    model, loss = network(**case)
    explanation = explain(loss, wrt=model)
    loss.backward()
    names = Names(loss)
    equations = {repr(each.left): each for each in explanation.backward}
    several = case.get("n", 1) > 1
    depth = len(case.get("sizes", (3, 4, 2))) - 1
    assert len(equations) == 3 * depth == len(explanation.backward)
    for layer, module in enumerate(model.layers, 1):
        mark = f"⁽{'⁰¹²³⁴'[layer]}⁾" if depth > 1 else ""
        weight, bias = equations[f"∂L/∂W{mark}"], equations[f"∂L/∂b{mark}"]
        np.testing.assert_allclose(weight.arrays[0], grads(module.weight), rtol=1e-11, atol=1e-15)
        np.testing.assert_allclose(bias.arrays[0], grads(module.bias), rtol=1e-11, atol=1e-15)
        delta = equations[f"δ{mark}[n]" if several else f"δ{mark}"]
        for array, call in zip(delta.arrays, names.layers[layer], strict=True):
            np.testing.assert_allclose(array, grads(np.array(call)), rtol=1e-11, atol=1e-15)
    for each in explanation.forward:
        layer = int("⁰¹²³⁴".index(repr(each.left)[2])) if depth > 1 else 1
        for array, call in zip(each.arrays, names.layers[layer], strict=True):
            nodes = call if repr(each.left)[0] == "z" else [activation_of(z, loss) for z in call]
            np.testing.assert_allclose(array, [node.data for node in nodes], rtol=1e-12)


def grads(nodes):
    return np.vectorize(lambda node: node.grad, otypes=[float])(nodes)


def activation_of(z, loss):
    return next(
        node
        for node in autograd.topological(loss)
        if node.parents == (z,) and node.label[:1] == "a"
    )


def lines(thing):
    return [line.rstrip() for line in str(thing).splitlines()]


def test_the_textbook_formulas_of_a_network():
    model, loss = network()
    text = lines(explain(loss, wrt=model))
    assert text == [
        "forward",
        "z⁽¹⁾ = W⁽¹⁾ x + b⁽¹⁾",
        "a⁽¹⁾ = σ(z⁽¹⁾)",
        "z⁽²⁾ = W⁽²⁾ a⁽¹⁾ + b⁽²⁾",
        "a⁽²⁾ = σ(z⁽²⁾)",
        "",
        "backward",
        "δ⁽²⁾ = (a⁽²⁾ - y) ⊙ σ'(z⁽²⁾)",
        "∂L/∂W⁽²⁾ = δ⁽²⁾ a⁽¹⁾ᵀ",
        "∂L/∂b⁽²⁾ = δ⁽²⁾",
        "δ⁽¹⁾ = (W⁽²⁾ᵀ δ⁽²⁾) ⊙ σ'(z⁽¹⁾)",
        "∂L/∂W⁽¹⁾ = δ⁽¹⁾ xᵀ",
        "∂L/∂b⁽¹⁾ = δ⁽¹⁾",
    ]


def first_lines(explanation):
    return [
        repr(group.left) + " = " + repr(group.right) for group in grouped(explanation.equations)
    ]


def test_the_textbook_formulas_of_one_weight_and_bias():
    model, loss = network()
    assert first_lines(explain(loss, wrt=model.layers[0].weight[1, 0])) == [
        "∂L/∂w⁽¹⁾₂₁ = δ⁽¹⁾₂ · x₁",
        "δ⁽¹⁾₂ = (Σₖ w⁽²⁾ₖ₂ · δ⁽²⁾ₖ) · σ'(z⁽¹⁾₂)",
        "δ⁽²⁾ₖ = (a⁽²⁾ₖ - yₖ) · σ'(z⁽²⁾ₖ)",
    ]
    assert first_lines(explain(loss, wrt=model.layers[1].bias[0])) == [
        "∂L/∂b⁽²⁾₁ = δ⁽²⁾₁",
        "δ⁽²⁾₁ = (a⁽²⁾₁ - y₁) · σ'(z⁽²⁾₁)",
    ]


@pytest.mark.parametrize(
    ("loss", "delta"),
    [
        ("half_squared_error", "δ⁽²⁾ = z⁽²⁾ - y"),
        ("mse", "δ⁽²⁾ = 2/3 · (z⁽²⁾ - y)"),
        ("bce_with_logits", "δ⁽²⁾ = 1/3 · (σ(z⁽²⁾) - y)"),
        ("hinge", "δ⁽²⁾ = -1/3 · (relu'(1 - y ⊙ z⁽²⁾) ⊙ y)"),
        ("cross_entropy", "δ⁽²⁾ = softmax(z⁽²⁾) - onehot(y)"),
    ],
)
def test_delta_at_the_output_of_every_loss(loss, delta):
    model, value = network(loss, (2, 4, 3), output="linear")
    assert delta in lines(explain(value, wrt=model.layers[1]))


def test_a_batch_sums_over_its_samples():
    model, loss = network("cross_entropy", (2, 3, 3), n=4, output="linear", activation="tanh")
    assert lines(explain(loss, wrt=model))[-6:] == [
        "δ⁽²⁾[n] = 0.25 · (softmax(z⁽²⁾[n]) - onehot(y[n]))",
        "∂L/∂W⁽²⁾ = Σₙ δ⁽²⁾[n] a⁽¹⁾[n]ᵀ",
        "∂L/∂b⁽²⁾ = Σₙ δ⁽²⁾[n]",
        "δ⁽¹⁾[n] = (W⁽²⁾ᵀ δ⁽²⁾[n]) ⊙ tanh'(z⁽¹⁾[n])",
        "∂L/∂W⁽¹⁾ = Σₙ δ⁽¹⁾[n] x[n]ᵀ",
        "∂L/∂b⁽¹⁾ = Σₙ δ⁽¹⁾[n]",
    ]


def test_weight_decay_adds_its_own_term():
    model, loss = network(sizes=(2, 3, 1))
    loss = loss + 0.05 * autograd.sum([p * p for p in model.parameters()])
    explanation = explain(loss, wrt=model)
    assert "∂L/∂W⁽²⁾ = δ⁽²⁾ a⁽¹⁾ᵀ + 0.1 · W⁽²⁾" in lines(explanation)
    loss.backward()
    np.testing.assert_allclose(
        explanation.backward[1].arrays[0], grads(model.layers[1].weight), rtol=1e-12
    )


def test_a_graph_outside_nn_uses_its_labels():
    a, b, c = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c")
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    f = Value(-2.0, label="f")
    loss = d * f
    loss.label = "L"
    assert first_lines(explain(loss, wrt=a)) == ["∂L/∂a = ∂L/∂e · b", "∂L/∂e = ∂L/∂d", "∂L/∂d = f"]
    assert lines(explain(loss, wrt=a))[:3] == [
        "∂L/∂a = ∂L/∂e · b",
        "      = (-2) · (-3)",
        "      = 6",
    ]


def test_names_are_made_up_where_there_is_none_and_defined():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    product = a * b
    loss = product.tanh() * product + a
    text = str(explain(loss, wrt=a))
    assert text.startswith("∂L/∂a = ∂L/∂v₁ · b + 1\n")
    assert "where v₁ = a · b" in text


@pytest.mark.parametrize("seed", range(40))
def test_the_equations_of_random_graphs_hold(seed, random_graph):
    loss, leaves = random_graph(seed)
    equations = Equations(ledger := Ledger(loss))
    for node in ledger:
        if node is not loss:
            scale = max((abs(t.product) for t in ledger.terms(node)), default=0.0)
            value = equations[node].right.value
            assert value == pytest.approx(ledger.adjoint[node], rel=1e-10, abs=1e-10 * scale)
    for leaf in leaves:
        if leaf in ledger:
            explanation = explain(loss, leaf)
            assert sum(term.product for term in explanation.terms) == explanation.gradient
            assert explanation.text()
            assert explanation.latex()


def test_the_products_of_all_paths_sum_to_the_gradient():
    model, loss = network(sizes=(2, 3, 3, 2), n=2)
    explanation = explain(loss, wrt=model.layers[0].weight[0, 0])
    paths = explanation.paths(limit=None)
    assert len(paths) == explanation.n_paths == 2 * 3 * 2
    assert sum(path.product for path in paths) == pytest.approx(explanation.gradient, rel=1e-12)
    for path in paths:
        assert path.nodes[0] is model.layers[0].weight[0, 0]
        assert path.nodes[-1] is loss
        assert math.prod(path.factors) == pytest.approx(path.product, rel=1e-12)


def test_very_many_paths_are_counted_and_not_listed():
    x = y = Value(1.0, label="x")
    for _ in range(60):
        y = y + y
    explanation = explain(y, x)
    assert explanation.n_paths == 2**60
    assert len(explanation.paths(limit=3)) == 3
    assert "1,152,921,504,606,846,976 paths" in str(explanation) or "about 10^18" in str(
        explanation
    )
    with pytest.raises(ValueError, match="give paths\\(\\) a limit"):
        explanation.paths(limit=None)
    with pytest.raises(ValueError, match="at least 1"):
        explanation.paths(limit=0)


def kinds(loss, node):
    return [(finding.kind, finding.node) for finding in explain(loss, node).findings]


def test_it_says_where_a_gradient_dies():
    x = Value(-1.0, label="x")
    dead = x.relu()
    assert kinds(3.0 * dead + 0.0 * x.sin(), x)[0][0] == "dies"
    finding, other = explain(3.0 * dead + x.floor(), x).findings
    assert {finding.node.op.name, other.node.op.name} == {"relu", "floor"}
    assert "relu'(x) = 0 at x = -1" in f"{finding} {other}"
    assert kinds(3.0 * dead + x, x) == []


def test_it_says_where_a_gradient_fades_and_explodes():
    x = Value(12.0, label="x")
    saturated = x.sigmoid()
    (finding,) = explain(2.0 * saturated, x).findings
    assert (finding.kind, finding.node) == ("fades", saturated)
    assert finding.factor == saturated.partials[0]
    big = 1e6 * x
    (finding,) = explain(big + x, x).findings
    assert (finding.kind, finding.node) == ("explodes", big)


def test_it_says_where_a_gradient_stops_being_a_number():
    x = Value(0.0, label="x")
    root = x.sqrt()
    assert kinds(root + x, x) == [("not finite", root)]
    log = (x * 2.0).log()
    assert kinds(3.0 * (log + x), x) == [("not finite", log)]
    assert "log'(2 · x) = inf at 2 · x = 0" in explain(log, x).findings[0].sentence
    huge = x + 1e308
    assert kinds(huge * 10.0 * 1e308 * 1e308, x)[0][0] == "not finite"


def test_it_says_that_terms_cancel():
    x = Value(1.0, label="x")
    (finding,) = explain(x * x - 2.0 * x, x).findings
    assert finding.kind == "cancels"
    assert "largest is 2 in size" in finding.sentence
    assert kinds(x * x - x, x) == []


def test_looking_changes_nothing():
    model, loss = network(n=2)
    loss.backward()
    before = [(node.data, node.grad) for node in autograd.topological(loss)]
    explanation = explain(loss, wrt=model.layers[0].weight[0, 0])
    explanation.text(), explanation.latex(), explanation.paths(), explanation.findings
    explain(loss, wrt=model).text()
    assert [(node.data, node.grad) for node in autograd.topological(loss)] == before


def test_the_recorded_numbers_are_used_when_a_leaf_has_changed():
    x, w = Value(2.0, label="x"), Value(3.0, label="w")
    loss = w * x
    x.data = 100.0
    assert explain(loss, w).gradient == 2.0
    assert lines(explain(loss, w))[:2] == ["∂L/∂w = x", "      = 2"]


def test_layers_and_arrays_can_be_asked_for():
    model, loss = network()
    second = explain(loss, wrt=model.layers[1])
    assert [repr(each.left) for each in second.backward] == ["δ⁽²⁾", "∂L/∂W⁽²⁾", "∂L/∂b⁽²⁾"]
    weight = explain(loss, wrt=model.layers[0].weight)
    assert [repr(each.left) for each in weight.backward] == ["δ⁽²⁾", "δ⁽¹⁾", "∂L/∂W⁽¹⁾"]
    assert lines(weight)[-1] == "∂L/∂W⁽¹⁾ = δ⁽¹⁾ xᵀ"


def test_layers_that_are_not_of_one_form_are_told_one_by_one():
    model = nn.Linear(2, 2, rng=0)
    z = model([0.5, -1.0])
    loss = z[0].tanh() + z[1].sin() * z[0]
    text = str(explain(loss, wrt=model))
    assert "δ₁ = tanh'(z₁) + sin(z₂)" in text
    assert "δ₂ = cos(z₂) · z₁" in text or "δ₂ = z₁ · cos(z₂)" in text


def test_tied_weights_and_inputs_with_gradients():
    model = nn.Linear(2, 2, rng=0)
    x = [Value(0.5), Value(-0.25)]
    loss = nn.half_squared_error(model(model(x)), [1.0, 0.0])
    numbers = names_of(loss)
    loss.backward()
    for node in [*model.parameters(), *x]:
        for equation in explain(loss, wrt=node).equations:
            assert evaluate(repr(equation.right), numbers) == pytest.approx(
                equation.node.grad, rel=1e-12
            )
    assert explain(loss, wrt=model).text()


@pytest.mark.parametrize(
    "op", [op for op in autograd.TABLE.values() if op.arity], ids=lambda op: op.name
)
def test_every_function_can_be_explained(op):
    args = [Value((low + high) / 2 + 0.01 * n) for n, (low, high) in enumerate(op.domain)]
    loss = 2.0 * op(*args) + 1.0
    for arg in args:
        explanation = explain(loss, arg)
        loss.backward()
        assert explanation.equations[0].right.value == pytest.approx(
            explanation.gradient, rel=1e-13
        )
        assert explanation.text()
        assert explanation.latex()


def test_a_custom_op_is_called_by_its_name():
    double = autograd.custom_op("double", lambda x: 2.0 * x, lambda y, x: 2.0)
    x = Value(3.0, label="x")
    assert first_lines(explain(double(x) * 4.0, x)) == ["∂L/∂x = 4 · double'(x)"]


def test_a_deep_graph_needs_no_recursion():
    x = y = Value(0.5, label="x")
    for _ in range(20_000):
        y = y + 0.0
    explanation = explain(y, x)
    assert explanation.n_paths == 1
    assert "and " in explanation.text()


def test_notebooks_show_it():
    model, loss = network()
    for explanation in (explain(loss, wrt=model), explain(loss, wrt=model.layers[0].weight[0, 0])):
        assert explanation._repr_latex_().startswith("$$\\begin{aligned}")
        assert "δ⁽¹⁾" in explanation._repr_html_()
        assert "explanation of" in repr(explanation)
    x = Value(1.0, label="<b>x</b>")
    assert "<b>" not in explain(x * 2.0, x)._repr_html_()


def test_labels_cannot_break_the_latex():
    x = Value(1.0, label=r"\input{a}$_%#&~^{}")
    latex = explain(x * 2.0, x).latex()
    assert r"\input" not in latex
    assert latex.count("{") == latex.count("}")


def test_what_cannot_be_explained_is_said():
    x, other = Value(1.0, label="x"), Value(2.0, label="other")
    loss = x * 2.0
    with pytest.raises(GraphError, match="was not computed from it"):
        explain(loss, other)
    constant = Value(1.0, requires_grad=False)
    with pytest.raises(GraphError, match="a constant"):
        explain(x * constant, constant)
    with pytest.raises(GraphError, match="is a constant"):
        explain(constant * 2.0, x)
    with pytest.raises(TypeError, match="wrt="):
        explain(loss, "x")
    with pytest.raises(TypeError, match="no Values"):
        explain(loss, [])
    with pytest.raises(TypeError, match="end of a graph"):
        explain(2.0, x)


def test_the_end_itself_has_the_gradient_1():
    x = Value(2.0)
    loss = x * x
    explanation = explain(loss, loss)
    assert (explanation.gradient, explanation.terms, explanation.n_paths) == (1.0, [], 1)
    assert "its gradient is 1" in str(explanation)


def test_explanations_can_be_copied_along_with_their_graph():
    x = Value(2.0, label="x")
    explanation = explain(x * x, x)
    assert copy.deepcopy(explanation).text() == explanation.text()


def test_a_name_with_an_exponent_is_set_in_parentheses_before_another():
    model = nn.MLP(1, [1, 1], "tanh", rng=0)
    (z,) = model([0.5])
    latex = explain(z.square() * z, wrt=model.layers[1].bias[0]).latex()
    assert r"\left(z^{(2)}_{1}\right)^{2}" in latex


def test_what_has_a_matrix_form_keeps_it_where_the_rest_has_none():
    model = nn.MLP(2, [3, 2], "tanh", rng=0)
    z = model([1.0, 2.0])
    text = lines(explain(z[0] ** 2 + z[1].square() * z[0], wrt=model))
    assert "δ⁽²⁾₂ = 2 · z⁽²⁾₁ · z⁽²⁾₂" in text
    assert "∂L/∂W⁽²⁾ = δ⁽²⁾ a⁽¹⁾ᵀ" in text
