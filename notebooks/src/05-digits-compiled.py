# %% [markdown]
# # 5 · Handwritten digits, compiled
#
# Real data: 1,797 digits, written by 43 people, as 8 × 8 pixels. A network with 2,410 weights
# learns to read them in a second or two, although every number in it is a Python object of its own.
# For `fit` does not run the scalars: it compiles them. This notebook trains first, and then looks
# at the program that ran, beside the formulas of the textbook.
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
from matplotlib import pyplot as plt

import nn
from autograd import compile, verify

plt.rcParams["figure.dpi"] = 100

# %% [markdown]
# ## The data
#
# The pixels go in as 64 numbers between 0 and 1. A third of the images is held out: the network
# never sees them in training, so they tell whether it has learned to read or only to remember.

# %%
data = nn.data.digits()
print(f"{len(data.y)} images to learn from, {len(data.y_test)} held out")
figure, cells = plt.subplots(2, 10, figsize=(8, 1.9), layout="constrained")
for cell, image, digit in zip(cells.flat, data.X, data.y, strict=False):
    cell.imshow(image.reshape(8, 8), cmap="gray_r")
    cell.set_title(digit, fontsize=9)
    cell.axis("off")
plt.show()

# %% [markdown]
# ## Training
#
# 64 inputs, 32 neurons with ReLU, 10 outputs, one *score* for each digit. Cross-entropy compares
# the softmax of the scores with the right digit.

# %%
model = nn.MLP(64, [32, 10], "relu", rng=0, init="kaiming_uniform")
history = nn.fit(
    model,
    nn.cross_entropy,
    data.X,
    data.y,
    epochs=12,
    optimizer=nn.optim.Adam(model.parameters(), lr=0.005),
    validation=(data.X_test, data.y_test),
    rng=0,
    progress=False,
)
print("compiled:", history.compiled)
print(f"held out: {nn.accuracy(model, data.X_test, data.y_test):.1%} right")
nn.plot_history(history)
plt.show()

# %% [markdown]
# What does it get wrong? A row for each true digit, a column for what was read:

# %%
scores = nn.predict(model, data.X_test)
read = scores.argmax(axis=1)
print(nn.confusion_matrix(data.y_test, read))

missed = np.flatnonzero(read != data.y_test)[:10]
figure, cells = plt.subplots(1, 10, figsize=(8, 1.2), layout="constrained")
for cell, i in zip(cells, missed, strict=True):
    cell.imshow(data.X_test[i].reshape(8, 8), cmap="gray_r")
    cell.set_title(f"{data.y_test[i]}, read {read[i]}", fontsize=8)
    cell.axis("off")
plt.show()

# %% [markdown]
# ## What ran
#
# Here is the loss of one sample, compiled as `fit` does it. `in_axes=0` says that the arguments
# come as batches. The target is the digit as ten numbers, nine of them 0, because a program of
# arrays cannot *pick* a score by an unknown index; it multiplies instead.

# %%
program = compile(lambda x, t: nn.cross_entropy(model(x), t), in_axes=0, reduce="mean")
targets = np.eye(10)[data.y]
loss, gradients = program.value_and_grad(data.X[:32], targets[:32])
print(f"loss {loss:.4f}, gradients", {name: g.shape for name, g in gradients.items()})
print()
print(program.source)

# %% [markdown]
# Read it from `# backwards` on, with the textbook beside it. `d2` is the $\delta$ of the last
# layer, softmax minus target; `dW2 = d2 @ a1.T` is the outer product, which sums over the batch by
# itself; `W2.T @ d2` takes $\delta$ back through the layer, and `(a1 > 0.0)` is the slope of ReLU.
# The same lines, printed as formulas:

# %%
Math(program.formulas())

# %% [markdown]
# ## The same, node by node
#
# The engine can also run the 32 samples as what they are, a graph of scalars. The gradients agree
# to rounding:

# %%
model.zero_grad()
samples = zip(data.X[:32], data.y[:32].tolist(), strict=True)
(sum(nn.cross_entropy(model(x), digit) for x, digit in samples) / 32).backward()

for name, parameters in model.named_parameters():
    by_node = np.array([p.grad for p in parameters.ravel()]).reshape(parameters.shape)
    difference = np.abs(by_node - gradients[name]).max() / np.abs(by_node).max()
    print(f"{name:16} {parameters.shape!s:9} agrees to 1e-12: {difference < 1e-12}")

# %% [markdown]
# ## What the neurons look for
#
# The weights of a hidden neuron are one number for each pixel, so they can be seen: where ink makes
# it fire, and where ink keeps it quiet.

# %%
nn.plot_weights(model.layers[0])
plt.show()

# %% [markdown]
# ## Exercise
#
# Write the backward pass for one image in NumPy, for 2,400 of the parameters. `verify` takes whole
# arrays and reports those that are wrong. The first attempt has one wrong letter.

# %%
image, digit = data.X[0], int(data.y[0])
loss = nn.cross_entropy(model(image), digit)

state = model.state_dict()
W1, b1 = state["layers.0.weight"], state["layers.0.bias"]
W2, b2 = state["layers.1.weight"], state["layers.1.bias"]
z1 = W1 @ image + b1
a1 = np.maximum(z1, 0)
scores = W2 @ a1 + b2
softmax = np.exp(scores) / np.exp(scores).sum()

d2 = softmax - np.eye(10)[digit]
d1 = (W2.T @ d2) * (z1 > 0)
claims = {
    "layers.1.weight": np.outer(d2, z1),
    "layers.0.weight": np.outer(d1, image),
    "layers.0.bias": d1,
}
verify(loss, claims, model)

# %% [markdown]
# The solution is in the next cell, folded in JupyterLab.

# %% jupyter={"source_hidden": true}
# What the second layer received is a1, not z1.
verify(loss, claims | {"layers.1.weight": np.outer(d2, a1)}, model)
