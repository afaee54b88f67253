"""A transformer that learns the labels with all its layers, for the comparison in `accuracy`.

What was computed once is kept in `.cache/`: a fold of the labelled rows takes a quarter of an hour on two cores.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from joblib import Memory
from numpy.typing import NDArray

from training.embeddings import CACHE, LONGEST, Transformer, folder_of

__all__ = ["fine_tuned"]

EPOCHS = 4
BATCH = 32
RATE, HEAD_RATE = 1e-4, 1e-3
"""The greatest learning rates of the layers and of the new heads: they rise for a tenth of the steps, then fall."""
DECAY = 0.01
POOL = 50
"""So many batches are drawn at a time and sorted by length, so that the texts of a batch need little padding."""


def fine_tuned(
    transformer: Transformer,
    texts: Sequence[str],
    topics: NDArray[np.bool_],
    tones: NDArray[np.int64],
    others: Sequence[str],
    n_tones: int,
) -> NDArray[np.float64]:
    """Train a transformer and linear heads on its mean token, and give the decision values of other texts.

    Parameters
    ----------
    transformer : Transformer
    texts : sequence of str
    topics : ndarray of bool, shape (n_texts, n_topics)
    tones : ndarray of int, shape (n_texts,)
        The place of each text's tone; -1 for none.
    others : sequence of str
    n_tones : int

    Returns
    -------
    ndarray of float64, shape (n_others, n_topics + n_tones)
        The loss is the sum of the binary cross-entropies of the topics and the cross-entropy of tone, by AdamW [1]_.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter. *Decoupled weight decay regularization.* ICLR 2019.
    """
    import torch

    kept = Memory(CACHE, verbose=0).cache(_trained)
    model, decide = _model(transformer, topics.shape[1] + n_tones)
    weights = kept(transformer, list(texts), np.asarray(topics), np.asarray(tones), n_tones)
    model.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    model.eval()
    order = sorted(range(len(others)), key=lambda row: len(others[row]))
    answers = np.zeros((len(others), topics.shape[1] + n_tones))
    with torch.no_grad():
        for begin in range(0, len(order), 2 * BATCH):
            part = order[begin : begin + 2 * BATCH]
            answers[part] = decide([others[row] for row in part]).double().numpy()
    return answers


def _trained(
    transformer: Transformer, texts: list[str], topics: NDArray[np.bool_], tones: NDArray[np.int64], n_tones: int
) -> dict[str, NDArray[np.float32]]:
    """Train, and give the weights by name."""
    import torch
    from torch.nn import functional

    n_topics = topics.shape[1]
    model, decide = _model(transformer, n_topics + n_tones)
    truth, tone = torch.tensor(topics, dtype=torch.float32), torch.tensor(tones)
    rates = [
        {"params": model["body"].parameters(), "lr": RATE},
        {"params": model["head"].parameters(), "lr": HEAD_RATE},
    ]
    optimizer = torch.optim.AdamW(rates, weight_decay=DECAY)
    n_steps = EPOCHS * math.ceil(len(texts) / BATCH)
    rise = n_steps / 10
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rise, (n_steps - step) / (n_steps - rise))
    )
    model.train()
    shuffled, begin = random.Random(0), time.monotonic()
    for epoch in range(EPOCHS):
        total = 0.0
        for batch in _batches([len(text) for text in texts], shuffled):
            decisions = decide([texts[row] for row in batch])
            loss = functional.binary_cross_entropy_with_logits(decisions[:, :n_topics], truth[batch]) * n_topics
            if (tone[batch] >= 0).any():
                loss = loss + functional.cross_entropy(decisions[:, n_topics:], tone[batch], ignore_index=-1)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch) / len(texts)
        seconds = time.monotonic() - begin
        print(f"{transformer.name}: epoch {epoch + 1} of {EPOCHS}, loss {total:.3f}, {seconds:.0f} s", file=sys.stderr)
    return {name: values.numpy() for name, values in model.state_dict().items()}


def _model(transformer: Transformer, n_labels: int) -> tuple[Any, Callable[[list[str]], Any]]:
    """Give a transformer with a new linear head, and what gives decision values by them."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    torch.manual_seed(0)
    folder = str(folder_of(transformer))
    tokenizer, body = (
        AutoTokenizer.from_pretrained(folder),
        AutoModel.from_pretrained(folder, attention_probs_dropout_prob=0.0),
    )
    model = torch.nn.ModuleDict({"body": body, "head": torch.nn.Linear(body.config.hidden_size, n_labels)})

    def decide(some: list[str]) -> Any:
        pieces = tokenizer(some, truncation=True, max_length=LONGEST, padding=True, return_tensors="pt")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = model["body"](**pieces).last_hidden_state
        mask = pieces["attention_mask"].unsqueeze(2)
        return model["head"]((states.float() * mask).sum(1) / mask.sum(1))

    return model, decide


def _batches(lengths: list[int], shuffled: random.Random) -> list[list[int]]:
    """Give the rows in batches of texts of like length, in an order that is random."""
    rows = list(range(len(lengths)))
    shuffled.shuffle(rows)
    batches = []
    for begin in range(0, len(rows), POOL * BATCH):
        some = sorted(rows[begin : begin + POOL * BATCH], key=lambda row: lengths[row])
        batches += [some[place : place + BATCH] for place in range(0, len(some), BATCH)]
    shuffled.shuffle(batches)
    return batches
