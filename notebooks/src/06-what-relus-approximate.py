# %% [markdown]
# # 6 · What can a network approximate?
#
# A ReLU is a straight line with one bend. A layer of them, added up, is a line with as many bends,
# and with enough bends one can draw any curve. Here a network is first *built* to follow the sine,
# by arithmetic. Then it has to *learn* to. In the end a cubic, which has no bends at all, is fitted
# to the same curve.
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
from matplotlib import pyplot as plt

import nn
from autograd import Value, compile, dot, verify

plt.rcParams["figure.dpi"] = 100
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#e07b00", "#009e73", "#888888"

# %% [markdown]
# ## A sum of three ReLUs
#
# $\mathrm{MLP}(1, [3, 1])$ computes $\sum_n v_n\,\mathrm{relu}(w_n x + b_n) + c$. With $w_n = 1$
# each term is flat up to $x = -b_n$ and rises with slope $v_n$ behind it. At that point, its
# *knot*, the sum changes its slope by $v_n$.

# %%
bump = nn.MLP(1, [3, 1], "relu", rng=0)
bump.load_state_dict(
    {
        "layers.0.weight": [[1.0], [1.0], [1.0]],
        "layers.0.bias": [-1.0, -2.0, -3.0],
        "layers.1.weight": [[1.0, -2.0, 1.0]],
        "layers.1.bias": [0.0],
    }
)
x = np.linspace(0, 4, 81)
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
for v, knot in (1, 1), (-2, 2), (1, 3):
    axes.plot(x, v * np.maximum(x - knot, 0), color=GREY, linestyle="--")
axes.plot(x, nn.predict(bump, x[:, None])[:, 0], color=BLUE, linewidth=2.5, label="the network")
axes.set(xlabel="x", title="three ReLUs (dashed) and their sum", ylim=(-3, 3))
axes.legend()
plt.show()

# %% [markdown]
# Slope $+1$ at 1, down by 2 at 2, up by 1 at 3: a tent. The weights behind the ReLUs have both
# signs; with positive ones alone the sum could only bend upwards.
#
# ## Building the sine
#
# To connect points of a curve by straight lines, put a knot at each point, and let $v_n$ be the
# change of slope there. No training is needed. How good is it? Between knots at a distance $h$, a
# curve with $|f''| \le 1$ strays from its chord by at most $h^2/8$.

# %%
dense = np.linspace(0, 2 * np.pi, 801)
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.plot(dense, np.sin(dense), color=GREY, linewidth=4, alpha=0.5, label="sin x")
print("ReLUs   largest error   h²/8")
for n, colour in (4, ORANGE), (8, GREEN), (16, BLUE), (32, None):
    knots = np.linspace(0, 2 * np.pi, n + 1)
    slopes = np.diff(np.sin(knots)) / np.diff(knots)
    model = nn.MLP(1, [n, 1], "relu", rng=0)
    model.load_state_dict(
        {
            "layers.0.weight": np.ones((n, 1)),
            "layers.0.bias": -knots[:-1],
            "layers.1.weight": np.diff(slopes, prepend=0.0)[None, :],
            "layers.1.bias": [0.0],
        }
    )
    curve = nn.predict(model, dense[:, None])[:, 0]
    print(f"{n:5}   {np.abs(curve - np.sin(dense)).max():13.5f}   {knots[1] ** 2 / 8:.5f}")
    if colour:
        axes.plot(dense, curve, color=colour, label=f"{n} ReLUs")
axes.set(xlabel="x", title="sums of ReLUs through points of the sine")
axes.legend()
plt.show()

# %% [markdown]
# Twice as many ReLUs, a quarter of the error. This is the whole proof of the approximation theorem
# in one dimension: *some* network comes as near as one likes.
#
# ## Learning it
#
# Whether gradient descent *finds* such a network is another question. Sixteen ReLUs with random
# weights, 60 points, Adam:

# %% tags=["readme"]
points = np.linspace(0, 2 * np.pi, 60)[:, None]
learner = nn.MLP(1, [16, 1], "relu", rng=3)
before = nn.predict(learner, dense[:, None])[:, 0]
adam = nn.optim.Adam(learner.parameters(), lr=0.02)
history = nn.fit(
    learner,
    nn.mse,
    points,
    np.sin(points),
    epochs=300,
    batch_size=20,
    optimizer=adam,
    rng=0,
    progress=False,
)
after = nn.predict(learner, dense[:, None])[:, 0]
print(f"largest error after training: {np.abs(after - np.sin(dense)).max():.3f}")

figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.plot(dense, np.sin(dense), color=GREY, linewidth=4, alpha=0.5, label="sin x")
axes.plot(dense, before, color=ORANGE, linestyle="--", label="before")
axes.plot(dense, after, color=BLUE, label="after 300 epochs")
state = learner.state_dict()
bends = -state["layers.0.bias"] / state["layers.0.weight"][:, 0]
inside = bends[(bends > 0) & (bends < 2 * np.pi)]
axes.plot(inside, nn.predict(learner, inside[:, None])[:, 0], "o", color=BLUE, label="knots")
axes.set(xlabel="x", title=f"16 ReLUs, trained: {len(inside)} knots lie within the interval")
axes.legend()
plt.show()

# %% [markdown]
# It works, but the built network with half the neurons was better. Training has to move the knots,
# and knots that lie outside the interval, or have crowded together, are of little use.
#
# ## A cubic instead
#
# The classic first exercise in autograd: fit $y = a + bx + cx^2 + dx^3$ to $\sin x$ on $[-\pi,
# \pi]$ by the sum of squares over 2,000 points, with a rate of $10^{-6}$ and 2,000 steps. A loop
# over 2,000 points would record some 20,000 nodes per step; `compile` turns them into a few
# operations on arrays.

# %%
x = np.linspace(-np.pi, np.pi, 2000)
powers = np.stack([x**0, x, x**2, x**3], axis=1)
a, b = Value(0.753, "a"), Value(0.285, "b")
c, d = Value(-0.130, "c"), Value(-0.012, "d")


def squared_error(row, y):
    return (dot([a, b, c, d], row) - y) ** 2


program = compile(squared_error, in_axes=(0, 0))
sgd = nn.optim.SGD([a, b, c, d], lr=1e-6)
for step in range(2001):
    sgd.zero_grad()
    loss = program.backward(powers, np.sin(x))
    if step % 500 == 0:
        print(f"step {step:4}   loss {loss:9.4f}")
    if step < 2000:
        sgd.step()

best = np.linalg.lstsq(powers, np.sin(x), rcond=None)[0]
print(f"reached y = {a.data:.4f} + {b.data:.4f} x + {c.data:.4f} x² + {d.data:.4f} x³")
print(f"best    y = {best[1]:.4f} x + {best[3]:.4f} x³")

# %% [markdown]
# The sine is odd, so the best cubic has no constant and no square. The run is still on its way
# there: two of the four directions are so flat that 2,000 steps do not finish them. ([Notebook
# 7](07-higher-derivatives.ipynb) shows what to do about such valleys.)

# %%
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.plot(x, np.sin(x), color=GREY, linewidth=4, alpha=0.5, label="sin x")
axes.plot(x, powers @ [0.753, 0.285, -0.130, -0.012], "--", color=ORANGE, label="start")
axes.plot(x, powers @ [a.data, b.data, c.data, d.data], color=BLUE, label="after 2,000 steps")
axes.plot(x, powers @ best, ":", color=GREEN, linewidth=2, label="best")
axes.set(xlabel="x", title="A cubic fitted to the sine", ylim=(-1.8, 1.8))
axes.legend()
plt.show()

# %% [markdown]
# ## Exercise
#
# Derive the gradients of $a$, $b$, $c$ and $d$ for the sum of squares, here over five points, and
# claim them. The first attempt below is what one writes after a course in which every loss had a ½
# in front.

# %%
x, y = np.array([-2.0, -1.0, 0.5, 1.0, 2.5]), np.sin([-2.0, -1.0, 0.5, 1.0, 2.5])
a, b = Value(0.2, "a"), Value(0.6, "b")
c, d = Value(-0.1, "c"), Value(-0.05, "d")
loss = sum((a + b * t + c * t**2 + d * t**3 - s) ** 2 for t, s in zip(x, y, strict=True))

error = a.data + b.data * x + c.data * x**2 + d.data * x**3 - y
verify(
    loss,
    {
        a: error.sum(),
        b: (error * x).sum(),
        c: (error * x**2).sum(),
        d: (error * x**3).sum(),
    },
)

# %% [markdown]
# The solution is in the next cell, folded in JupyterLab.

# %% jupyter={"source_hidden": true}
# Without the ½ the square leaves its 2.
verify(loss, {node: (2 * error * x**k).sum() for k, node in enumerate([a, b, c, d])})
