"""Transformers that learn the labels with some or all of their layers: part of the teacher, and compared with.

What was computed once is kept in `.cache/`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Memory
from numpy.typing import NDArray
from tqdm import tqdm

from training.embeddings import CACHE, LONGEST, Transformer, folder_of

__all__ = ["Recipe", "Shown", "fine_tuned"]

BATCH = 32
RATE, HEAD_RATE = 1e-4, 1e-3
"""The greatest learning rates of the layers and of the new heads: they rise for a tenth of the steps, then fall."""
DECAY = 0.01
POOL = 50
"""So many batches are drawn at a time and sorted by length, so that the texts of a batch need little padding."""

Weights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Recipe:
    """How a transformer is trained.

    Attributes
    ----------
    transformer : Transformer
        One of the form of BERT.
    n_frozen : int
        So many of the lower layers stay as they are, and the embeddings of word pieces with them; with 0 nothing does.
    epochs : int
    n_topics, n_tones : int
    """

    transformer: Transformer
    n_frozen: int
    epochs: int
    n_topics: int
    n_tones: int


@dataclass(frozen=True, eq=False)
class Shown:
    """Labelled texts to learn from.

    Attributes
    ----------
    texts : list of str
    topics : ndarray of bool, shape (n_texts, n_topics)
    tones : ndarray of int, shape (n_texts,)
        The place of each text's tone; -1 for none.
    """

    texts: list[str]
    topics: NDArray[np.bool_]
    tones: NDArray[np.int64]


def fine_tuned(recipe: Recipe, shown: Sequence[Shown], others: Sequence[str]) -> list[NDArray[np.float32]]:
    """Train a transformer and linear heads on its mean token anew for each set of texts; give the values of others.

    Parameters
    ----------
    recipe : Recipe
    shown : sequence of Shown
    others : sequence of str

    Returns
    -------
    list of ndarray of float32, shape (n_others, n_topics + n_tones)
        The decision values by each of the trained models. The loss is the sum of the binary cross-entropies of the
        topics and the cross-entropy of tone, by AdamW [1]_.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter. *Decoupled weight decay regularization.* ICLR 2019.
    """
    memory = Memory(CACHE, verbose=0)
    trained = [memory.cache(_trained)(recipe, some) for some in shown]
    values: list[NDArray[np.float32]] = memory.cache(_decisions)(recipe, trained, list(others))
    return values


def _trained(recipe: Recipe, shown: Shown) -> Weights:
    """Train, and give the weights by name."""
    import torch
    from torch.nn import functional

    network = _Network(recipe)
    parts = network.lower(shown.texts)
    truth, tones = torch.tensor(shown.topics, dtype=torch.float32), torch.tensor(shown.tones)
    model = network.model
    rates = [
        {"params": model["body"].parameters(), "lr": RATE},
        {"params": model["head"].parameters(), "lr": HEAD_RATE},
    ]
    optimizer = torch.optim.AdamW(rates, weight_decay=DECAY)
    n_steps = recipe.epochs * math.ceil(len(parts) / BATCH)
    rise = n_steps / 10
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rise, (n_steps - step) / (n_steps - rise))
    )
    model.train()
    shuffled = random.Random(0)
    batches = [batch for _ in range(recipe.epochs) for batch in _batches([len(part) for part in parts], shuffled)]
    for batch in tqdm(batches, desc=f"training {recipe.transformer.name}", unit="batch", mininterval=10):
        values = network.decide([parts[row] for row in batch])
        loss = functional.binary_cross_entropy_with_logits(values[:, : recipe.n_topics], truth[batch]) * recipe.n_topics
        if (tones[batch] >= 0).any():
            loss = loss + functional.cross_entropy(values[:, recipe.n_topics :], tones[batch], ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return {name: values.numpy() for name, values in model.state_dict().items()}


def _decisions(recipe: Recipe, trained: Sequence[Weights], texts: list[str]) -> list[NDArray[np.float32]]:
    """Give the decision values by each of some trained models; what they share is computed once."""
    import torch

    networks = []
    for weights in trained:
        network = _Network(recipe)
        network.model.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
        network.model.eval()
        networks.append(network)
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    found = [np.zeros((len(texts), recipe.n_topics + recipe.n_tones), dtype=np.float32) for _ in trained]
    with torch.inference_mode(), tqdm(total=len(order), desc="labelling", unit="text", mininterval=10) as bar:
        for begin in range(0, len(order), 2 * BATCH):
            rows = order[begin : begin + 2 * BATCH]
            parts = networks[0].lower([texts[row] for row in rows])
            for values, network in zip(found, networks, strict=True):
                values[rows] = network.decide(parts).numpy()
            bar.update(len(rows))
    return found


class _Network:
    """A transformer with a new linear head.

    Attributes
    ----------
    model : torch.nn.ModuleDict
        What is trained: `body`, the layers, and `head`.
    """

    def __init__(self, recipe: Recipe) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        torch.manual_seed(0)
        folder = str(folder_of(recipe.transformer))
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        body = AutoModel.from_pretrained(folder, attention_probs_dropout_prob=0.0)
        self._frozen = None
        if recipe.n_frozen:
            self._frozen = AutoModel.from_pretrained(
                folder, num_hidden_layers=recipe.n_frozen, dtype=torch.bfloat16
            ).eval()
            kept = body.encoder.layer[recipe.n_frozen :]
        head = torch.nn.Linear(body.config.hidden_size, recipe.n_topics + recipe.n_tones)
        self.model = torch.nn.ModuleDict({"body": kept if recipe.n_frozen else body, "head": head})

    def lower(self, texts: Sequence[str]) -> list[Any]:
        """Give what the trained layers start from, a tensor a text: word pieces, or the states above what is frozen."""
        import torch

        ids = self._tokenizer(list(texts), truncation=True, max_length=LONGEST)["input_ids"]
        pieces = [torch.tensor(some) for some in ids]
        if self._frozen is None:
            return pieces
        states: list[Any] = [None] * len(pieces)
        order = sorted(range(len(pieces)), key=lambda row: len(pieces[row]))
        with torch.no_grad():
            for begin in range(0, len(order), 2 * BATCH):
                rows = order[begin : begin + 2 * BATCH]
                padded, mask = _padded([pieces[row] for row in rows])
                found = self._frozen(input_ids=padded, attention_mask=mask).last_hidden_state
                for row, state in zip(rows, found, strict=True):
                    states[row] = state[: len(pieces[row])].clone()
        return states

    def decide(self, parts: list[Any]) -> Any:
        """Give decision values: a tensor of shape (n_texts, n_labels)."""
        import torch

        padded, mask = _padded(parts)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            if self._frozen is None:
                padded = self.model["body"](input_ids=padded, attention_mask=mask).last_hidden_state
            else:
                for layer in self.model["body"]:
                    padded = layer(padded, mask[:, None, None, :])
        weight = mask.unsqueeze(2)
        return self.model["head"]((padded.float() * weight).sum(1) / weight.sum(1))


def _padded(parts: list[Any]) -> tuple[Any, Any]:
    """Give tensors of several lengths as one, and where it holds something."""
    import torch

    lengths = torch.tensor([len(part) for part in parts])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True), mask


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
