# %% [markdown]
# # 7 · Higher derivatives: Newton's method and curvature
#
# The gradient says in which direction a function falls, but not how far to go. That is told by the
# slope of the slope. Here `grad` is applied to its own result, and the second derivative is put to
# work: in one dimension, then in a narrow valley, where it saves thousands of steps.
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

from autograd import Value, draw, exp, grad, hessian, hvp, sigmoid, square, verify

plt.rcParams["figure.dpi"] = 100

# %% [markdown]
# ## The derivative of a derivative
#
# `grad(f)` is a function like any other: it is computed out of `Value`s too, so it can be
# differentiated again. Where $f''$ is positive the curve bends up, where it is negative, down;
# where it is 0, it turns from one to the other.

# %%
f = lambda x: x**3 * exp(-(x**2) / 2)
x = np.linspace(-3.5, 3.5, 181)

figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
for function, name, colour in (
    (f, "f", "#0072b2"),
    (grad(f), "f'", "#e07b00"),
    (grad(grad(f)), "f''", "#009e73"),
):
    axes.plot(x, [function(each) for each in x], label=name, color=colour)
axes.axhline(0, color="gray", linewidth=0.8)
axes.set(xlabel="x", title="f(x) = x³ exp(-x²/2) and its derivatives")
axes.legend()
plt.show()

# %% [markdown]
# How is that possible? Each slope in the engine's table is written with the engine's own
# operations. Asked for a gradient that can be differentiated, `backward(create_graph=True)` records
# the backward pass as a graph of its own. This is the one for $L = \frac12(\sigma(z) - 1)^2$; its
# result is $\partial L/\partial z$, and further derivatives start from there.

# %%
z = Value(0.5, "z")
s = sigmoid(z)
s.label = "s"
loss = 0.5 * square(s - 1.0)
loss.backward(create_graph=True)
slope = z.grad
slope.label = "∂L/∂z"
slope.backward()
draw(slope)

# %% [markdown]
# ## How far to go
#
# Near a point, $f(x + s) \approx f + f' s + \frac12 f'' s^2$: a parabola. Its lowest point is at $s
# = -f'/f''$. **Newton's method** jumps there, and repeats. Gradient descent goes $s = -\eta f'$,
# with a rate $\eta$ that somebody has to guess. Both on $f(x) = e^x - 2x$, whose minimum is at $\ln
# 2$:

# %%
f = lambda x: exp(x) - 2 * x
slope, bend = grad(f), grad(grad(f))

newton = descent = 2.0
print("step   Newton: error     descent: error")
for step in range(7):
    print(f"{step:4}   {newton - np.log(2):<17.1e} {descent - np.log(2):.1e}")
    newton -= slope(newton) / bend(newton)
    descent -= 0.2 * slope(descent)

# %% [markdown]
# Look at the exponents: near the minimum each Newton step *doubles* the number of right digits,
# while descent adds the same fraction of a digit each time. The last error is that of rounding.
#
# ## A narrow valley
#
# In several dimensions the second derivatives form a matrix, the **Hessian** $H$. Its eigenvalues
# are the curvatures in its own directions. Rosenbrock's valley is steep across and nearly flat
# along:

# %%
valley = lambda p: (1 - p[0]) ** 2 + 20 * (p[1] - p[0] ** 2) ** 2
start = np.array([-1.0, 1.4])

H = hessian(valley)(np.array([1.0, 1.0]))
curvatures, directions = np.linalg.eigh(H)
print("H at the minimum =", H.tolist())
print("curvatures:", curvatures.round(3), "  ratio:", f"{curvatures[1] / curvatures[0]:.0f}")

# %% [markdown]
# Descent must keep its rate below $2/\text{largest curvature}$, or it would bounce off the walls;
# with that rate it crawls along the flat direction. Newton's step $-H^{-1}\nabla f$ divides each
# direction by its own curvature.

# %% tags=["readme"]
newton = [start]
for _ in range(6):
    newton.append(
        newton[-1] - np.linalg.solve(hessian(valley)(newton[-1]), grad(valley)(newton[-1]))
    )
descent = [start]
for _ in range(400):
    descent.append(descent[-1] - 0.008 * grad(valley)(descent[-1]))

across, up = np.meshgrid(np.linspace(-1.6, 1.6, 120), np.linspace(-1.8, 1.9, 120))
figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
axes.contour(across, up, valley([across, up]), np.geomspace(0.05, 250, 16), cmap="gray", alpha=0.6)
axes.plot(*np.transpose(descent), ".-", color="#e07b00", markersize=3, label="400 steps of descent")
axes.plot(*np.transpose(newton), "o-", color="#0072b2", label="6 steps of Newton")
axes.plot(1, 1, "*", color="#009e73", markersize=14, label="minimum")
axes.set(title="Rosenbrock's valley", xlim=(-1.6, 1.6), ylim=(-1.8, 1.9))
axes.legend(loc="lower left")
plt.show()
for name, path in ("Newton", newton), ("descent", descent):
    print(f"{name:8} after {len(path) - 1:3} steps: f = {valley(path[-1]):.1e}")

# %% [markdown]
# ## Why not always?
#
# A network with $n$ parameters has $n^2$ second derivatives, and solving for the step costs $n^3$.
# But often only a product $Hv$ is needed, the curvature in *one* direction. `hvp` computes it
# without the matrix, at the price of about two gradients.

# %%
v = np.array([1.0, 0.0])
print("H v with the matrix:   ", hessian(valley)(start) @ v)
print("H v without the matrix:", hvp(valley, start, v))

# %% [markdown]
# ## Exercise
#
# For $L = \frac12(s - 1)^2$ with $s = \sigma(z)$, derive $\partial^2 L/\partial z^2$. `verify`
# compares it with the derivative of the *slope*, the node that `create_graph` made. The first
# attempt below is a well-known approximation, named after Gauss and Newton, that leaves something
# out.

# %%
z = Value(0.5, "z")
s = sigmoid(z)
loss = 0.5 * square(s - 1.0)
loss.backward(create_graph=True)
slope = z.grad

sigma = s.data
first = sigma * (1 - sigma)
verify(slope, {z: first**2})

# %% [markdown]
# The solution is in the next cell, folded in JupyterLab.

# %% jupyter={"source_hidden": true}
# ∂L/∂z = (s - 1) σ'(z) depends on z twice: through s, which gives σ'², and through σ', which gives
# (s - 1) σ''. The second slope is σ'' = σ' (1 - 2σ).
second = first * (1 - 2 * sigma)
verify(slope, {z: first**2 + (sigma - 1) * second})
