# %% [markdown]
# # 8 · Where gradients die
#
# A gradient is a sum of products along paths. A product of many factors smaller than one is next to
# nothing; of many factors larger than one, enormous. This notebook looks at the factors: the slope
# of the activation, and the weights. Then it chooses both so that the product stays near one.
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
    AnomalyError,
    Value,
    detect_anomaly,
    exp,
    explain,
    grad,
    mean,
    relu,
    sigmoid,
    softmax,
    tanh,
    verify,
)

plt.rcParams["figure.dpi"] = 100

# %% [markdown]
# ## The slope of an activation
#
# Going back through $a = f(z)$, a gradient is multiplied by $f'(z)$. Here are the slopes of three
# functions. That of the sigmoid is never above ¼, and both S-shaped functions are flat on either
# side: they **saturate**.

# %%
z = np.linspace(-6, 6, 241)
figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
for f, colour in (sigmoid, "#e07b00"), (tanh, "#0072b2"), (relu, "#009e73"):
    axes[0].plot(z, f(z), label=f.name, color=colour)
    axes[1].plot(z, [grad(f)(each) for each in z], label=f.name, color=colour)
axes[0].set(title="f(z)", xlabel="z", ylim=(-1.2, 2.2))
axes[1].set(title="its slope f'(z)", xlabel="z", ylim=(-0.05, 1.1))
axes[0].legend()
plt.show()

# %% [markdown]
# ## One neuron that has stopped learning
#
# A sigmoid neuron with target 0 and a large weight says 1 and is as wrong as it can be. Yet it
# hardly learns. `explain` prints the product and says where it fades.

# %%
w, x, b, y = Value(6.0, "w"), Value(2.0, "x"), Value(1.0, "b"), Value(0.0, "y")
a = sigmoid(w * x + b)
a.label = "a"
explanation = explain(0.5 * (a - y) ** 2, wrt=w)
print(explanation)

# %% [markdown]
# The error is 1, the input is 2, and the gradient is about five millionths: all of the loss is in
# the factor $\sigma'(z)$. The cure is not a better optimiser but another loss. Cross-entropy of the
# *logit* $z$ has the gradient $(a - y)\,x$: its own slope cancels $\sigma'$ exactly.

# %%
logit = w * x + b
print("half squared error of a   ", f"{explanation.gradient:.2e}")
print(
    "cross-entropy of the logit",
    f"{explain(nn.bce_with_logits([logit], [0.0]), wrt=w).gradient:.2e}",
)

# %% [markdown]
# ## Twelve layers
#
# One slope of ¼ is harmless; twelve in a row are $(1/4)^{12} \approx 6 \cdot 10^{-8}$. To see it,
# send a loss back through twelve layers of 16 neurons, and measure the mean size of $\delta =
# \partial L/\partial z$ in each. (It is the gradient of the bias.) First the same plain
# initialisation for three activations; read the curves from right to left, as the gradient flows:

# %%
rng = np.random.default_rng(0)
X, target = rng.normal(size=(4, 16)), np.ones(16)


def sizes(activation, spread):
    """Mean |δ| per layer, for weights of standard deviation spread/√16."""
    model = nn.MLP(16, [16] * 12, activation, rng=0)
    draws = np.random.default_rng(1)
    for layer in model.layers:
        for weight in layer.weight.ravel():
            weight.data = draws.normal(0.0, spread / 4.0)
        for bias in layer.bias:
            bias.data = 0.0
    mean([nn.half_squared_error(model(x), target) for x in X]).backward()
    return [np.mean([abs(bias.grad) for bias in layer.bias]) for layer in model.layers]


figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
for activation, colour in ("sigmoid", "#e07b00"), ("tanh", "#0072b2"), ("relu", "#009e73"):
    of_layers = sizes(activation, 1.0)
    axes.semilogy(range(1, 13), of_layers, "o-", label=activation, color=colour)
    print(f"{activation:8} first layer / last layer = {of_layers[0] / of_layers[-1]:.1e}")
axes.set(title="weights of variance 1/n", xlabel="layer", ylabel="mean |δ|", xticks=range(1, 13))
axes.legend()
plt.show()

# %% [markdown]
# ## Initialisation
#
# The other factor is the weight. A sum of $n$ products with weights of variance $s^2/n$ has $s^2$
# times the variance of what goes in, forward and backward. So each layer multiplies the gradient by
# about $s\,f'$. For $\tanh$, which is steepest at 0, $s = 1$ keeps the balance for a while (Xavier
# and Glorot); ReLU lets half of what arrives pass, so it wants $s = \sqrt2$ (He, "Kaiming"). With a
# smaller spread gradients vanish; with a larger one they explode.

