# %% [markdown]
# # 4 · A network learns two moons
#
# Two crescents of points that no straight line separates. A small network learns to tell them
# apart, and nothing happens in it that the first three notebooks did not show: sums, products and
# $\tanh$ forward, the chain rule backward, a small step against the gradient, and again.
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

from matplotlib import pyplot as plt

import nn
from autograd import Value, sigmoid, softplus, tanh, verify

plt.rcParams["figure.dpi"] = 100

# %% [markdown]
# ## The task
#
# A hundred points in the plane, each labelled $-1$ or $+1$. The network has two inputs, six hidden
# neurons, three more, and one output; its *sign* is the answer. Before training the weights are
# random, and so is the line between the two answers. Points on the wrong side have a ring.

# %%
X, y = nn.data.moons(100, noise=0.1, rng=0)
model = nn.MLP(2, [6, 3, 1], "tanh", rng=2)
print(model.summary((2,)))
nn.plot_decision_boundary(model, X, y)
plt.title(f"before training: {nn.accuracy(model, X, y):.0%} right")
plt.show()

# %% [markdown]
# ## What one point says
#
# Take one point and go through the network with it. The *hinge* loss, $\max(0,\,1 - y\,a)$, is
# content once the output $a$ has the sign of $y$ and is at least 1 in size. Until then, every
# weight gets a gradient. In each circle stand $z$, $a$ and $\delta = \partial L/\partial z$.

# %%
x, label = X[10], y[10]
nn.draw(model, x, label, loss="hinge")

# %% [markdown]
# ## One step, replayed
#
# The same point, step by step: forward through the layers, the loss, and back. Each step shows its
# formula, in symbols and in numbers. Press play, or click into the picture and use the arrow keys.

# %%
nn.replay(model, x, label, loss="hinge")

# %% [markdown]
# ## Many steps
#
# `fit` does this for twenty points at a time, adds the gradients up, and lets the optimiser *Adam*
# take a step. One *epoch* is one round through all points.

# %%
adam = nn.optim.Adam(model.parameters(), lr=0.02)
history = nn.fit(
    model, nn.hinge, X, y, epochs=60, batch_size=20, optimizer=adam, rng=0, progress=False
)
for epoch in 1, 5, 20, 40, 60:
    loss, right = history["loss"][epoch - 1], history["accuracy"][epoch - 1]
    print(f"epoch {epoch:3}   loss {loss:.4f}   {right:.0%} right")
nn.plot_history(history)
plt.show()

# %% [markdown]
# ## The result
#
# The line has bent itself around both crescents. Each hidden neuron contributes a soft step across
# the plane; the next layers add them up, as [notebook 6](06-what-relus-approximate.ipynb) shows in
# one dimension.

# %%
nn.plot_decision_boundary(model, X, y)
plt.title(f"after training: {nn.accuracy(model, X, y):.0%} right")
plt.show()

# %% [markdown]
# And has it learned the moons, or only these hundred points? New points from the same source:

# %%
X_new, y_new = nn.data.moons(1000, noise=0.1, rng=1)
print(f"of 1,000 new points {nn.accuracy(model, X_new, y_new):.1%} are right")

# %% [markdown]
# ## Which points still teach
#
# A point beyond the margin has loss 0 and gradient 0: it says nothing any more. Count how many of
# the hundred still speak:

# %%
losses = [nn.hinge(model(x), label) for x, label in zip(X, y.tolist(), strict=True)]
print(f"{sum(loss > 0 for loss in losses)} of 100 points have a loss above 0")

# %% [markdown]
# ## Exercise
#
# The *logistic* loss, $L = \ln(1 + e^{-y\,a})$, is a hinge with a rounded corner; in the engine it
# is the `softplus` of $-y\,a$. For one neuron, $a = \tanh(w x + b)$, derive $\partial L/\partial
# a$, $\partial L/\partial w$ and $\partial L/\partial b$. The slope of softplus is the sigmoid. The
# first attempt treats $L$ like the hinge itself; `verify` says what that leaves out.

# %%
w, b = Value(0.6, "w"), Value(-0.2, "b")
x, y = Value(1.5, "x"), Value(-1.0, "y")
a = tanh(w * x + b)
a.label = "a"
loss = softplus(-y * a)

my_derivation = {
    a: lambda y: -y,
    w: lambda y, a, x: -y * (1 - a**2) * x,
    b: lambda y, a: -y * (1 - a**2),
}
verify(loss, my_derivation)

# %% [markdown]
# The solution is in the next cell, folded in JupyterLab.

# %% jupyter={"source_hidden": true}
# From L to a lie two slopes: σ(-y a), that of softplus, and -y.
verify(
    loss,
    {
        a: lambda y, a: -y * sigmoid(-y * a),
        w: lambda y, a, x: -y * sigmoid(-y * a) * (1 - a**2) * x,
        b: lambda y, a: -y * sigmoid(-y * a) * (1 - a**2),
    },
)
