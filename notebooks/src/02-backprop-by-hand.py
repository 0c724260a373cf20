# %% [markdown]
# # 2 · Backprop by hand
#
# Backprop through a linear layer is three short formulas. Here they are derived on paper, claimed,
# and held against an engine that has never heard of layers: it knows the slope of a sum and of a
# product, nothing else. Then the usual slips are made on purpose, to see what each looks like.
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

import textwrap

import numpy as np

import nn
from autograd import Value, verify

# %% [markdown]
# ## One layer
#
# Three inputs, two outputs: $z_i = \sum_j w_{ij}\, x_j + b_i$, with $w_{ij}$ the weight *to* output
# $i$ *from* input $j$. The loss is half the squared error, $L = \frac12 \sum_i (z_i - y_i)^2$.

# %%
layer = nn.Linear(3, 2, rng=0)
x = [Value(1.0, "x1"), Value(-2.0, "x2"), Value(0.5, "x3")]
y = [0.5, -1.0]
z = layer(x)
loss = nn.half_squared_error(z, y)
print("z =", [f"{each:.4f}" for each in z], "  L =", f"{loss:.4f}")

# %% [markdown]
# ## The derivation
#
# Call $\delta_i = \partial L/\partial z_i$ what comes back to output $i$. For this loss $\delta_i =
# z_i - y_i$. Now ask of each letter in $z_i = \sum_j w_{ij} x_j + b_i$: which $z$ does it move, and
# how fast?
#
# - $w_{ij}$ moves only $z_i$, at the rate $x_j$. So $\partial L/\partial w_{ij} = \delta_i\, x_j$.
# - $b_i$ moves only $z_i$, at the rate 1. So $\partial L/\partial b_i = \delta_i$.
# - $x_j$ moves *every* $z_i$, at the rate $w_{ij}$. So
#   $\partial L/\partial x_j = \sum_i \delta_i\, w_{ij}$.
#
# Claim exactly that, in loops, and let `verify` compare:

# %%
w = layer.weight
delta = [z[i].data - y[i] for i in range(2)]

claims = [
    (w, [[delta[i] * x[j].data for j in range(3)] for i in range(2)]),
    (layer.bias, delta),
    (x, [sum(delta[i] * w[i, j].data for i in range(2)) for j in range(3)]),
]
verify(loss, claims)

# %% [markdown]
# ## More layers, and a function between them
#
# Behind each layer comes a function $f$, applied to each number: $a = f(z)$. Going back, it
# multiplies each $\delta$ by its slope $f'(z)$. With $\tanh$ the slope is $1 - a^2$. Written with
# matrices, the backward pass through two layers is
#
# $$\delta^{(2)} = z^{(2)} - y, \qquad
# \delta^{(1)} = \big(W^{(2)\top} \delta^{(2)}\big) \odot f'(z^{(1)}), \qquad
# \frac{\partial L}{\partial W} = \delta\, a^{\top}, \qquad
# \frac{\partial L}{\partial b} = \delta,$$
#
# where $a$ is what went *into* the layer and $\odot$ multiplies entry by entry. A third layer only
# repeats the second formula. In NumPy:

# %%
model = nn.MLP(2, [3, 3, 1], "tanh", rng=1)
x, y = np.array([1.0, -0.5]), np.array([1.0])
loss = nn.half_squared_error(model(x), y)

W1, W2, W3 = (model.state_dict()[f"layers.{i}.weight"] for i in range(3))
b1, b2, b3 = (model.state_dict()[f"layers.{i}.bias"] for i in range(3))
a1 = np.tanh(W1 @ x + b1)
a2 = np.tanh(W2 @ a1 + b2)
z3 = W3 @ a2 + b3

d3 = z3 - y
d2 = (W3.T @ d3) * (1 - a2**2)
d1 = (W2.T @ d2) * (1 - a1**2)

