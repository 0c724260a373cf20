"""The few exceptions of the engine, each a kind of the builtin that a caller expects."""


class GraphError(RuntimeError):
    """A graph was asked for something that it cannot give, such as a gradient of a constant."""


class AnomalyError(FloatingPointError):
    """An operation made a nan or an infinity, under ``detect_anomaly``."""


class GradcheckError(AssertionError):
    """Derivatives that should agree do not; the message says which, and which op is at fault."""


class RenderError(RuntimeError):
    """A picture could not be rendered, for want of the program that does it."""


class VerificationError(AssertionError):
    """Gradients that should agree do not; the message is the report."""


class TraceError(TypeError):
    """A function cannot be compiled as it is; the message says why, where, and a way out."""