# %% tags=["readme"]
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
spreads = (0.5, "#e07b00"), (1.0, "#0072b2"), (2**0.5, "#009e73"), (3.0, "#cc79a7")
for panel, activation in zip(axes, ("tanh", "relu"), strict=True):
    for spread, colour in spreads:
        of_layers = sizes(activation, spread)
        panel.semilogy(range(1, 13), of_layers, "o-", label=f"s = {spread:.3g}", color=colour)
    panel.set(title=activation, xlabel="layer", xticks=range(1, 13))
axes[0].set_ylabel("mean |δ|")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
plt.show()

# %% [markdown]
# ## Neurons that are dead for good
#
# The slope of ReLU is 1 or 0. A neuron whose $z$ is negative for *every* sample gets a gradient of
# exactly 0 from each, so no step of the optimiser changes it again. A bias that is pushed far below
# 0 is enough. Of the 16 neurons below:

# %%
many = rng.normal(size=(40, 16))
for shift in 0.0, -0.5, -1.0, -1.5:
    layer = nn.Linear(16, 16, rng=3)
    for bias in layer.bias:
        bias.data = shift
    sum(sum(relu(each) for each in layer(x)) for x in many).backward()
    dead = sum(bias.grad == 0.0 for bias in layer.bias)
    print(f"bias {shift:4}: {dead:2} of 16 neurons get no gradient from any of {len(many)} samples")

# %% [markdown]
# ## When a number stops being a number
#
# The other end: $e^{800}$ is larger than any double, so it becomes `inf`; `inf / inf` is `nan`, and
# so is all that is computed from that, gradients too, without an error. Under `detect_anomaly` the
# *first* operation that makes one raises, and names itself (and the source line, left out here).
# The remedy is a form in which no large number occurs; the package's `softmax` subtracts the
# largest score first.

# %%
z1, z2 = Value(800.0, "z1"), Value(2.0, "z2")
print("naive:  ", [exp(each) / (exp(z1) + exp(z2)) for each in (z1, z2)])
try:
    with detect_anomaly():
        exp(z1) / (exp(z1) + exp(z2))
except AnomalyError as found:
    print("found:  ", str(found).split(", made at")[0])
print("softmax:", softmax([z1, z2]))

# %% [markdown]
# ## Exercise
#
# A chain of single neurons: $a_0 = x$, $a_i = \tanh(w_i\, a_{i-1})$ for $i = 1, 2, 3$, and $L =
# \frac12 (a_3 - y)^2$. Derive $\partial L/\partial w_3$, $\partial L/\partial w_2$ and $\partial
# L/\partial w_1$, and count the slopes in each. The first attempt leaves some out, as many a sketch
# on a blackboard does; look at the ratio that `verify` prints to see by how much that overestimates
# the gradient of the first layer.

# %%
x, y = Value(1.5, "x"), Value(-0.5, "y")
w1, w2, w3 = Value(1.2, "w1"), Value(1.8, "w2"), Value(0.9, "w3")
a1 = tanh(w1 * x)
a2 = tanh(w2 * a1)
a3 = tanh(w3 * a2)
a1.label, a2.label, a3.label = "a1", "a2", "a3"
loss = 0.5 * (a3 - y) ** 2

verify(
    loss,
    {
        w3: lambda a3, a2, y: (a3 - y) * (1 - a3**2) * a2,
        w2: lambda a3, a1, y, w3: (a3 - y) * (1 - a3**2) * w3 * a1,
        w1: lambda a3, x, y, w3, w2: (a3 - y) * (1 - a3**2) * w3 * w2 * x,
    },
)

# %% [markdown]
# The solution is in the next cell, folded in JupyterLab.

# %% jupyter={"source_hidden": true}
# One slope per tanh on the way: one for w3, two for w2, three for w1.
verify(
    loss,
    {
        w3: lambda a3, a2, y: (a3 - y) * (1 - a3**2) * a2,
        w2: lambda a3, a2, a1, y, w3: (a3 - y) * (1 - a3**2) * w3 * (1 - a2**2) * a1,
        w1: lambda a3, a2, a1, x, y, w3, w2: (
            (a3 - y) * (1 - a3**2) * w3 * (1 - a2**2) * w2 * (1 - a1**2) * x
        ),
    },
)
