"""The formats of tables, told by the names of their files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from stance.errors import MissingExtraError, TableError, listed
from stance.memory import is_short

__all__ = [
    "STANDARD",
    "import_arrow",
    "is_gzip",
    "is_tsv",
    "is_zstd",
    "table_format",
    "without_compression",
]

STANDARD = "-"
"""The name for standard input or output."""
ARROW_ROOM = 400 << 20
"""What pyarrow maps of memory to be imported and to write a small table; with less it may crash."""


def table_format(path: str | Path) -> str:
    """Tell the format of a table from its name: "csv", "jsonl", "parquet", or "-" for standard input and output."""
    name = str(path).lower()
    if name == STANDARD:
        return STANDARD
    endings = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
    bare = without_compression(name)
    kind = endings.get(Path(bare).suffix)
    if kind is None or (kind == "parquet" and bare != name):
        message = f"expected a name that ends with {listed(endings)} (or .gz or .zst after the text formats)"
        raise TableError(message, path)
    return kind


def import_arrow(feature: str = "reading and writing Parquet files") -> Any:
    """Import pyarrow with pyarrow.parquet.

    Raises
    ------
    MissingExtraError
        It is not installed.
    MemoryError
        Memory is limited to less than it needs.
    """
    if "pyarrow" not in sys.modules and is_short(ARROW_ROOM):
        raise MemoryError(f"{feature} needs pyarrow, for which {ARROW_ROOM >> 20} MiB are needed at least")
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(feature, "pyarrow", "parquet") from None
    return pyarrow


def is_gzip(path: str) -> bool:
    """Say whether a file is gzipped, by its name."""
    return path.lower().endswith(".gz")


def is_zstd(path: str) -> bool:
    """Say whether a file is compressed by zstd, by its name."""
    return path.lower().endswith(".zst")


def without_compression(path: str) -> str:
    """Give a name without the ending that tells the compression."""
    return path[: -len(Path(path).suffix)] if is_gzip(path) or is_zstd(path) else path


def is_tsv(path: str) -> bool:
    """Say whether a text table has tabs between its fields, by its name."""
    return without_compression(path.lower()).endswith(".tsv")
