"""Threads, forks and other processes: the same answers, from one model that nobody can change."""

from __future__ import annotations

import copy
import dataclasses
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from test_any_text import FEW, NASTY
from test_contracts import TEXTS

import stance
from stance import api
from stance.once import once

N_THREADS = 64
MANY = [
    *(text for text in TEXTS if len(text) < 500),
    *FEW,
    *(text for text in NASTY.values() if len(text) < 500),
    "the war and the peace " * 300,
]
on_posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


def facts(answer: stance.Classification) -> tuple[object, ...]:
    """All that an answer says, in a form that is compared at once."""
    return answer._answer[:7] if answer.abstained is None else (answer.known, answer.abstained)


def at_once(work: Callable[[int], object], n_threads: int = N_THREADS) -> list[Any]:
    """Do something in threads that begin at the same moment."""
    barrier = threading.Barrier(n_threads)

    def begin(number: int) -> object:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(begin, range(n_threads)))


@pytest.fixture
def often() -> Any:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)
    yield
    sys.setswitchinterval(before)


# Threads -------------------------------------------------------------------------------------------------------------


def ask(model: stance.Model, expected: Sequence[object], n_calls: int, number: int) -> int:
    """Classify texts one after the other, each thread from another one on, and count the calls."""
    for call in range(n_calls):
        place = (call * 7 + number) % len(MANY)
        if facts(model.classify(MANY[place])) != expected[place]:
            return call
    return n_calls


@pytest.mark.usefixtures("often")
def test_many_threads_get_the_answers_of_one(default_model: stance.Model) -> None:
    assert_asked(default_model, 200)


@pytest.mark.slow
def test_many_threads_get_the_answers_of_one_however_often_they_ask(default_model: stance.Model) -> None:
    assert_asked(default_model, 100_000)


def assert_asked(model: stance.Model, n_calls: int) -> None:
    """Let threads ask a new model, which builds its tables while they do."""
    expected = [facts(answer) for answer in model.classify_many(MANY)]
    new = stance.Model(model._contents)
    assert at_once(partial(ask, new, expected, n_calls)) == [n_calls] * N_THREADS


@pytest.mark.usefixtures("often")
def test_threads_may_ask_a_new_model_anything(default_model: stance.Model) -> None:
    """What is made when it is first asked for is asked for by all of them first."""
    new = stance.Model(default_model._contents)
    label = new.labels[0]

    def everything(model: stance.Model, text: str) -> tuple[object, ...]:
        return (
            model.decision_function([text, "war"]).tobytes(),
            model.predict_proba([text]).tobytes(),
            model.explain(text, label, k=None),
            repr(model.classify_document(text)),
            model.classify(text)._repr_html_(),
            model.digest,
            model.card,
            model.parameters.words[:9],
            model.intercept_.tobytes(),
        )

    def ask_anything(number: int) -> tuple[str, tuple[object, ...]]:
        text = MANY[number % len(MANY)]
        return text, everything(new, text)

    for text, found in at_once(ask_anything):
        assert found == everything(default_model, text)


@pytest.mark.usefixtures("often")
def test_threads_may_score_frames_at_the_same_time(default_model: stance.Model) -> None:
    frame = pd.DataFrame({"text": pd.Series(MANY, dtype=object)})
    expected = default_model.score(frame, probabilities=True, progress=False)
    for found in at_once(lambda _: default_model.score(frame, probabilities=True, progress=False), 8):
        pd.testing.assert_frame_equal(found, expected)


FIRST = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
import stance
from stance import storage
sys.setswitchinterval(1e-6)
read, n_read, barrier = storage.read, [], threading.Barrier(64)
def counted(*path, **options):
    n_read.append(path)
    return read(*path, **options)
storage.read = counted
def first(number):
    barrier.wait()
    {work}
with ThreadPoolExecutor(64) as pool:
    found = set(pool.map(first, range(64)))
