"""Files of arrays with a JSON header: .npz without pickle, written atomically, read with suspicion.

A file is an uncompressed zip of .npy files, as ``np.savez`` writes it, so ``np.load`` opens it
too. The member ``header`` holds JSON as bytes; every other member is an array of one of DTYPES.
Nothing in a file is ever executed or unpickled, and no file makes the reader take more memory
than a small multiple of the file's own size.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, unquote

import numpy as np

DTYPES = ("<f8", "<i8", "|u1")
HEADER = "header"
LONGEST_HEADER = 1 << 24  # bytes of JSON; a network that one can write down has fewer
TEMPORARY = ".saving"  # the end of the names of files that are not finished

Path_ = str | os.PathLike[str]


class LoadError(ValueError):
    """A file is not what it should be: truncated, damaged, or written by something else."""


# -- writing ---------------------------------------------------------------------------------


def write(path: Path_, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write the file, all of it or nothing: until it is complete, a former one stays as it was.

    The bytes go to a file ``.NAME.XXXXXXXX.saving`` in the same folder, reach the disk, and
    only then take the name ``path``, which file systems do in one step. A process that is killed
    on the way leaves such a file behind at most, see ``leftovers``.

    Args:
        path: the file, by its whole name.
        header: what JSON can hold: dicts with str keys, lists, str, bool, None, int and finite
            float.
        arrays: of float64, int64 or uint8.

    Raises:
        ValueError: for a header that JSON cannot hold.
        OSError: if the file cannot be written.
    """
    content = _packed(header, arrays)
    target = Path(os.path.realpath(path))  # the file itself, should there be a link to it
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}{TEMPORARY}")
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666
    )
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            with contextlib.suppress(OSError):
                shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def leftovers(path: Path_) -> list[Path]:
    """The unfinished files that killed writers of ``path`` have left; they may be deleted.

    One of a writer that is still at work is among them.
    """
    target = Path(os.path.realpath(path))
    start = f".{target.name}."
    return sorted(
        each
        for each in target.parent.iterdir()
        if each.name.startswith(start)
        and each.name.endswith(TEMPORARY)
        and len(each.name) == len(start) + 8 + len(TEMPORARY)
    )