verify(
    loss,
    {
        "layers.2.weight": np.outer(d3, a2),
        "layers.1.weight": np.outer(d2, a1),
        "layers.0.weight": np.outer(d1, x),
        "layers.0.bias": d1,
    },
    model,
)

# %% [markdown]
# ## What slips look like
#
# The same derivation, wrong in seven ways. Each claim goes to `verify`, which is told nothing but
# the numbers. It finds the slip by making each usual one on this very graph and comparing.

# %%
attempts = {
    "(W3ᵀ δ3) without f'": np.outer((W2.T @ (W3.T @ d3)) * (1 - a1**2), x),
    "f' at a instead of z": np.outer((W2.T @ d2) * (1 - np.tanh(a1) ** 2), x),
    "y - z for z - y": np.outer(-d1, x),
    "W2 δ2 for W2ᵀ δ2": np.outer((W2 @ d2) * (1 - a1**2), x),
    "L = Σ(z - y)², without the ½": np.outer(2 * d1, x),
    "only neurons 1 and 2 of layer 2": np.outer((W2[:2].T @ d2[:2]) * (1 - a1**2), x),
    "bias forgotten in layer 1": np.outer((W2.T @ d2) * (1 - np.tanh(W1 @ x) ** 2), x),
}
for attempt, claim in attempts.items():
    found = verify(loss, {"layers.0.weight": claim}, model)
    print(attempt)
    print(textwrap.fill(str(found.slips[0]), 88, initial_indent="  → ", subsequent_indent="    "))

# %% [markdown]
# [SLIPS.md](../autograd/explain/SLIPS.md) lists all that it knows, and what cannot be told apart
# from a few numbers.
#
# ## The same, once with loops and once with matrices
#
# The package has backprop written out by hand, twice, as textbooks do. `nn.verify` puts both beside
# the engine for every quantity of every layer, here for four samples and another loss:

# %%
classifier = nn.MLP(2, [4, 3], "sigmoid", rng=2)
samples = [[1.0, -0.5], [0.2, 0.7], [-1.0, 0.3], [0.4, 0.4]]
print(nn.verify(classifier, samples, [0, 2, 1, 2], loss="cross_entropy", show=False))

# %% [markdown]
# ## Exercise
#
# A network $2 \to 3 \to 2$ with a sigmoid behind *both* layers and half the squared error of
# $a^{(2)}$. Derive $\delta^{(2)}$, $\delta^{(1)}$ and the gradients of both matrices. Remember that
# $\sigma'(z) = \sigma(z)\,(1 - \sigma(z))$. The first attempt below has the right shape and a wrong
# letter; `verify` says what went wrong.

# %%
net = nn.MLP(2, [3, 2], "sigmoid", "sigmoid", rng=3)
x, y = np.array([0.8, -1.2]), np.array([1.0, 0.0])
loss = nn.half_squared_error(net(x), y)

W1, W2 = (net.state_dict()[f"layers.{i}.weight"] for i in range(2))
b1, b2 = (net.state_dict()[f"layers.{i}.bias"] for i in range(2))
z1 = W1 @ x + b1
a1 = 1 / (1 + np.exp(-z1))
z2 = W2 @ a1 + b2
a2 = 1 / (1 + np.exp(-z2))

d2 = (a2 - y) * a2 * (1 - a2)
d1 = (W2.T @ d2) * z1 * (1 - z1)
verify(loss, {"layers.1.weight": np.outer(d2, a1), "layers.0.weight": np.outer(d1, x)}, net)

# %% [markdown]
# Mend the line of `d1` and run the cell again. The solution is in the next cell, folded in
# JupyterLab.

# %% jupyter={"source_hidden": true}
# The slope of the sigmoid in terms of its output is a (1 - a); z (1 - z) is that of nothing.
d1 = (W2.T @ d2) * a1 * (1 - a1)
verify(loss, {"layers.1.weight": np.outer(d2, a1), "layers.0.weight": np.outer(d1, x)}, net)