print(len(found), len(n_read), found <= {{stance.load(), repr(stance.classify('Peace talks resumed.'))}})
"""


@pytest.mark.parametrize(
    "work",
    [
        "return stance.load()",
        "return repr(stance.classify('Peace talks resumed.'))",
        "return stance.load() if number % 2 else (stance.classify('war'), stance.load())[1]",
    ],
    ids=["load", "classify", "both"],
)
def test_the_default_model_is_loaded_once_though_64_threads_ask_first(work: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST.format(work=work)], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "1 1 True\n"


def test_what_cannot_be_made_is_tried_again() -> None:
    results: list[Any] = [stance.ModelFileError("default.stance", "it is gone"), stance.ModelFileError("a", "b"), 7]

    def make() -> int:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return int(result)

    get = once(make)
    for _ in range(2):
        with pytest.raises(stance.ModelFileError):
            get()
    assert (get(), get()) == (7, 7)


def test_making_may_be_interrupted_by_one_that_makes_the_same() -> None:
    """As by the handler of a signal, in the same thread."""
    made: list[int] = []

    def make() -> int:
        made.append(0)
        if len(made) == 1:
            assert get() == 2
        return len(made)

    get = once(make)
    assert (get(), get(), len(made)) == (2, 2, 2)


# Other processes -----------------------------------------------------------------------------------------------------


def answers_of(model: stance.Model) -> list[str]:
    return [repr(answer) for answer in model.classify_many(MANY)] + [repr(model.classify(text)) for text in MANY]


def answers_of_the_default_model() -> list[str]:
    return answers_of(stance.load())


def put_answers(model: stance.Model, answers: Any) -> None:
    answers.put(answers_of(model))


@on_posix
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_answers_the_same_while_threads_ask(default_model: stance.Model) -> None:
    expected = answers_of(default_model)
    stop = threading.Event()

    def go_on(number: int) -> None:
        while not stop.is_set():
            default_model.classify(MANY[number % len(MANY)])
            default_model.decision_function(MANY)

    threads = [threading.Thread(target=go_on, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            assert forked(lambda: answers_of(default_model) == expected)
            assert forked(lambda: answers_of_the_default_model() == expected)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert answers_of(default_model) == expected


@on_posix
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_does_not_wait_for_a_thread_that_it_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was loading the default model when the process was forked."""
    is_loading, may_end = threading.Event(), threading.Event()

    def slow() -> stance.Model:
        if threading.current_thread() is thread:
            is_loading.set()
            may_end.wait()
        return api.load_default()

    monkeypatch.setattr(api, "_default", once(slow))
    thread = threading.Thread(target=stance.load)
    thread.start()
    is_loading.wait()
    try:
        assert forked(lambda: stance.classify("Peace talks resumed.").tone == "cooperative")
    finally:
        may_end.set()
        thread.join()


def forked(is_right: Callable[[], bool]) -> bool:
    """Say what a fork of this process finds, which has a minute for it."""
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        code = 1
        try:
            code = 0 if is_right() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["default", "tiny"])
def test_a_spawned_process_takes_a_model(request: pytest.FixtureRequest, name: str) -> None:
    model = request.getfixturevalue(f"{name}_model")
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=put_answers, args=(model, answers))
    process.start()
    assert answers.get(timeout=120) == answers_of(model)
    process.join()
    assert process.exitcode == 0


@pytest.mark.slow
def test_pools_of_processes_take_a_model(tiny_model: stance.Model, default_model: stance.Model) -> None:
    models = [tiny_model, default_model]
    expected = [answers_of(model) for model in models]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(answers_of, models)) == expected
        assert pool.submit(answers_of_the_default_model).result() == expected[1]
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert joblib.Parallel()(joblib.delayed(answers_of)(model) for model in models) == expected


# Models are never changed --------------------------------------------------------------------------------------------


def test_no_attribute_of_a_model_can_be_set_or_deleted(any_model: stance.Model) -> None:
    expected = answers_of(any_model)
    names = {name for name in dir(any_model) if not name.startswith("__")} | {"anything", "_contents"}
    for name in sorted(names):
        for change in (partial(setattr, any_model, name, None), partial(delattr, any_model, name)):
            with pytest.raises(AttributeError) as caught:
                change()
            assert str(caught.value) == f"a Model cannot be changed: {name!r} stays as it is"
    assert not hasattr(any_model, "__dict__")
    assert answers_of(any_model) == expected


