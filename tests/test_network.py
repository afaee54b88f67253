"""Nothing goes over the network and nothing else is opened: neither to import nor to load, train, score or report."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import FIXTURES

import stance
from stance.parallel import n_cores

PACKAGE = Path(stance.__file__).parent
HOOK = """
import os, socket, sys

PLACES = ("ftplib.", "http.client.", "imaplib.", "poplib.", "smtplib.", "socket.", "urllib.")
FOLDER = os.environ["STANCE_WATCHED"]

def refuse(event, arguments):
    # Processes speak with each other through a pair of sockets that have no address.
    if event.startswith(PLACES) and not (event == "socket.__new__" and arguments[1] == socket.AF_UNIX):
        with open(os.path.join(FOLDER, "events"), "a") as file:
            print(event, file=file)
        raise ConnectionError(f"a test refuses {event}")

open(os.path.join(FOLDER, f"process-{os.getpid()}"), "w").close()
sys.addaudithook(refuse)
"""
"""Run by each Python process when it starts: it says that it did; what asks for the network is noted and fails."""
LEARN = """
import sys, warnings
import pandas as pd
import stance

stance.classify("Peace talks resumed.")
stance.classify_document("Peace talks resumed.\\n\\nThe army fired missiles.")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", stance.StanceWarning)
    model = stance.train(pd.read_csv("paragraphs.csv").head(60), progress=False)
model.save("own.stance")
again = stance.load("own.stance")
stance.score(pd.DataFrame({"text": ["Exports of wheat fell.", None]}), codes="cap")
print(again.digest == model.digest)
"""
COMMANDS = (
    "classify --json article.txt",
    "score many.csv scored.csv",
    "score paragraphs.csv scored.parquet",
    "train paragraphs.csv -o trained.stance",
    "evaluate paragraphs.csv --model trained.stance",
    "audit paragraphs.csv -o findings.csv",
    "suggest paragraphs.csv -o next.csv -n 5",
    "report article.txt -o article.html",
    "report scored.csv -o corpus.html",
    "report --evaluate paragraphs.csv -o evaluation.html",
)

ADDRESSES = """
import stance
from stance.cli import main

for ask in (
    lambda: stance.load("http://127.0.0.1:9/a.stance"),
    lambda: stance.train("http://127.0.0.1:9/a.csv"),
    lambda: stance.evaluate(stance.load(), "ftp://127.0.0.1:9/a.csv"),
):
    try:
        ask()
    except stance.StanceError as error:
        print(type(error).__name__)
print(main(["score", "http://127.0.0.1:9/a.csv", "scored.csv"]))
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    """A folder with some fixtures, in which `run` works and what the hook notes is kept."""
    (tmp_path / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    for name in ("article.txt", "paragraphs.csv"):
        shutil.copy(FIXTURES / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def run(watched: Path) -> Run:
    """Run Python with the hook, in it and in every process that it starts."""

    def run(*arguments: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(watched), str(PACKAGE.parent)])
        environment = {**os.environ, "PYTHONPATH": path, "STANCE_WATCHED": str(watched)}
        command = [*before, sys.executable, *arguments]
        return subprocess.run(command, cwd=watched, env=environment, capture_output=True, text=True, check=False)

    return run


def events(watched: Path) -> list[str]:
    """What asked for the network."""
    noted = watched / "events"
    return noted.read_text(encoding="utf-8").split() if noted.exists() else []


def processes(watched: Path) -> int:
    """How many processes the hook was in."""
    return len(list(watched.glob("process-*")))


def without_interfaces() -> tuple[str, ...]:
    """What to put before a command so that it has no network at all; nothing where the system does not allow it."""
    before = ("unshare", "--map-root-user", "--net")
    is_there = shutil.which("unshare") is not None
    if is_there and subprocess.run([*before, "true"], capture_output=True, check=False).returncode == 0:
        return before
    return ()


@pytest.mark.parametrize(
    ("program", "event"),
    [
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "socket.getaddrinfo"),
        ("import socket; socket.socket()", "socket.__new__"),
        ("import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')", "urllib.Request"),
        ("import subprocess, sys; subprocess.run([sys.executable, '-c', 'import socket; socket.socket()'], check=True)",
         "socket.__new__"),
    ],
)  # fmt: skip
def test_the_hook_refuses_and_notes_what_asks_for_the_network(
    program: str, event: str, run: Run, watched: Path
) -> None:
    assert run("-c", program).returncode == 1
    assert events(watched) == [event]


@pytest.mark.slow
def test_importing_classifying_training_and_scoring_ask_for_no_network(run: Run, watched: Path) -> None:
    done = run("-c", LEARN)
    assert (done.stdout, done.stderr) == ("True\n", "")
    assert events(watched) == []


@pytest.mark.slow
def test_the_command_line_asks_for_no_network_in_any_process(run: Run, watched: Path) -> None:
    (watched / "many.csv").write_text("text\n" + "Peace talks resumed.\n" * 40_000, encoding="utf-8")
    for command in COMMANDS:
        done = run("-m", "stance", *command.split(), before=without_interfaces())
        assert done.returncode == 0, f"{command}: {done.stderr}"
        if "many.csv" in command:
            # One for the command before, this one, one a core, and those that follow what they share.
            assert processes(watched) >= 2 + n_cores()
    assert events(watched) == []


@pytest.mark.slow
def test_an_address_in_place_of_a_path_is_not_followed(run: Run, watched: Path) -> None:
    done = run("-c", ADDRESSES)
    assert done.stdout.split() == ["ModelFileError", "TableError", "TableError", "2"]
    assert done.stderr == "stance: http://127.0.0.1:9/a.csv: cannot be opened: No such file or directory\n"
    assert events(watched) == []


def test_no_module_imports_what_speaks_to_the_network() -> None:
    speaking = {
        "asyncio",
        "ftplib",
        "http",
        "imaplib",
        "poplib",
        "requests",
        "smtplib",
        "socket",
        "ssl",
        "urllib",
        "xmlrpc",
    }
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                assert not {name.split(".")[0] for name in names} & speaking, path.name


def test_loading_a_model_opens_its_file_alone_and_runs_nothing(tmp_path: Path) -> None:
    """What is imported on the way is imported before: a first time, unseen."""
    path = str(FIXTURES / "models" / "format-2.stance")
    program = (
        "import json, sys, stance\n"
        f"path = {path!r}\n"
        "def use():\n"
        "    model = stance.load(path)\n"
        "    return model.card, model.classify('Peace talks resumed.'), model.decision_function(['Peace.'])\n"
        "use()\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, arguments: seen.append([event, arguments[0] if event == 'open' else None]))\n"
        "use()\n"
        "print(json.dumps(seen.copy()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert {event for event, _ in seen} <= {"builtins.id", "mmap.__new__", "open"}
    assert [opened for event, opened in seen if event == "open" and not isinstance(opened, int)] == [path]
