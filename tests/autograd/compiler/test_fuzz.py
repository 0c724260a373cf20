"""Random programs: compiled, run twice, beside the engine and beside PyTorch.

A bounded number of them in the suite; in full with ``make fuzz``, which runs this file.
"""

import argparse
import itertools
import math
import random
import sys

import numpy as np
import pytest

import autograd
from autograd import Value

TOLERANCE = 1e-11


class Ours:
    """The functions that programs are written with, for Values."""

    tanh, relu, exp, sigmoid, sqrt = (
        autograd.tanh, autograd.relu, autograd.exp, autograd.sigmoid, autograd.sqrt,
    )  # fmt: skip
    sin, square, maximum, log1p, logsumexp = (
        autograd.sin, autograd.square, autograd.maximum, autograd.log1p, autograd.logsumexp,
    )  # fmt: skip
    minimum, absolute, softplus, arctan, silu = (
        autograd.minimum, autograd.absolute, autograd.softplus, autograd.arctan, autograd.silu,
    )  # fmt: skip
    total, dot, mean, prod, norm = (
        autograd.sum, autograd.dot, autograd.mean, autograd.prod, autograd.norm,
    )  # fmt: skip


class Torch:
    """The same for scalar tensors."""

    def __init__(self):
        import torch

        self.torch = torch
        self.tanh, self.relu, self.exp, self.sigmoid = (
            torch.tanh, torch.relu, torch.exp, torch.sigmoid,
        )  # fmt: skip
        self.sqrt, self.sin, self.square = torch.sqrt, torch.sin, torch.square
        self.log1p, self.absolute, self.arctan = torch.log1p, torch.abs, torch.arctan
        self.softplus, self.silu = torch.nn.functional.softplus, torch.nn.functional.silu

    def leaf(self, number):
        return self.torch.tensor(number, dtype=self.torch.float64, requires_grad=True)

    def _tensor(self, x):
        return (
            x
            if isinstance(x, self.torch.Tensor)
            else self.torch.tensor(x, dtype=self.torch.float64)
        )

    def _stack(self, x):
        return self.torch.stack([self._tensor(each) for each in x])

    def maximum(self, a, b):
        return self.torch.maximum(self._tensor(a), self._tensor(b))

    def minimum(self, a, b):
        return self.torch.minimum(self._tensor(a), self._tensor(b))

    def logsumexp(self, x):
        return self.torch.logsumexp(self._stack(x), 0)

    def total(self, x):
        return self._stack(x).sum()

    def mean(self, x):
        return self._stack(x).mean()

    def prod(self, x):
        return self._stack(x).prod()

    def norm(self, x):
        return self.torch.linalg.vector_norm(self._stack(x))

    def dot(self, w, x):
        return self.torch.dot(self._stack(w), self._stack(x))


# -- the kinds of programs: each takes the functions, the parameters and the inputs ------------


def affine(F, P, x, style, shuffle=None):
    """wᵀx + b in one of many ways of writing."""
    w, b = [next(P) for _ in x], next(P)
    pairs = list(zip(w, x, strict=True))
    if style == "shuffled":
        shuffle.shuffle(pairs)
    if style == "dot":
        return F.dot(w, x) + b
    if style == "swapped":
        return sum((xi * wi if k % 2 else wi * xi for k, (wi, xi) in enumerate(pairs)), b)
    if style == "bias last":
        return sum(wi * xi for wi, xi in pairs) + b
    if style == "tree":
        terms = [wi * xi for wi, xi in pairs] + [b]
        while len(terms) > 1:
            terms = [
                terms[i] + terms[i + 1] if i + 1 < len(terms) else terms[i]
                for i in range(0, len(terms), 2)
            ]
        return terms[0]
    if style == "minus":
        return b - sum(-wi * xi for wi, xi in pairs)
    return sum((wi * xi for wi, xi in pairs), b)


STYLES = ["plain", "shuffled", "dot", "swapped", "bias last", "tree", "minus"]


def activation(F, rng):
    return rng.choice(
        [
            F.tanh, F.relu, F.sigmoid, F.sin, F.square, F.softplus, F.silu,
            lambda z: F.tanh(F.tanh(z)), lambda z: z * F.sigmoid(z),
            lambda z: F.maximum(z, 0.1 * z), lambda z: z / (1.0 + F.absolute(z)),
        ]
    )  # fmt: skip


