"""Whatever goes wrong at whatever moment: files are whole or not there, and a line says what it was."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from conftest import FIXTURES

import stance
from stance import cli, compiled, corpus
from stance.parallel import _result, in_order, n_cores

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals, limits and mounts of Linux")
HERE = Path(__file__).resolve().parent
MODEL = FIXTURES / "models" / "format-2.stance"
OLD = b"what was there before"
EARLY_PROCESSES = "from stance import answering, cli\nanswering.FEW = 1\nimport sys\nsys.exit(cli.main())"
"""The command line that starts processes for the second block."""


# Killed and interrupted ----------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one, so that a thousand rounds do not wait for the disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return

    with tempfile.TemporaryDirectory(dir=memory) as place:
        yield Path(place)


def rounds(how: str, work: str, folder: Path) -> tuple[int, int]:
    """Let work be ended many times: `faults` says how. Gives how many rounds found the old file, and the new one."""
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, HERE / "faults.py", how, work, folder],
        env={**os.environ, **one_thread},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    old, new = map(int, done.stdout.split())
    return old, new


WORKS = ["save", "train", "score.csv", "score.jsonl", "score.parquet", "resume.csv", "resume.parquet"]


@pytest.mark.slow
@pytest.mark.parametrize("work", WORKS)
def test_killed_at_any_moment_the_old_file_is_there_or_the_new_one(folder: Path, work: str) -> None:
    old, new = rounds("random", work, folder)
    assert old + new == 200
    assert min(old, new) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("work", ["save", "resume.csv"])
def test_killed_at_any_line_the_next_time_finishes_the_work(folder: Path, work: str) -> None:
    old, new = rounds("line", work, folder)
    assert old > 20
    assert new > 1


@pytest.mark.slow
@pytest.mark.parametrize("work", ["train", "score.parquet", "resume.csv"])
def test_interrupted_at_any_moment_it_says_so_in_a_line(folder: Path, work: str) -> None:
    assert sum(rounds("interrupt", work, folder)) == 50


@pytest.fixture(scope="module")
def many_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough for several blocks in processes."""
    path = tmp_path_factory.mktemp("rows") / "in.csv"
    texts = pd.read_csv(FIXTURES / "paragraphs.csv")[["text"]]
    pd.concat([texts] * 20).to_csv(path, index=False)
    return path


def scoring(source: Path, out: Path, *options: str) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", EARLY_PROCESSES, "score", source, out, "--model", MODEL, *options]
    return subprocess.Popen(arguments, stderr=subprocess.PIPE)


def workers_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Wait until a process has started others, all of them."""
    parent = psutil.Process(process.pid)
    while sum(map(is_worker, parent.children())) < n_cores() and process.poll() is None:
        time.sleep(0.005)
    return parent.children()


def is_worker(process: psutil.Process) -> bool:
    """Whether a process is one that scores, and has begun to."""
    with contextlib.suppress(psutil.Error):
        return "spawn_main" in " ".join(process.cmdline())
    return False


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--resume"]])
def test_when_scoring_is_killed_its_processes_end_too(folder: Path, many_rows: Path, options: list[str]) -> None:
    out = folder / "out.csv"
    with scoring(many_rows, out) as process:
        start = time.monotonic()
        workers_of(process)
        assert process.wait() == 0
        usual = time.monotonic() - start
    new = out.read_bytes()
    for share in (0.0, 0.4, 0.8):
        out.write_bytes(OLD)
        with scoring(many_rows, out, *options) as process:
            workers = workers_of(process)
            time.sleep(share * usual / 2)
            process.kill()
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert alive == []
        assert out.read_bytes() in (OLD, new)
    with scoring(many_rows, out, *options) as process:
        assert process.wait() == 0
    assert out.read_bytes() == new
    assert os.listdir(folder) == ["out.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--resume"]])
def test_a_process_that_is_killed_ends_scoring_with_a_line(folder: Path, many_rows: Path, options: list[str]) -> None:
    out = folder / "out.csv"
    out.write_bytes(OLD)
    with scoring(many_rows, out, *options) as process:
        workers = [one for one in workers_of(process) if is_worker(one)]
        workers[0].kill()
        assert process.stderr is not None
        told = process.stderr.read().decode()
        assert (process.wait(), told) == (
            2,
            "stance: a process that scored was ended from outside, for want of memory perhaps: try again, with "
            "--resume to keep what is done\n",
        )
    assert out.read_bytes() == OLD
    assert [name for name in os.listdir(folder) if not name.endswith(".partial")] == ["out.csv"]


def test_signals_all_the_time_change_nothing(tmp_path: Path, tiny_model: stance.Model) -> None:
    source = FIXTURES / "paragraphs.csv"
    arguments = ["score", "--prefix", "s_", "--model", str(MODEL), str(source)]
    assert cli.main([*arguments, str(tmp_path / "quiet.csv")]) == 0
    met = []
    before = signal.signal(signal.SIGALRM, lambda *_: met.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        tiny_model.save(tmp_path / "a.stance")
        assert cli.main([*arguments, str(tmp_path / "loud.csv")]) == 0
        assert cli.main([*arguments, str(tmp_path / "kept.csv"), "--resume"]) == 0
        stance.load(tmp_path / "a.stance")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(met) > 10
    quiet = (tmp_path / "quiet.csv").read_bytes()
    assert quiet == (tmp_path / "loud.csv").read_bytes() == (tmp_path / "kept.csv").read_bytes()
    tiny_model.save(tmp_path / "b.stance")
    assert (tmp_path / "a.stance").read_bytes() == (tmp_path / "b.stance").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["a.stance", "b.stance", "kept.csv", "loud.csv", "quiet.csv"]


# Disks ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a file system in memory with some options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(*options: str) -> Path:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", place],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"mounting is refused: {done.stderr.strip()}")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", place], check=True)


@pytest.fixture
def no_space(mounted: Callable[..., Path]) -> Path:
    """A disk of 64 KiB."""
    return mounted("size=64k")


def complaint(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that fails, and give what it said but for warnings."""
    assert cli.main([str(argument) for argument in arguments]) == 2
    out, told = capfd.readouterr()
    assert out == ""
    (line,) = [line for line in told.splitlines() if not line.startswith("stance: warning: ")]
    return line.removeprefix("stance: ")


