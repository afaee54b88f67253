"""What is measured in other processes: a cold start, and stance without its compiled kernel.

The only private name that the benchmarks use, that of the kernel's module, is here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from training.rows import ROOT

__all__ = ["NO_KERNEL", "ask_without_kernel", "describe_install", "run_cold"]

NO_KERNEL = "expected the kernel, but stance.backend() is 'python': install with -e where there is a C compiler"
ANSWER = """
import json, sys
sys.modules["stance._kernel"] = None
import stance
from {module} import {function}
assert stance.backend() == "python"
for line in sys.stdin:
    print(json.dumps({function}(json.loads(line))), flush=True)
"""


def ask_without_kernel(module: str, function: str, questions: Iterable[Any]) -> Iterator[Any]:
    """Call a function in a process in which stance scores without its kernel.

    Parameters
    ----------
    module, function : str
        Where the function is; it takes one value that JSON can hold and gives one.
    questions : iterable
        What to call it with, one after the other.

    Yields
    ------
    object
        Each answer.
    """
    code = ANSWER.format(module=module, function=function)
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for question in questions:
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            yield json.loads(process.stdout.readline())


def run_cold(python: str, code: str) -> str:
    """Run Python code in a new process, away from the checkout, and give what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([python, "-c", code], cwd=folder, capture_output=True, check=False, text=True)
    if run.returncode:
        raise RuntimeError(f"{python} failed in a new process:\n{run.stderr}")
    return run.stdout


def describe_install(python: str) -> str:
    """Say how stance is installed for `python`."""
    file = Path(run_cold(python, "import stance; print(stance.__file__)").strip())
    return "an editable install" if file.is_relative_to(ROOT / "stance") else "a normal install"
