"""The state of a training run as one file, whole or not there; loading gives back the same bits.

The leaves are written in the order of the tree by equinox, after a line of JSON with their shapes and dtypes, so that a
file of other runs is refused before anything is read.
"""

import io
import json
from pathlib import Path
from typing import TypeVar

import equinox as eqx
import jax

from ..errors import RequestError
from ..shell.files import write_by_rename

Tree = TypeVar("Tree")


def save_state(path: Path, tree: Tree) -> None:
    """Write the tree's arrays to `path`."""
    stream = io.BytesIO()
    stream.write(json.dumps(_shapes(tree)).encode() + b"\n")
    eqx.tree_serialise_leaves(stream, tree)
    write_by_rename(path, stream.getvalue())


def load_state(path: Path, like: Tree) -> Tree:
    """The tree of `path`, which must have the structure of `like`; RequestError if it has not."""
    with path.open("rb") as stream:
        try:
            found = json.loads(stream.readline())
        except ValueError:
            raise RequestError(f"{path}: expected a checkpoint, got another kind of file") from None
        if found != _shapes(like):
            raise RequestError(f"{path}: expected a checkpoint of these runs, got one of others (move it away)")
        return eqx.tree_deserialise_leaves(stream, like)


def _shapes(tree: Tree) -> list[list]:
    return [[str(leaf.dtype), list(leaf.shape)] for leaf in jax.tree.leaves(tree) if eqx.is_array_like(leaf)]