def layer(F, P, x, width, rng, phi=None):
    style = rng.choice(STYLES)
    seed = rng.random()
    zs = [affine(F, P, x, style, random.Random(seed + j)) for j in range(width)]
    return zs if phi is None else [phi(z) for z in zs]


def mlp(F, P, x, rng):
    for _ in range(rng.randint(1, 3)):
        x = layer(F, P, x, rng.randint(1, 6), rng, activation(F, rng))
    return readout(F, P, x, rng)


def readout(F, P, x, rng):
    kind = rng.randrange(7)
    if kind == 0:
        return F.total(x)
    if kind == 1:
        return F.logsumexp(x) - x[0]
    if kind == 2:
        return sum(xi * xi for xi in x) * 0.5
    if kind == 3:
        return F.mean([F.square(xi - 0.3 * k) for k, xi in enumerate(x)])
    if kind == 4:
        return F.relu(1.0 - x[0] * -1.0) + sum(x)
    if kind == 5:
        return F.norm([xi + 1.5 for xi in x])
    return layer(F, P, x, 1, rng)[0]


def towers(F, P, x, rng):
    n = rng.randint(2, 4)
    a = layer(F, P, x, n, rng, F.tanh)
    b = layer(F, P, x, rng.choice([n, n + 1]), rng, F.tanh)
    a, b = layer(F, P, a, 3, rng, F.relu), layer(F, P, b, 3, rng, F.relu)
    return F.dot(a, b) + readout(F, P, a, rng)


def tied(F, P, x, rng):
    n = len(x)
    w = [[next(P) for _ in range(n)] for _ in range(n)]
    phi = activation(F, rng)
    for _ in range(rng.randint(2, 3)):
        x = [phi(sum(wi * xi for wi, xi in zip(row, x, strict=True))) for row in w]
    if rng.random() < 0.5:  # and transposed
        x = [sum(w[j][i] * x[j] for j in range(n)) for i in range(n)]
    return sum(x) + 0.01 * sum(p * p for row in w for p in row)


def penalty(F, P, x, rng):
    ps = [next(P) for _ in range(rng.randint(1, 9))]
    kind = rng.randrange(4)
    if kind == 0:
        return sum(p + p for p in ps) * x[0]
    if kind == 1:
        return sum(p * p for p in ps) + x[0]
    if kind == 2:
        return sum(p * p + p for p in ps) * sum(x) / 3.0
    return sum((p - q) * (p - q) for p in ps for q in x) + sum(F.absolute(p) for p in ps)


def residual(F, P, x, rng):
    h = layer(F, P, x, 4, rng, F.tanh)
    for _ in range(rng.randint(1, 3)):
        z = layer(F, P, h, 4, rng, F.relu)
        h = [a + b for a, b in zip(h, z, strict=True)]
    return readout(F, P, h, rng)


def layer_norm(F, P, x, rng):
    h = layer(F, P, x, 4, rng, F.tanh)
    for _ in range(rng.randint(1, 2)):
        m = sum(h) / len(h) if rng.random() < 0.5 else F.mean(h)
        v = sum((a - m) * (a - m) for a in h) / len(h)
        s = F.sqrt(v + 1e-1)
        h = [next(P) * ((a - m) / s) + next(P) for a in h]
        h = layer(F, P, h, 4, rng, F.relu)
    return readout(F, P, h, rng)


def convolution(F, P, x, rng):
    x = list(x) * 4
    for _ in range(rng.randint(1, 2)):
        k, channels = 2, rng.randint(1, 2)
        w = [[next(P) for _ in range(k)] for _ in range(channels)]
        b = [next(P) for _ in range(channels)]
        x = [
            F.tanh(sum((row[i] * x[t + i] for i in range(k)), bias))
            for row, bias in zip(w, b, strict=True)
            for t in range(len(x) - k + 1)
        ]
    return readout(F, P, x, rng)


