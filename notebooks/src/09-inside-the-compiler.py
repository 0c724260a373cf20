# %% [markdown]
# # 9 · Inside the compiler: from 65,000 scalars to a page of NumPy
#
# A loss written in scalar operations is easy to understand and slow to run. But the scalars are not
# a heap: they are a few operations repeated thousands of times. A compiler that notices this can
# write the program that a person would have written with matrices. This notebook follows one graph
# on its way through it.
#
# *To run it:* `make lab` in a clone of this project, or `pip install -e ".[notebooks]"` in a fresh
# virtual environment, then `jupyter lab`.

# %%
import autograd

if not hasattr(autograd, "Value"):
    raise ImportError(
        f"The package `autograd` at {autograd.__file__} is another one, HIPS autograd. It has this "
        "project's name and cannot be in the same environment: make a fresh one."
    )

from itertools import pairwise
from timeit import timeit

import numpy as np
from matplotlib import pyplot as plt

import nn
from autograd import Value, compile, mean, tanh, topological, verify

plt.rcParams["figure.dpi"] = 100

# %% [markdown]
# ## A heap of scalars
#
# A network 2-16-16-1 and the mean hinge loss of 100 points, in plain Python: loops, `+`, `*` and
# `tanh`, not a single array. This is how micrograd does it, too.

# %%
rng = np.random.default_rng(0)
X, y = nn.data.moons(100, noise=0.1, rng=0)
sizes = [2, 16, 16, 1]
layers = [
    [
        [*(Value(w, f"W{k}") for w in weights), Value(bias, f"b{k}")]
        for *weights, bias in rng.normal(0, n**-0.5, (m, n + 1))
    ]
    for k, (n, m) in enumerate(pairwise(sizes), 1)
]


def loss():
    losses = []
    for point, label in zip(X.tolist(), y.tolist(), strict=True):
        a = [Value(number, requires_grad=False) for number in point]
        for layer in layers:
            z = [sum((w * v for w, v in zip(row, a, strict=False)), row[-1]) for row in layer]
            a = [tanh(each) for each in z] if layer is not layers[-1] else z
        losses.append((1.0 - label * a[0]).relu())
    return sum(losses) / len(losses)


heap = loss()
heap.backward()
print(f"{len(topological(heap)):,} nodes")

# %% [markdown]
# ## Compiled
#
# `compile` runs the function once, records the nodes, and looks for structure. What comes out is
# Python source. Nobody told it about layers or samples: the matrix products were found.

# %%
program = compile(loss)
value, gradients = program.value_and_grad()
print(program.source)

# %% [markdown]
# ## The way there
#
# `program.passes` holds the program after each step, in print. Its length tells the story:

# %%
lengths = {name: len(str(text).splitlines()) for name, text in program.passes.items()}
for name, lines in lengths.items():
    print(f"{name:18} {lines:7,} lines")

figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
bars = axes.barh(list(lengths), list(lengths.values()), color="#0072b2")
axes.bar_label(bars, [f"{n:,}" for n in lengths.values()], padding=4)
axes.set(xscale="log", xlim=(1, 1e6), xlabel="lines", title="the same program, pass by pass")
axes.invert_yaxis()
plt.show()

# %% [markdown]
# First the trace, one line per scalar. Then products that are only added up become *sums of
# products*, and sums of products with the same pattern of indices become one **block**: a matrix
# product. These are all the blocks; `@` marks those that contract an index.

# %%
print(program.passes["blocks"])

# %% [markdown]
# From then on it works with whole arrays: it gives them shapes and names, derives the backward pass
# for *them*, and writes the source above.
#
# ## The same numbers, sooner
#
# Sums are taken in another order than node by node, so the results agree to rounding, not to the
# last bit:

# %%
print("loss:", f"{heap.data:.6f}", "and", f"{value:.6f}")
by_node = np.sort([w.grad for layer in layers for row in layer for w in row])
compiled = np.sort(np.concatenate([np.ravel(g) for g in gradients.values()]))
print("337 gradients agree to 1e-12:", np.abs(by_node - compiled).max() < 1e-12)

# %% [markdown]
# How much sooner depends on the machine; on most it is several hundred times. (The numbers below
# are the only ones in these notebooks that are not the same at each run.)

# %% tags=["varies"]
seconds_by_node = timeit(lambda: loss().backward(), number=2) / 2
seconds_compiled = timeit(program.value_and_grad, number=50) / 50
print(f"node by node {seconds_by_node * 1e3:8.1f} ms")
print(f"compiled     {seconds_compiled * 1e3:8.3f} ms")

# %% [markdown]
# ## What it refuses
#
# The program is used again with other numbers. A Python `if` on a traced number would fix one
# branch for all of them, silently. So it is an error, which names the remedy.

# %%
try:
    compile(lambda x: x if x > 0.0 else -x)(3.0)
except autograd.TraceError as refused:
    print(str(refused).split(", at ")[0], "...")
print(compile(lambda x: autograd.maximum(x, -x), in_axes=0)([3.0, -2.0]))

# %% [markdown]
# ## Exercise
#
# Write one training step by hand, as the compiler would: a network 3-4-2 with $\tanh$ on five
# samples, the mean of half the squared errors. The first attempt below looks tidy. It updates each
# matrix as soon as its gradient is known. `verify` is told nothing of that, and still sees it.

# %%
net = nn.MLP(3, [4, 2], "tanh", rng=1)
samples, wanted = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
batch = mean([nn.half_squared_error(net(x), t) for x, t in zip(samples, wanted, strict=True)])

state = net.state_dict()
W1, b1 = state["layers.0.weight"], state["layers.0.bias"]
W2, b2 = state["layers.1.weight"].copy(), state["layers.1.bias"]
x, t = samples.T, wanted.T  # a column per sample

a1 = np.tanh(W1 @ x + b1[:, None])
z2 = W2 @ a1 + b2[:, None]

d2 = (z2 - t) / 5
dW2 = d2 @ a1.T
W2 -= 0.1 * dW2
d1 = (W2.T @ d2) * (1 - a1**2)
dW1 = d1 @ x.T
verify(batch, {"layers.1.weight": dW2, "layers.0.weight": dW1}, net)

# %% [markdown]
# The solution is in the next cell, folded in JupyterLab.

# %% jupyter={"source_hidden": true}
# All gradients belong to the weights of the forward pass: first every δ, then every update.
W2 = state["layers.1.weight"].copy()
d1 = (W2.T @ d2) * (1 - a1**2)
dW1 = d1 @ x.T
W2 -= 0.1 * dW2
verify(batch, {"layers.1.weight": dW2, "layers.0.weight": dW1}, net)