def test_what_a_model_gives_out_does_not_change_it(any_model: stance.Model) -> None:
    expected, card, digest = answers_of(any_model), any_model.card, any_model.digest
    for values in (any_model.decision_function(TEXTS), any_model.predict_proba(TEXTS)):
        values[:] = 7.0
    answers = any_model.answers(TEXTS)
    for column in (answers.decisions, answers.probabilities, answers.known):
        column[0] = 7.0
    answer = any_model.classify(TEXTS[0])
    for mapping in (answer.probabilities, answer.tones, answer.to_dict()):
        mapping.clear()  # type: ignore[attr-defined]
    any_model.card.clear()  # type: ignore[attr-defined]
    any_model.card["data"]["rows"] = -1
    any_model.parameters.card.clear()  # type: ignore[attr-defined]
    pipeline = any_model.to_sklearn()
    for head in pipeline[-1].estimators_:
        head.coef_[:] = 0
        head.intercept_[:] = 0
    assert (answers_of(any_model), any_model.card, any_model.digest) == (expected, card, digest)
    assert np.isfinite(any_model.decision_function(TEXTS)).all()


def test_the_mappings_and_arrays_of_a_model_cannot_be_written_to(any_model: stance.Model) -> None:
    thresholds: Any = any_model.thresholds
    with pytest.raises(TypeError):
        thresholds["anything"] = 0.0
    assert set(thresholds) == set(any_model.topics)
    parameters = any_model.parameters
    arrays = [value for value in vars(parameters).values() if isinstance(value, np.ndarray)]
    arrays += [value for value in vars(parameters.rule).values() if isinstance(value, np.ndarray)]
    assert len(arrays) == 12
    for array in (*arrays, any_model.intercept_):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True
    with pytest.raises(dataclasses.FrozenInstanceError):
        parameters.idf = None  # type: ignore[misc, assignment]


def test_a_copy_of_a_model_or_an_answer_is_the_same_object(any_model: stance.Model) -> None:
    answer = any_model.classify(TEXTS[0])
    for value in (any_model, answer, any_model.classify_document(TEXTS[0])):
        assert copy.copy(value) is value
        assert copy.deepcopy(value) is value
    assert copy.deepcopy({"model": [any_model]})["model"][0] is any_model
    assert weakref.ref(any_model)() is any_model


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_model_is_pickled_by_its_content(any_model: stance.Model, protocol: int) -> None:
    pickled = pickle.dumps(any_model, protocol)
    again = pickle.loads(pickled)
    assert again.digest == any_model.digest
    assert again.path is None
    assert answers_of(again) == answers_of(any_model)
    assert protocol == 2 or any_model.n_bytes < len(pickled) < any_model.n_bytes + 500
    assert pickle.dumps(again, protocol) == pickled


def test_a_pickled_model_that_was_tampered_with_is_refused(any_model: stance.Model) -> None:
    make, (data,) = any_model.__reduce__()
    for place in np.linspace(0, len(data) - 1, 40).astype(int).tolist():
        tampered = bytearray(data)
        tampered[place] ^= 1
        with pytest.raises(stance.ModelFileError, match="<pickled model>: not a usable model file: "):
            make(bytes(tampered))
    for wrong in (b"", data[:-1], data + b"\0", data[: len(data) // 2]):
        with pytest.raises(stance.ModelFileError):
            make(wrong)
    with pytest.raises(stance.ModelFileError):
        pickle.loads(pickle.dumps(any_model, 2).replace(b"\x93STANCE", b"\x93STANZA"))


def test_a_saved_pickle_is_read_where_the_file_has_gone(tiny_model: stance.Model, tmp_path: Path) -> None:
    tiny_model.save(tmp_path / "tiny.stance")
    (tmp_path / "tiny.pickle").write_bytes(pickle.dumps(stance.load(tmp_path / "tiny.stance")))
    (tmp_path / "tiny.stance").unlink()
    assert answers_of(pickle.loads((tmp_path / "tiny.pickle").read_bytes())) == answers_of(tiny_model)


def test_training_from_a_base_leaves_it_as_it_was(tiny_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    expected, digest = answers_of(tiny_model), tiny_model.digest
    with warnings.catch_warnings(action="ignore", category=stance.StanceWarning):
        made = stance.train(paragraphs.iloc[:40], base=tiny_model, progress=False)
    assert made.digest != digest
    assert (answers_of(tiny_model), tiny_model.digest) == (expected, digest)