def attention(F, P, x, rng):
    T, d = rng.randint(2, 3), 2
    tokens = [[x[(t + i) % len(x)] * (1.0 + t) for i in range(d)] for t in range(T)]
    q, k, v = ([[next(P) for _ in range(d)] for _ in range(d)] for _ in range(3))

    def project(w, token):
        return [sum(a * b for a, b in zip(row, token, strict=True)) for row in w]

    Q, K, V = ([project(w, token) for token in tokens] for w in (q, k, v))
    outs = []
    for t in range(T):
        scores = [sum(a * b for a, b in zip(Q[t], key, strict=True)) / math.sqrt(d) for key in K]
        if rng.random() < 0.5:
            e = [F.exp(s) for s in scores]
            total = sum(e)
            weights = [each / total for each in e]
        else:
            total = F.logsumexp(scores)
            weights = [F.exp(s - total) for s in scores]
        outs += [sum(w * value[i] for w, value in zip(weights, V, strict=True)) for i in range(d)]
    return readout(F, P, outs, rng)


def recurrent(F, P, x, rng):
    n = rng.randint(1, 3)
    w = [[next(P) for _ in range(n)] for _ in range(n)]
    u, b = [next(P) for _ in range(n)], [next(P) for _ in range(n)]
    h = [0.1 * (i + 1) + 0.0 * x[0] for i in range(n)]
    loss = 0.0
    every = rng.random() < 0.5
    phi = rng.choice([F.tanh, F.sigmoid, F.sin])
    for t in range(rng.choice([3, 7, 40])):
        h = [
            phi(sum((wi * hi for wi, hi in zip(row, h, strict=True)), uj * x[t % len(x)] + bj))
            for row, uj, bj in zip(w, u, b, strict=True)
        ]
        if every:
            loss = loss + F.square(h[0] - 0.5)
    return h[0] if not every and n == 1 else loss + F.total(h)


def wide_recurrent(F, P, x, rng):
    """Steps wide enough to be vector programs: cells of several kinds, one or two of them."""
    n, steps = rng.randint(3, 6), rng.choice([9, 24, 30])
    kind, every, two = rng.choice(["plain", "residual", "gated"]), rng.random() < 0.5, rng.random()
    phi, style = rng.choice([F.tanh, F.sigmoid, F.sin]), rng.choice(STYLES)  # relu would explode

    def matrix(rows, columns):
        return [[next(P) for _ in range(columns)] for _ in range(rows)]

    def cell(given, state, weights):
        parameters = iter([w for row in weights for w in row])
        z = [
            affine(F, parameters, [*state, *given], style, random.Random(7 + j))
            for j in range(len(weights))
        ]
        if kind == "residual":
            return [h + 0.1 * phi(a) for h, a in zip(state, z, strict=True)]
        if kind == "gated":
            gates = [F.sigmoid(a) for a in z[n:]]
            return [g * h + (1.0 - g) * phi(a) for g, h, a in zip(gates, state, z[:n], strict=True)]
        return [phi(a) for a in z]

    rows = n * (1 + (kind == "gated"))
    first, second = matrix(rows, n + 2), matrix(rows, 2 * n + 1)
    h = [next(P) if rng.random() < 0.5 else 0.1 * (j + 1) + 0.0 * x[0] for j in range(n)]
    g, loss, v = list(h), 0.0 * first[0][0], [next(P) for _ in range(n)]
    for t in range(steps):
        h = cell([x[t % len(x)] * (0.5 + 0.1 * t)], h, first)
        if two < 0.3:
            g = cell(h, g, second)
        if every:
            loss = loss + F.square(F.dot(v, g if two < 0.3 else h) - 0.1 * t)
    return loss + F.total([*h, *g]) + 0.0 * sum(p for row in second for p in row)


