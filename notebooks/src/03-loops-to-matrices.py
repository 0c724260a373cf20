# %% [markdown]
# # 3 · From loops to matrices: the formulas emerge
#
# Textbooks state backprop in matrices: $\delta^{(1)} = (W^{(2)\top}\delta^{(2)}) \odot
# f'(z^{(1)})$. Nothing in this package contains that line. A network here is a heap of scalar sums
# and products, and `backward()` applies the chain rule to each. So the formula must *come out*.
# Here it does: first for one weight, then for one layer, then for a whole batch.
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

import numpy as np
from IPython.display import Math

import nn
from autograd import draw, explain, mean, verify

# %% [markdown]
# ## A small network
#
# Two inputs, two hidden neurons with a sigmoid, two linear outputs, half the squared error. Here is
# one box for each neuron; `draw(loss)` shows every scalar.

# %%
model = nn.MLP(2, [2, 2], "sigmoid", rng=0)
loss = nn.half_squared_error(model([1.0, -0.5]), [1.0, 0.0])
loss.label = "L"
loss.backward()
draw(loss, max_nodes=12)

# %% [markdown]
# ## One weight
#
# Ask for the gradient of one weight of the first layer, $w^{(1)}_{21}$: it leads *to* neuron 2 and
# comes *from* input 1. `explain` follows the arrows from it to the loss and writes down what it
# finds, with the numbers below. Indices count from 1, as in books. The drawing shows the part of
# the graph that the gradient comes through.

# %%
weight = model.layers[0].weight[1, 0]
explanation = explain(loss, wrt=weight)
print(explanation)
explanation.draw()

# %% [markdown]
# Read the second formula once more: $\delta^{(1)}_j = \big(\sum_k
# w^{(2)}_{kj}\,\delta^{(2)}_k\big)\, \sigma'(z^{(1)}_j)$. The sum runs over the **first** index of
# $w$, over the neurons that $a_j$ feeds. A matrix product $W\delta$ sums over the second index. To
# sum over the first one, the matrix has to be turned round: $W^\top\delta$. That is all there is to
# the transpose in backprop.
#
# ## The whole layer at once
#
# Every neuron of a layer obeys the same formula, with other indices. Stack the neurons, and the
# indices disappear. Asked about the model, `explain` checks that all neurons of a layer agree in
# form, and says it once:

# %%
Math(explain(loss, wrt=model).latex())

# %% [markdown]
# Shapes make a good check, worth doing by hand once. With $n$ inputs and $m$ outputs, $W$ is $m
# \times n$. The gradient $\delta\,a^\top$ is a column of $m$ times a row of $n$: the same shape,
# and no other product of the two has it.

# %%
large = nn.MLP(5, [4, 3], "sigmoid", rng=0)
sample, target = np.linspace(-1, 1, 5), np.array([0.0, 1.0, 0.5])
output = large(sample)
nn.half_squared_error(output, target).backward()

W2 = large.state_dict()["layers.1.weight"]
b1, W1 = large.state_dict()["layers.0.bias"], large.state_dict()["layers.0.weight"]
a1 = 1 / (1 + np.exp(-(W1 @ sample + b1)))
delta2 = np.array([each.data for each in output]) - target
delta1 = (W2.T @ delta2) * a1 * (1 - a1)

print("W⁽²⁾ᵀ δ⁽²⁾      ", W2.T.shape, "@", delta2.shape, "→", delta1.shape)
print("δ⁽¹⁾ xᵀ         ", delta1.shape, "⊗", sample.shape, "→", np.outer(delta1, sample).shape)
by_engine = np.array([[w.grad for w in row] for row in large.layers[0].weight])
print("equal to the 20 gradients of the engine:", np.allclose(np.outer(delta1, sample), by_engine))

# %% [markdown]
# ## What changes, and what does not
#
# The formulas above are not stored, so they follow whatever is computed. Take another function, and
# the cross-entropy of class scores: the slope of $\tanh$ stands where that of $\sigma$ was, and the
# $\delta$ of the output becomes the famous *softmax minus one-hot*. No one programmed that either;
# it is what remains when the terms of the loss cancel.

# %%
classifier = nn.MLP(2, [3, 3], "tanh", rng=1)
Math(explain(nn.cross_entropy(classifier([1.0, -0.5]), 2), wrt=classifier).latex())

# %% [markdown]
# ## A batch
#
# A batch of samples shares the weights. Gradients add where paths meet, and the paths of all
# samples meet in $W$: so there is a sum over $n$. The mean of the losses puts $\frac1N$ into each
# $\delta$, and weight decay adds a term of its own.

# %%
X, labels = [[1.0, -0.5], [0.3, 0.8], [-1.0, 0.2], [0.5, 0.5]], [2, 0, 1, 0]
batch = mean([nn.cross_entropy(classifier(x), y) for x, y in zip(X, labels, strict=True)])
decay = 0.05 * autograd.sum([w * w for layer in classifier.layers for w in layer.weight.ravel()])
Math(explain(batch + decay, wrt=classifier).latex())

# %% [markdown]
# With the samples as columns of a matrix $X$, the sum over $n$ is a matrix product as well: $\sum_n
# \delta_n x_n^\top = \Delta X^\top$. One product per layer forward, two per layer backward.
# [Notebook 9](09-inside-the-compiler.ipynb) shows a compiler that finds these by itself.
#
# ## Exercise
#
# Write the gradients of both matrices for the batch above, without the decay, in NumPy. In the
# first attempt below the samples are *rows* of `X`, as in most programs, so the forward pass reads
# `X @ W1.T`. Its shapes fit. Its numbers do not, for two separate reasons: `verify` names the first
# after the other, as you mend them.

# %%
state = classifier.state_dict()
W1, b1 = state["layers.0.weight"], state["layers.0.bias"]
W2, b2 = state["layers.1.weight"], state["layers.1.bias"]

A1 = np.tanh(np.array(X) @ W1.T + b1)  # a row per sample
Z2 = A1 @ W2.T + b2
P = np.exp(Z2) / np.exp(Z2).sum(axis=1, keepdims=True)

D2 = P - np.eye(3)[labels]
D1 = (D2 @ W2.T) * (1 - A1**2)
verify(batch, {"layers.1.weight": D2.T @ A1, "layers.0.weight": D1.T @ np.array(X)}, classifier)

# %% [markdown]
# The solution is in the next cell, folded in JupyterLab.

# %% jupyter={"source_hidden": true}
# The loss is the mean over 4 samples: each δ carries 1/4. And going back, a row δᵀ meets W, not Wᵀ:
# (Wᵀ δ)ᵀ = δᵀ W. With 3 hidden neurons and 3 classes W is square, so its shape gave no warning.
D2 = (P - np.eye(3)[labels]) / 4
D1 = (D2 @ W2) * (1 - A1**2)
verify(batch, {"layers.1.weight": D2.T @ A1, "layers.0.weight": D1.T @ np.array(X)}, classifier)
