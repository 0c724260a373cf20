"""Neurons, layers and networks out of scalar Values; losses, optimisers and training."""

import autograd

if not hasattr(autograd, "Value"):
    raise ImportError(
        f"the package `autograd` at {autograd.__file__} is not this project's: HIPS autograd "
        "has the same import name and is in the way. Use a fresh virtual environment."
    )

from nn import archive, data, deltas, init, losses, metrics, optim, plots, saving, schedulers
from nn.activations import (
    ELU,
    GELU,
    Activation,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from nn.archive import LoadError
from nn.callbacks import EarlyStopping
from nn.clipping import clip_grad_norm_, clip_grad_value_
from nn.conv import Conv2d
from nn.draw import draw
from nn.hooks import HookHandle
from nn.layers import (
    MLP,
    Dropout,
    Flatten,
    Linear,
    Neuron,
    Residual,
    Sequential,
    Unflatten,
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
from nn.metrics import accuracy_score, confusion_matrix, predicted_classes, r2_score
from nn.module import Module
from nn.norm import LayerNorm
from nn.plots import (
    plot_activations,
    plot_decision_boundary,
    plot_gradient_flow,
    plot_history,
    plot_loss_landscape,
    plot_predictions,
    plot_weights,
)
from nn.recorder import Recorder
from nn.recurrent import RNNCell
from nn.replay import replay
from nn.replay_training import replay_training
from nn.saving import load, save
from nn.schedulers import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from nn.summary import Summary
from nn.torch_exchange import from_torch, to_torch
from nn.training import History, accuracy, fit, predict
from nn.verify import Report, verify

__all__ = [
    # networks
    "Module", "Neuron", "Linear", "MLP", "Sequential", "Residual",
    "Conv2d", "RNNCell", "LayerNorm", "Dropout", "Flatten", "Unflatten",
    "Activation", "Identity", "ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Sigmoid", "Softplus",
    "Tanh", "Softmax", "LogSoftmax",
    "Summary", "HookHandle",
    # keeping, and exchange with PyTorch
    "save", "load", "LoadError", "to_torch", "from_torch",
    # losses
    "half_squared_error", "mse", "mae", "huber",
    "hinge", "logistic", "bce", "bce_with_logits", "cross_entropy",
    # schedules of the learning rate
    "LRScheduler", "StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR",
    "CosineAnnealingLR", "LambdaLR", "OneCycleLR", "SequentialLR", "ReduceLROnPlateau",
    # gradient clipping
    "clip_grad_norm_", "clip_grad_value_",
    # training
    "fit", "History", "EarlyStopping", "predict", "accuracy",
    # metrics
    "accuracy_score", "confusion_matrix", "predicted_classes", "r2_score",
    # plots
    "plot_decision_boundary", "plot_predictions", "plot_history", "plot_weights",
    "plot_loss_landscape", "plot_gradient_flow", "plot_activations",
    # verification against backprop by hand
    "verify", "Report",
    # pictures
    "draw", "replay", "replay_training", "Recorder",
    # modules
    "archive", "data", "deltas", "init", "losses", "metrics", "optim", "plots", "schedulers",
    "saving",
]  # fmt: skip