def _packed(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    try:
        _check(header, "header")
    except RecursionError:
        raise ValueError("the header holds itself, or is nested too deep for JSON.") from None
    text = json.dumps(header, ensure_ascii=False, allow_nan=False, indent=1).encode()
    if len(text) > LONGEST_HEADER:
        raise ValueError(
            f"the header has {len(text):,} bytes; at most {LONGEST_HEADER:,} are kept."
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in {HEADER: np.frombuffer(text, np.uint8), **arrays}.items():
            if array.dtype.newbyteorder("<").str not in DTYPES:
                raise ValueError(f"{name} is an array of {array.dtype}, which is not kept.")
            member = io.BytesIO()
            plain = np.array(array, dtype=array.dtype.newbyteorder("<"), order="C")
            np.lib.format.write_array(member, plain, (1, 0), allow_pickle=False)
            # A date of its own would make files of equal models differ.
            info = zipfile.ZipInfo(f"{_escaped(name)}.npy", (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


def _check(thing: Any, where: str) -> None:
    """See to it that JSON gives the same back: it would turn other keys into text."""
    if isinstance(thing, Mapping):
        for key, each in thing.items():
            if type(key) is not str:
                raise ValueError(f"{where} has the key {key!r}, which is not a str.")
            _check(each, f"{where}[{key!r}]")
    elif isinstance(thing, list | tuple):
        for i, each in enumerate(thing):
            _check(each, f"{where}[{i}]")
    elif isinstance(thing, float) and not np.isfinite(thing):
        raise ValueError(f"{where} is {thing!r}, which JSON cannot hold.")
    elif not isinstance(thing, str | int | float | None):
        raise ValueError(
            f"{where} is {type(thing).__name__} {thing!r:.60}, which JSON cannot hold. "
            "It holds dicts, lists, str, bool, None, int and float."
        )


def _escaped(name: str) -> str:
    """The name without anything that a file system could read as a path; dots are kept."""
    text = quote(name, safe="").replace("..", "%2E%2E")
    return text[:-1] + "%2E" if text.endswith(".") else text


def _sync_folder(folder: Path) -> None:
    """Let the new name reach the disk, where folders can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# -- reading ---------------------------------------------------------------------------------


def read(path: Path_) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(header, arrays) of a file that ``write`` has written. The arrays are the caller's own.

    Raises:
        LoadError: for any other file, saying what is wrong with it.
        OSError: if there is no such file, or it cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            return _unpacked(file, size)
        except LoadError as error:
            raise LoadError(f"{os.fspath(path)}: {error}") from error.__cause__
        except Exception as error:  # a damaged zip makes zipfile raise nearly anything
            raise LoadError(
                f"{os.fspath(path)}: it is truncated, damaged, or no such file at all "
                f"({type(error).__name__}: {error})"
            ) from error


def _unpacked(file: Any, size: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [_plain_name(member) for member in members]
        if len(set(names)) < len(names):
            _refuse("two of its members have the same name")
        if HEADER not in names:
            _refuse(f"it has no {HEADER}.npy, so it was not written by this project")
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                _refuse(f"{member.filename!r} is compressed or encrypted, as we never write it")
        if sum(member.file_size for member in members) > size:
            _refuse("its members claim to be larger than the file itself")
        arrays = {
            name: _array(archive.read(member), name)
            for name, member in zip(names, members, strict=True)
        }
    header = arrays.pop(HEADER)
    if header.dtype != np.uint8 or header.ndim != 1 or len(header) > LONGEST_HEADER:
        _refuse(f"its header is {header.dtype} of shape {header.shape}, not bytes")
    return _parsed(header.tobytes()), arrays


def _plain_name(member: zipfile.ZipInfo) -> str:
    stem = member.filename.removesuffix(".npy")
    if stem == member.filename or _escaped(unquote(stem)) != stem:
        _refuse(f"it has a member {member.filename!r}, as we never write it")
    return unquote(stem)


def _array(content: bytes, name: str) -> np.ndarray:
    """The array in the bytes of a .npy file, if it is as ``write`` makes them."""
    stream = io.BytesIO(content)
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            _refuse(f"{name} is an array of another version")
        shape, by_columns, dtype = np.lib.format.read_array_header_1_0(stream)
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(f"{name} is no array: {error}") from error
    if dtype.str not in DTYPES or by_columns:
        _refuse(f"{name} is an array of {dtype}, not of plain numbers")
    n = 1
    for length in shape:
        if type(length) is not int or length < 0:
            _refuse(f"{name} has the shape {shape}")
        n *= length
    data = content[stream.tell() :]
    if len(data) != n * dtype.itemsize:
        _refuse(f"{name} says that it has the shape {shape}, but holds {len(data)} bytes")
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _parsed(text: bytes) -> dict[str, Any]:
    def unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, each in pairs:
            if key in found:
                _refuse(f"its header has {key!r} twice")
            found[key] = each
        return found

    def no_number(text: str) -> NoReturn:
        _refuse(f"its header holds {text}")

    def finite(text: str) -> float:
        number = float(text)
        return number if np.isfinite(number) else no_number(text)

    try:
        header = json.loads(
            text.decode(), object_pairs_hook=unique, parse_constant=no_number, parse_float=finite
        )
    except LoadError:
        raise
    except (ValueError, RecursionError) as error:
        raise LoadError(f"its header is no JSON: {error}") from error
    if not isinstance(header, dict):
        _refuse("its header is no JSON object")
    return header


def _refuse(what: str) -> NoReturn:
    raise LoadError(f"{what}.")