def tangled_recurrence(F, P, x, rng):
    """Steps of any form: the same random ops again and again, perhaps one loop behind another."""

    def cell(seed, state, given):
        same = random.Random(seed)
        nodes, made = [*state, *given], []
        for _ in range(same.randint(2, 9)):
            a, b = same.choice([*nodes, *made, *made]), same.choice([*nodes, *made, *made])
            kind = same.randrange(12)
            node = [
                lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b,
                lambda a, b: F.tanh(a), lambda a, b: F.sin(a * b), lambda a, b: F.sigmoid(a),
                lambda a, b: F.relu(a + b), lambda a, b: 0.5 * a - b, lambda a, b: F.square(a),
                lambda a, b: F.dot([a, b], [b, a]), lambda a, b: F.logsumexp([a, b]),
                lambda a, b: a / (2.0 + b * b),
            ][kind](a, b)  # fmt: skip
            made.append(F.tanh(node) if kind in (1, 8, 9) else 0.5 * node)  # no chaos
        last = (made * len(state))[-len(state) :]
        return [same.choice([F.tanh, F.sin])(each) for each in last], made[0]

    steps, size = rng.randint(8, 20), rng.randint(1, 3)
    first, second, use, ends = rng.random(), rng.random(), rng.random(), rng.randrange(4)
    fixed, own = [next(P) for _ in range(rng.randint(1, 3))], [next(P) for _ in range(steps)]
    h = [fixed[0] * 0.5 if rng.random() < 0.5 else x[i % len(x)] * 1.0 for i in range(size)]
    outs, loss = [], 0.0 * sum(own) + 0.0 * sum(fixed)
    for t in range(steps):
        given = [x[t % len(x)] * (1.0 + 0.1 * t), *([own[t]] if use < 0.4 else [])]
        h, inner = cell(first, h, [*given, *fixed])
        outs.append(inner if ends == 3 else h[0])
    if use > 0.6:
        g = [fixed[0] * 1.0]
        for each in outs:
            g, _ = cell(second, g, [each, *fixed])
        loss = loss + g[0]
    if ends == 1:
        loss = loss + outs[steps // 2] * fixed[0] + outs[2]
    if ends > 1:
        loss = loss + F.total(outs)
    return loss + F.total(h)


def tangle(F, P, x, rng):
    some = [next(P) for _ in range(3)]
    nodes = [*x, *some]
    for _ in range(rng.randint(5, 60)):
        a, b = rng.choice(nodes), rng.choice(nodes)
        kind = rng.randrange(15)
        node = [
            lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b,
            lambda a, b: a / (2.0 + b * b), lambda a, b: F.tanh(a), lambda a, b: F.sin(a),
            lambda a, b: F.sigmoid(a), F.maximum, lambda a, b: -a, lambda a, b: F.relu(a),
            lambda a, b: a * 0.5 + 1.0, lambda a, b: F.arctan(a),
            lambda a, b: F.minimum(a, 0.25), lambda a, b: F.log1p(F.square(a)),
            lambda a, b: F.tanh(a + b) ** 2,
        ][kind](a, b)  # fmt: skip
        nodes.append(F.tanh(node) if kind in (1, 3, 10) else node)
    return (
        0.0 * some[0]
        + sum(F.tanh(each) for each in nodes[-4:])
        + F.prod([F.tanh(n) + 1.1 for n in nodes[-3:]])
    )


def whole_batch(F, P, x, rng):
    """As micrograd's demo: many samples of floats in one graph, and a penalty."""
    samples, n_in = rng.randint(2, 7), rng.randint(1, 3)
    X = [[rng.choice([0.0, 1.0, rng.gauss(0, 1)]) for _ in range(n_in)] for _ in range(samples)]
    Y = [rng.choice([-1, 1]) for _ in range(samples)]
    sizes = [n_in, rng.randint(1, 5), rng.randint(1, 5), 1]
    W = [
        [([next(P) for _ in range(m)], next(P)) for _ in range(n)]
        for m, n in itertools.pairwise(sizes)
    ]
    phi = rng.choice([F.tanh, F.relu])
    style = rng.randrange(3)

    def model(h):
        for k, rows in enumerate(W):
            h = [sum((wi * hi for wi, hi in zip(w, h, strict=True)), b) for w, b in rows]
            h = [phi(each) for each in h] if k < 2 else h
        return h[0]

    scores = [model(row) for row in X]
    if style == 0:
        losses = [F.relu(1 + -y * s) for y, s in zip(Y, scores, strict=True)]
    elif style == 1:
        losses = [(s - y) ** 2 for y, s in zip(Y, scores, strict=True)]
    else:
        losses = [F.softplus(-(y * s)) for y, s in zip(Y, scores, strict=True)]
    data = sum(losses) * (1.0 / len(losses)) if rng.random() < 0.5 else sum(losses) / len(losses)
    return data + 1e-2 * sum(p * p for rows in W for w, b in rows for p in [*w, b]) + 0.0 * x[0]


KINDS = [
    mlp, towers, tied, penalty, residual, layer_norm, convolution, attention, recurrent, tangle,
    whole_batch, wide_recurrent, tangled_recurrence,
]  # fmt: skip


# -- one case -----------------------------------------------------------------------------------


def parameters(make, seed, cache):
    """An endless supply of parameters, the same ones at every run."""
    rng = random.Random(seed)
    i = 0
    while True:
        number = rng.gauss(0.0, 0.7)
        if i == len(cache):
            cache.append(make(number))
        yield cache[i]
        i += 1


def relative(found, expected):
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    return np.abs(found - expected).max(initial=0.0) / max(1e-3, np.abs(expected).max(initial=0.0))


def check(kind, seed, compile=autograd.compile, torch=True):
    """Compile one random program and compare it; the largest relative difference."""
    rng = random.Random(seed)
    n_in, batch = rng.randint(1, 4), rng.choice([None, 1, 2, 5, 9])
    shape_seed = rng.random()
    ours: list[Value] = []

    def f(x):
        return kind(Ours, parameters(Value, seed, ours), list(x), random.Random(shape_seed))

    data = np.random.default_rng(seed)
    first = data.normal(size=n_in if batch is None else (batch, n_in))
    f(np.ravel(first)[:n_in].tolist())  # makes the parameters
    program = compile(f, in_axes=None if batch is None else 0)
    worst = 0.0
    for round in range(2):
        x = first if round == 0 else data.normal(size=first.shape)
        for p in ours:
            p.data = p.data * 0.9 + 0.01
            p.grad = 0.0
        value, gradients = program.value_and_grad(x)
        again, same = program.value_and_grad(x)
        assert again == value
        assert all(np.array_equal(same[name], gradients[name]) for name in gradients)
        rows = [x] if batch is None else list(x)
        eager = 0.0
        for row in rows:
            out = f(row.tolist())
            out.backward()
            eager += out.data
        found = np.concatenate([np.ravel(g) for g in gradients.values()])
        expected = np.array([p.grad for p in ours])
        worst = max(worst, relative(value, eager), relative(found, expected))
        if torch:
            F, theirs = Torch(), []
            sum_of = 0.0
            for row in rows:
                inputs = [F.torch.tensor(each, dtype=F.torch.float64) for each in row.tolist()]
                if round >= 0 and not theirs:  # make them, then give them our numbers
                    kind(F, parameters(F.leaf, seed, theirs), inputs, random.Random(shape_seed))
                    for t, p in zip(theirs, ours, strict=True):
                        t.data.fill_(p.data)
                out = kind(F, parameters(F.leaf, seed, theirs), inputs, random.Random(shape_seed))
                out.backward()
                sum_of += out.item()
            oracle = [0.0 if t.grad is None else t.grad.item() for t in theirs]
            worst = max(worst, relative(value, sum_of), relative(found, oracle))
    return worst


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_random_programs_agree_with_the_engine(kind):
    for seed in range(8):
        assert check(kind, seed, torch=False) <= TOLERANCE, seed


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_random_programs_agree_with_pytorch(kind):
    pytest.importorskip("torch")
    assert check(kind, 100) <= TOLERANCE


def main():
    parser = argparse.ArgumentParser(description="Fuzz the compiler.")
    parser.add_argument("--graphs", type=int, default=3300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--kind", default="")
    parser.add_argument("--no-torch", action="store_true")
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    kinds = [kind for kind in KINDS if options.kind in kind.__name__]
    failures, worst = 0, 0.0
    for i in range(options.graphs):
        kind, seed = kinds[i % len(kinds)], options.first + i // len(kinds)
        try:
            found = check(kind, seed, torch=not options.no_torch)
        except Exception as problem:
            if options.trace:
                raise
            print(f"{kind.__name__} {seed}: {type(problem).__name__}: {problem}")
            failures += 1
            continue
        worst = max(worst, found)
        if not found <= TOLERANCE:
            print(f"{kind.__name__} {seed}: differs by {found:.1e}")
            failures += 1
    print(f"{options.graphs} programs, {failures} failures, largest difference {worst:.1e}")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
