# %% [markdown]
# # 10 · Your own op, a wrong slope, and the check that finds it
#
# The engine knows some fifty functions, each with its slope. When one is missing, add it: a value
# and one partial derivative per argument. A slip in a derivative raises no error. Training still
# runs, only worse, and this can go unnoticed for weeks. So this notebook adds an op, gets it wrong,
# looks at how little one notices, and lets `gradcheck` find the place.
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
from autograd import (
    GradcheckError,
    Value,
    custom_op,
    draw,
    grad,
    gradcheck,
    sigmoid,
    softplus,
    tanh,
    verify,
)

plt.rcParams["figure.dpi"] = 100

# %% [markdown]
# ## The smooth absolute value
#
# $f(x) = \sqrt{x^2 + 1} - 1$ looks like $|x|$ from far away and like $x^2/2$ nearby: a robust loss
# known as *pseudo-Huber*. Its slope is $x/\sqrt{x^2 + 1}$. In a hurry, one forgets the root:

# %%
wrong = custom_op(
    "pseudo_huber",
    lambda x: (x * x + 1.0) ** 0.5 - 1.0,
    lambda y, x: x / (x * x + 1.0),
)

# %% [markdown]
# ## Nothing complains
#
# The op works at once with everything: it can be drawn, used in a loss and sent backward. The
# picture even looks plausible.

# %%
prediction, target = Value(2.0, "a"), Value(0.5, "y")
error = wrong(prediction - target)
error.label = "L"
error.backward()
draw(error)

# %% [markdown]
# ## Ask for a second opinion
#
# The slope can be measured without any formula: nudge the input, and see by how much the output
# moves. `gradcheck` does this with steps of the best size, compares it with backward *and* forward
# mode, and looks into the graph for the op to blame.

# %%
try:
    gradcheck(lambda x: wrong(3.0 * x) + tanh(x), 0.4)
except GradcheckError as found:
    print("\n".join(line for line in str(found).splitlines() if "made at" not in line))

# %% [markdown]
# The function given was a composite of four nodes; the message names the one whose own partial is
# wrong, at the number where it was asked. (It names the source line, too, which is left out above,
# for it differs from machine to machine.) Why do the modes agree with each other? Both read the
# same wrong row. A second *implementation* of the same formula is no check; an independent
# measurement is.
#
# ## The right slope

# %%
pseudo_huber = custom_op(
    "pseudo_huber",
    lambda x: (x * x + 1.0) ** 0.5 - 1.0,
    lambda y, x: x / (y + 1.0),  # the rule may use the output: √(x² + 1) = y + 1
)
print("first order: ", gradcheck(pseudo_huber, 0.4))
print("second order:", gradcheck(pseudo_huber, 0.4, order=2))

# %% [markdown]
# A rule is written with ordinary operators, so that it can be differentiated itself: the second
# order came for free, and so does every further one.

# %%
x = np.linspace(-4, 4, 161)
f = pseudo_huber
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.plot(x, [f(each) for each in x], color="#0072b2", label="f")
axes.plot(x, [grad(f)(each) for each in x], color="#e07b00", label="f'")
axes.plot(x, [grad(grad(f))(each) for each in x], color="#009e73", label="f''")
axes.plot(
    x, [grad(wrong)(each) for each in x], color="#e07b00", linestyle=":", label="the wrong f'"
)
axes.set(xlabel="x", title="The op, its derivatives, and the slip")
axes.legend()
plt.show()

# %% [markdown]
# ## Would training have told?
#
# Fit a line to points on $y = 2x - 1$, of which four are spoilt, by gradient descent on the right
# and on the wrong op.

# %%
rng = np.random.default_rng(0)
inputs = np.linspace(-1, 1, 20)
outputs = 2 * inputs - 1 + rng.normal(0, 0.05, 20)
outputs[[2, 7, 12, 17]] += 4.0

for name, op in ("right", pseudo_huber), ("wrong", wrong):
    w, b = Value(0.0, "w"), Value(0.0, "b")
    sgd = nn.optim.SGD([w, b], lr=0.2)
    for _ in range(200):
        sgd.zero_grad()
        loss = sum(op(w * x - y + b) for x, y in zip(inputs, outputs, strict=True)) / 20
        loss.backward()
        sgd.step()
    print(f"{name}: y = {w.data:.3f} x + {b.data:.3f}   loss {loss.data:.3f}")

# %% [markdown]
# Hardly. Both runs end quietly, both lines look reasonable, and the wrong slope even comes nearer
# to $2x - 1$. But its loss is the larger one: it went down another hill than the one it claims to
# descend. Nothing in a training curve says so.
#
# ## Points where a function has a corner
#
# At a kink there is no derivative, only one from the left and one from the right. `gradcheck`
# measures both sides and accepts what lies between them. The built-in ops have their convention at
# each kink in a table; [OPS.md](../autograd/OPS.md) prints it.

# %%
hinge = custom_op("hinge", lambda x: max(x, 0.0), lambda y, x: float(x > 0.0))
print("at 0: ", gradcheck(hinge, 0.0), "  at 1:", gradcheck(hinge, 1.0))

# %% [markdown]
# ## Exercise
#
# The activation *mish* is $f(x) = x \tanh(\ln(1 + e^x))$; the inner part is known as softplus, and
# its slope is the sigmoid $\sigma(x)$. Derive $f'$ and write it as `rule`. The first attempt
# applies the product rule and stops one step too early.
#
# `verify` needs an engine that does not share your mistake: so the loss below computes the same
# function out of built-in ops. Once the claim is right, `gradcheck` looks at the op itself.


# %%
def rule(y, x):
    t = tanh(softplus(x))
    return t + x * (1.0 - t * t)


x = Value(0.8, "x")
loss = x * tanh(softplus(x))
print(verify(loss, {x: lambda x: rule(None, x)}))

mish = custom_op("mish", lambda x: x * tanh(softplus(x)), rule)
print("gradcheck:", gradcheck(mish, 0.8, raise_exception=False))

# %% [markdown]
# The solution is in the next cell, folded in JupyterLab.


# %% jupyter={"source_hidden": true}
# From x through softplus and tanh: the slope of tanh times that of softplus, which is the sigmoid.
def rule(y, x):
    t = tanh(softplus(x))
    return t + x * (1.0 - t * t) * sigmoid(x)


print(verify(loss, {x: lambda x: rule(None, x)}))

mish = custom_op("mish", lambda x: x * tanh(softplus(x)), rule)
print("gradcheck:", gradcheck(mish, 0.8, order=2))
