"""Frames of Dask and Spark in, the same with answers out, on real engines."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import stance
from stance import cluster
from stance.columns import Columns

PEACE = "The two governments signed a peace treaty and opened talks on trade."
WAR = "Rebels shelled the town and the army fired missiles at the port."


def rows(count: int = 400) -> pd.DataFrame:
    texts = [PEACE, WAR, None, "", f"{PEACE} {WAR}"]
    return pd.DataFrame({"n": range(count), "text": [texts[n % 5] for n in range(count)]})


# Dask ----------------------------------------------------------------------------------------------------------------

dd = pytest.importorskip("dask.dataframe")


def test_a_dask_frame_is_scored_when_it_is_computed(any_model: stance.Model) -> None:
    frame = dd.from_pandas(rows(), npartitions=3)
    answers = any_model.score(frame, probabilities=True, codes="cap", prefix="s_")
    assert isinstance(answers, dd.DataFrame)
    assert answers.npartitions == 3
    computed = answers.compute()
    assert computed.dtypes.to_dict() == answers.dtypes.to_dict()
    expected = any_model.score(rows(), probabilities=True, codes="cap", prefix="s_")
    pd.testing.assert_frame_equal(computed.convert_dtypes(), expected.convert_dtypes(), check_dtype=False)


def test_nothing_is_computed_to_find_the_columns(tiny_model: stance.Model) -> None:
    def fails(part: pd.DataFrame) -> pd.DataFrame:
        raise ZeroDivisionError

    frame = dd.from_pandas(rows(), npartitions=2).map_partitions(fails, meta=rows().head(0))
    answers = tiny_model.score(frame)
    assert list(answers.columns) == ["n", "text", "topics", "tone", "tone_score", "known"]
    with pytest.raises(ZeroDivisionError):
        answers.compute()


def test_a_dask_frame_without_the_column_is_told(tiny_model: stance.Model) -> None:
    with pytest.raises(stance.TableError, match=r"^expected a column 'body'\. Available: n, text\. Name the right one"):
        tiny_model.score(dd.from_pandas(rows(), npartitions=2), "body")


def slow(part: pd.DataFrame, marks: str) -> pd.DataFrame:
    """Leave a mark that this process had a partition, and take a while."""
    Path(marks, f"{os.getpid()}-{part['n'].iloc[0]}").touch()
    time.sleep(0.05)
    return part


def count_loads(marks: str) -> None:
    """Leave a mark whenever this process makes a model from bytes."""
    from stance import model

    before = model._from_bytes

    def counted(data: bytes) -> stance.Model:
        Path(marks, f"model-{os.getpid()}-{time.monotonic_ns()}").touch()
        return before(data)

    model._from_bytes = counted


@pytest.mark.slow
def test_a_worker_that_dies_loses_and_doubles_no_row(tiny_model: stance.Model, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as workers, distributed.Client(workers) as client:
        client.run(count_loads, str(tmp_path))
        pids = client.run(os.getpid)
        frame = dd.from_pandas(rows(2000), npartitions=80).map_partitions(slow, str(tmp_path), meta=rows().head(0))
        future = client.compute(tiny_model.score(frame))
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("[0-9]*"))) < 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(next(iter(pids.values())), 9)
        answers = future.result(timeout=120)
        loads = [path.name.split("-")[1] for path in tmp_path.glob("model-*")]
    pd.testing.assert_frame_equal(
        answers.convert_dtypes(), tiny_model.score(rows(2000)).convert_dtypes(), check_dtype=False
    )
    assert len(list(tmp_path.glob("[0-9]*"))) >= 80
    # Once in each process, of two workers and the one that took the place of the dead one; some once more, where the
    # dead one held the only copy. Not once in each of the 80 partitions.
    assert 1 <= len(set(loads)) <= 3
    assert len(loads) <= 6


# Spark ---------------------------------------------------------------------------------------------------------------


def of_spark(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a slow test that takes PySpark's own warnings: of what is to come, of distutils (3.5), of sockets."""
    for ignored in ("PySpark:FutureWarning", "The distutils:DeprecationWarning", "unclosed <socket:ResourceWarning"):
        test = pytest.mark.filterwarnings(f"ignore:{ignored}")(test)
    return pytest.mark.slow(test)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    sql = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def spark_frame(spark: Any, frame: pd.DataFrame) -> Any:
    texts = [None if pd.isna(text) else text for text in frame["text"]]
    return spark.createDataFrame(list(zip(frame["n"].tolist(), texts, strict=True)), "n long, text string")


@of_spark
def test_a_spark_frame_is_scored_when_an_action_asks(tiny_model: stance.Model, spark: Any) -> None:
    frame = spark_frame(spark, rows()).repartition(4)
    answers = tiny_model.score(frame, probabilities=True, codes="cap", prefix="s_")
    expected = tiny_model.score(rows(), probabilities=True, codes="cap", prefix="s_")
    assert answers.columns == list(expected.columns)
    assert dict(answers.dtypes)["s_known"] == "double"
    assert dict(answers.dtypes)["s_cap"] == "string"
    found = pd.DataFrame([row.asDict() for row in answers.orderBy("n").collect()])
    found = found.astype(dict.fromkeys(expected.select_dtypes("float").columns, float))
    pd.testing.assert_frame_equal(found.convert_dtypes(), expected.convert_dtypes(), check_dtype=False)


@of_spark
def test_a_spark_frame_keeps_the_place_of_a_replaced_column(tiny_model: stance.Model, spark: Any) -> None:
    frame = spark.createDataFrame([(1, PEACE)], "tone long, text string")
    with pytest.warns(stance.StanceWarning, match=r"^the answers replace the columns 'tone' of the frame: "):
        answers = tiny_model.score(frame)
    assert answers.columns == ["tone", "text", "topics", "tone_score", "known"]
    assert answers.first()["tone"] == tiny_model.classify(PEACE).tone


@pytest.mark.slow
def test_a_spark_frame_that_holds_no_texts_is_told(tiny_model: stance.Model, spark: Any) -> None:
    with pytest.raises(stance.TableError) as caught:
        tiny_model.score(spark.range(3), "id")
    assert str(caught.value) == (
        "column 'id': expected texts, but the column holds bigint: name the right one with text=, or make it text"
    )


def test_a_batch_of_spark_is_scored_with_what_was_shared(tiny_model: stance.Model) -> None:
    batch = pa.record_batch({"text": [PEACE, None]})
    columns = Columns(tiny_model)
    (answers,) = cluster._answered(iter([batch]), "text", lambda: columns)
    assert answers.to_pydict() == tiny_model.score(batch).to_pydict()


def test_spark_connect_which_cannot_broadcast_sends_the_model_with_the_work(tiny_model: stance.Model) -> None:
    columns = Columns(tiny_model)
    connected = type("DataFrame", (), {"__module__": "pyspark.sql.connect.dataframe"})()
    assert cluster._shared(connected, columns)() is columns
