"""The command line: ``python -m nn train``, ``verify``, ``draw``, ``explain``, ``bench``, ``demo``.

``parser`` says what there is, ``problem`` makes data and models of it, and each command is a
module that is imported when it is run. Whatever is wrong with arguments and files is said in one
line before anything is written, with exit status 2; what goes wrong later ends with 1.
"""

from nn.cli.main import main

__all__ = ["main"]
