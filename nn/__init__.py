"""Neurons, layers and networks out of scalar Values; losses, optimisers and training."""

import autograd

if not hasattr(autograd, "Value"):
    raise ImportError(
        f"the package `autograd` at {autograd.__file__} is not this project's: HIPS autograd "
        "has the same import name and is in the way. Use a fresh virtual environment."
    )

from nn import data, deltas, init, losses, optim
from nn.layers import (
    MLP,
    Activation,
    Identity,
    Linear,
    Neuron,
    ReLU,
    Sequential,
    Sigmoid,
    Softplus,
    Tanh,
)
from nn.losses import (
    bce,
    bce_with_logits,
    cross_entropy,
    half_squared_error,
    hinge,
    huber,
    logistic,
    mae,
    mse,
)
from nn.module import Module
from nn.training import History, accuracy, fit, predict
from nn.verify import Report, verify

__all__ = [
    # networks
    "Module", "Neuron", "Linear", "MLP", "Sequential",
    "Activation", "Identity", "ReLU", "Sigmoid", "Softplus", "Tanh",
    # losses
    "half_squared_error", "mse", "mae", "huber",
    "hinge", "logistic", "bce", "bce_with_logits", "cross_entropy",
    # training
    "fit", "History", "predict", "accuracy",
    # verification against backprop by hand
    "verify", "Report",
    # modules
    "data", "deltas", "init", "losses", "optim",
]  # fmt: skip
