"""Attention: matrix products of two arrays that both vary with the sample."""

import numpy as np
import pytest

import autograd
from autograd import Value, compile

torch = pytest.importorskip("torch")


def weights(dimension, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(size=(dimension, dimension)) / np.sqrt(dimension)
        for name in ("query", "key", "value")
    }


def attention(tables, heads):
    """Σ o² of scaled dot-product attention (Vaswani et al. 2017, equation 1), head by head."""
    leaves = {
        name: [
            [Value(w, f"{name}[{i}][{j}]") for j, w in enumerate(row)] for i, row in enumerate(W)
        ]
        for name, W in tables.items()
    }

    def loss(tokens):
        q, k, v = (
            [[autograd.dot(row, list(token)) for row in W] for token in tokens]
            for W in leaves.values()
        )
        size = len(q[0]) // heads
        total = 0.0
        for head in range(heads):
            own = slice(head * size, (head + 1) * size)
            for query in q:
                scores = [autograd.dot(query[own], key[own]) * size**-0.5 for key in k]
                shares = autograd.softmax(scores)
                for c in range(own.start, own.stop):
                    total = total + autograd.dot(shares, [row[c] for row in v]) ** 2
        return total

    return loss


def by_torch(tables, X, heads):
    W = {name: torch.tensor(each, requires_grad=True) for name, each in tables.items()}
    x = torch.tensor(X)
    parts = [(x @ each.T).unflatten(-1, (heads, -1)).transpose(1, 2) for each in W.values()]
    q, k, v = parts
    shares = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, -1)
    value = ((shares @ v) ** 2).sum() / len(X)
    value.backward()
    return value.item(), {name: each.grad.numpy() for name, each in W.items()}


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("samples", [1, 7])
def test_attention_agrees_with_pytorch(heads, samples):
    tables = weights(6)
    program = compile(attention(tables, heads), in_axes=0, reduce="mean")
    for seed in (1, 2):
        X = np.random.default_rng(seed).normal(size=(samples, 5, 6))
        value, gradients = program.value_and_grad(X)
        expected, wanted = by_torch(tables, X, heads)
        assert value == pytest.approx(expected, rel=1e-12)
        found = np.concatenate([each.ravel() for each in gradients.values()])
        flat = np.concatenate([each.ravel() for each in wanted.values()])
        assert np.abs(found - flat).max() <= 1e-12 * np.abs(flat).max()
        alone = program(X)  # from the printed source
        assert np.mean(alone) == pytest.approx(expected, rel=1e-12)


def test_scores_and_values_are_matrix_products_of_each_sample():
    lines = []
    for tokens in (4, 9):
        program = compile(attention(weights(6), 1), in_axes=0, reduce="mean")
        program.value_and_grad(np.random.default_rng(0).normal(size=(3, tokens, 6)))
        lines.append(program.passes["calls"].splitlines())
        assert program.source.count("np.einsum(") == 6  # two forwards, two for each backwards
        assert ".max(axis=0)" in program.source  # the shift of the softmax, at once
        assert r"\top" in program.formulas()
    assert len(lines[0]) == len(lines[1])
    assert sum("matmul(" in line for line in lines[0]) == 6
    assert not any("scatter" in line for line in lines[0])


def test_a_product_of_a_matrix_and_a_vector_of_each_sample_is_no_such_product():
    def pooled(rows, w):
        return autograd.sum([autograd.dot(row, w) ** 2 for row in rows])

    program = compile(lambda x: pooled([[a * x[0] for a in x] for _ in range(2)], x), in_axes=0)
    rng = np.random.default_rng(0)
    program.value_and_grad(rng.normal(size=(4, 3)))
    assert "einsum" not in program.source


def test_what_is_not_finite_is_as_the_engine_has_it():
    tables = weights(4)
    f = attention(tables, 1)
    X = np.random.default_rng(0).normal(size=(3, 4, 4))
    X[1, 2, 3] = np.inf
    found = compile(f, in_axes=0)(X)
    expected = [float(f([[Value(each) for each in token] for token in sample])) for sample in X]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