COMMANDS: dict[str, list[object]] = {
    "out.csv": ["score", FIXTURES / "paragraphs.csv"],
    "out.jsonl": ["score", FIXTURES / "paragraphs.csv"],
    "out.csv.gz": ["score", FIXTURES / "paragraphs.csv"],
    "out.csv.zst": ["score", FIXTURES / "paragraphs.csv"],
    "out.parquet": ["score", FIXTURES / "paragraphs.csv"],
    "page.html": ["report", FIXTURES / "paragraphs.csv", "-o"],
    "rows.csv": ["suggest", FIXTURES / "paragraphs.csv", "-n", "400", "-o"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_keeps_the_old_file_and_is_told(
    no_space: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    (no_space / name).write_bytes(OLD)
    told = complaint(capfd, *COMMANDS[name], no_space / name)
    assert told == f"{no_space / name}: No space left on device"
    assert [path.name for path in no_space.iterdir()] == [name]
    assert (no_space / name).read_bytes() == OLD


def test_a_full_disk_keeps_what_was_done_where_work_is_resumed(
    mounted: Callable[..., Path], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = mounted("size=160k")
    monkeypatch.setattr(corpus, "BLOCK_ROWS", 32)
    monkeypatch.setattr(corpus, "PART_ROWS", 32)
    arguments = ["score", FIXTURES / "paragraphs.csv", disk / "out.csv", "--resume", "--model", MODEL]
    told = complaint(capfd, *arguments)
    assert told.endswith(": No space left on device")
    assert [path.name for path in disk.iterdir()] == ["out.csv.partial"]
    subprocess.run(["mount", "-o", "remount,size=2m", disk], check=True)
    assert cli.main([str(argument) for argument in arguments]) == 0
    assert [path.name for path in disk.iterdir()] == ["out.csv"]
    assert len(pd.read_csv(disk / "out.csv")) == 460


def test_a_model_that_does_not_fit_is_told(no_space: Path, tiny_model: stance.Model) -> None:
    path = no_space / "a.stance"
    path.write_bytes(OLD)
    with pytest.raises(OSError, match="No space left on device") as caught:
        tiny_model.save(path)
    assert caught.value.filename == str(path)
    assert [entry.name for entry in no_space.iterdir()] == ["a.stance"]
    assert path.read_bytes() == OLD


def test_a_limit_of_the_size_of_files_is_told(tmp_path: Path) -> None:
    program = (
        "import resource, signal, sys\nfrom stance import cli\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\nsys.exit(cli.main())"
    )
    arguments = ["score", FIXTURES / "paragraphs.csv", tmp_path / "out.csv", "--prefix", "s_", "--model", MODEL]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"stance: {tmp_path / 'out.csv'}: File too large\n")
    assert os.listdir(tmp_path) == []


def test_a_read_only_folder_is_told_before_training(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    out = tmp_path / "a.stance"
    told = complaint(capfd, "train", FIXTURES / "paragraphs.csv", "-o", out)
    assert told == f"{out}: cannot be written: its folder is read-only"


@pytest.mark.parametrize("name", [*COMMANDS, "model.stance", "resumed.csv"])
def test_a_read_only_disk_is_told(mounted: Callable[..., Path], capfd: pytest.CaptureFixture[str], name: str) -> None:
    disk = mounted("ro")
    command: list[object] = COMMANDS.get(name, ["train", FIXTURES / "paragraphs.csv", "-o"])
    options = []
    if name == "resumed.csv":
        command, options = COMMANDS["out.csv"], ["--resume"]
    told = complaint(capfd, *command, disk / name, *options)
    reason = "cannot be written: Read-only file system"
    if command[-1] == "-o":
        reason = "cannot be written: its folder is read-only"
    assert told == f"{disk / name}{'.partial' * bool(options)}: {reason}"
    assert list(disk.iterdir()) == []


# Standard streams ----------------------------------------------------------------------------------------------------


def shell(line: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run a line of the shell, in which ``stance`` is the command line."""
    define = 'stance() { "$PYTHON" -m stance "$@"; }\n'
    environment = {**os.environ, "PYTHON": sys.executable}
    command = ["bash", "-c", define + line, "bash", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("stance classify <&-", 2, "stance: -: cannot be read: Bad file descriptor\n"),
        ("stance score - <&-", 2, "stance: -: cannot be read: [Errno 9] Bad file descriptor\n"),
        ('stance classify "$1/article.txt" >&-', 2, "stance: writing: Bad file descriptor\n"),
        ('stance score --prefix s_ "$1/paragraphs.csv" >&-', 2, "stance: writing: Bad file descriptor\n"),
        ('stance classify "$1/none.txt" 2>&-', 2, ""),
        ('stance classify "$1/article.txt" | true; exit ${PIPESTATUS[0]}', 141, ""),
        ('stance score --prefix s_ "$1/paragraphs.csv" | true; exit ${PIPESTATUS[0]}', 141, ""),
    ],
)
def test_standard_streams_that_are_closed_are_told(line: str, code: int, told: str) -> None:
    done = shell(line, FIXTURES)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (code, b"", told)


def test_files_never_take_the_place_of_closed_streams(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    source = FIXTURES / "paragraphs.csv"
    done = shell('stance score "$1" "$2" <&- >&- 2>&-', source, out)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert cli.main(["score", str(source), str(tmp_path / "quiet.csv")]) == 0
    assert out.read_bytes() == (tmp_path / "quiet.csv").read_bytes()


def test_closed_streams_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.ExitStack() as opened:
        for name in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(sys, name, None)
        with contextlib.suppress(SystemExit):
            cli.main(["--version"])
        with pytest.raises(OSError, match="Bad file descriptor"):
            opened.enter_context(sys.stdin).read()
        with pytest.raises(OSError, match="Bad file descriptor"):
            opened.enter_context(sys.stdout).write("x")
        assert opened.enter_context(sys.stderr).write("x") == 1


# Memory --------------------------------------------------------------------------------------------------------------


def limited(megabytes: int, *arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run Python with a limit to its memory."""
    set_limit = f'ulimit -v {megabytes << 10}; exec "$@"'
    command = ["bash", "-c", set_limit, "bash", sys.executable, *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "limits"),
    [
        (["classify"], [22, 24, 27, 30, 33, 36, 48]),
        (["score", "IN", "out.csv"], [24, 60, 120, 200, 216, 222, 230, 260, 320]),
        (["score", "IN", "out.parquet"], [100, 200, 300, 400, 430, 460, 500, 600]),
        (["train", "IN", "-o", "out.stance"], [100, 680, 720, 800, 1200]),
    ],
)
def test_where_memory_is_limited_a_command_does_its_work_or_says_so_in_a_line(
    tmp_path: Path, command: list[str], limits: list[int]
) -> None:
    rows = pd.read_csv(FIXTURES / "paragraphs.csv")[["text", "topics", "tone"]]
    columns = ["text"] if command[0] == "score" else ["text", "topics", "tone"]
    rows.loc[:60, columns].to_csv(tmp_path / "in.csv", index=False)
    out = tmp_path / ("out" if len(command) == 1 else command[-1])
    names = {"IN": tmp_path / "in.csv", out.name: out}
    article = (FIXTURES / "article.txt").read_bytes()
    codes = []
    for megabytes in limits:
        done = limited(megabytes, "-m", "stance", *[names.get(part, part) for part in command], stdin=article)
        lines = [line for line in done.stderr.decode().splitlines() if not line.startswith("stance: warning: ")]
        assert done.returncode in (0, 2), done
        assert len(lines) == (done.returncode == 2), done
        assert all(line.startswith("stance: out of memory: ") for line in lines), done
        assert out.exists() == (done.returncode == 0 and len(command) > 1)
        out.unlink(missing_ok=True)
        assert os.listdir(tmp_path) == ["in.csv"]
        codes.append(done.returncode)
    assert (codes[0], codes[-1]) == (2, 0)


def test_a_model_that_does_not_fit_into_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(compiled, "Kernel", refuse)
    with pytest.raises(MemoryError) as caught:
        stance.load(MODEL)
    assert str(caught.value) == f"{MODEL}: there is no room for the model"


def test_openssl_without_memory_is_no_damaged_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(data: object) -> None:
        raise ValueError("[digital envelope routines] initialization error")

    monkeypatch.setattr(hashlib, "sha256", refuse)
    with pytest.raises(MemoryError):
        stance.load(MODEL)


def test_a_thread_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: object) -> None:
        raise RuntimeError("can't start new thread")

    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match=r"^cannot schedule new futures after shutdown$"):
        list(in_order(str.upper, "abc", pool=pool))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(MemoryError) as caught:
        list(in_order(str.upper, "abc"))
    assert str(caught.value) == "can't start new thread: memory or the number of processes is limited (ulimit -a)"


def test_a_thread_that_died_is_not_waited_for() -> None:
    pool = ThreadPoolExecutor(1)
    pending = pool.submit(time.sleep, 1.2)  # longer than it waits before it looks
    assert _result(pending, pool) is None
    pool.shutdown()
    lost: Future[None] = Future()
    with pytest.raises(MemoryError, match=r"^a thread ended for want of memory$"):
        _result(lost, pool)


LIBRARY = """
import hashlib, json, resource, sys
import stance
path, size, room = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
text = "Peace talks resumed in Geneva. " * size
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + room, -1))
try:
    model = stance.load(path)
    answers = [model.classify(text).tone, *(answer.tone for answer in model.classify_many([text[:50]] * 40 + [text]))]
    found = len(set(answers[:1] + answers[-1:]))
except MemoryError as error:
    found = str(error)
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
print(json.dumps(found))
"""


@pytest.mark.slow
def test_where_memory_is_limited_the_library_raises_memory_error_or_answers() -> None:
    found = []
    for room in (0, 256, 800, 900, 1200, 2000, 4000, 8000, 16000, 32000, 64000):
        command = [sys.executable, "-c", LIBRARY, str(MODEL), "100000", str(room << 10)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    assert found[0] == f"{MODEL}: there is no room for the model"
    assert found[-1] == 1
    assert "there is no room to score a text of 3100000 characters: split it" in found
    assert all(isinstance(answer, int) or answer for answer in found)


EVERY_CALL = """
import ctypes, gc, json, os, sys
import stance

library = ctypes.CDLL(os.environ["LD_PRELOAD"])
library.fail.argtypes = ctypes.c_long, ctypes.c_long
library.stop.restype = ctypes.c_long
texts = [f"The army fired a missile at the port {number}." for number in range(40)]
texts += ["\\u0130stanbul \\u03a3\\u0391\\u03a3 talks " * 300, "x" * 100]

def work():
    model = stance.load(sys.argv[1])
    one = model.classify("Peace talks resumed in Geneva.")
    many = model.classify_many(texts)
    large = model.classify(" ".join(f"talks{number}" for number in range(2000)))
    return [(answer.topics, answer.tone) for answer in (one, *many, large)]

def stop():
    while True:  # calling it takes memory too
        try:
            return library.stop()
        except MemoryError:
            pass

expected = work()
gc.disable()
found = {"answers": 0, "errors": 0}
for count in (1, 2, 20):
    number = n_calls = 0
    while number <= n_calls:
        library.fail(number, count)
        try:
            answers = work()
            n_calls = stop()
            assert answers == expected
            found["answers"] += 1
        except MemoryError:
            n_calls = max(stop(), number)
            found["errors"] += 1
        number += 1
    assert work() == expected
print(json.dumps(found))
"""


@pytest.mark.slow
def test_whichever_allocation_fails_scoring_raises_memory_error_or_answers(tmp_path: Path) -> None:
    library = tmp_path / "failing.so"
    try:
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "failing.c"], check=True)
    except FileNotFoundError:
        pytest.skip("no gcc")
    if stance.backend() == "python":
        pytest.skip("no kernel")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", EVERY_CALL, MODEL],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["errors"] > 100
    assert found["answers"] > 10
