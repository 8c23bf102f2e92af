"""The ConvNet baseline: a network that reads a video and answers with parameters (fact sheet, section 4.1).

A trunk of stride 16 sees each frame; the features of all frames go through four linear layers. It is trained from fresh
weights on the mean squared error of standardised logarithms; the weights that are best on held-back videos are kept.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import nn

from rerender.core.files import Tree
from rerender.core.seeds import SeedStream
from rerender.fitting.loop import fit
from rerender.fitting.problem import LoopSettings, Observation, Parameter, StepResult
from rerender.papers.physics.specs import ConvnetSettings, Trunk
from rerender.perception.networks.efficientnet import efficientnet_trunk

CHANNELS, STRIDE = 32, 16
HELD_BACK = 0.1
"""Share of the videos that only choose between weights."""
CHUNK = 64
"""Videos that go through the network at once when nothing is learnt."""


def trunk_of(name: Trunk) -> nn.Module:
    """Return a trunk from RGB images (N, 3, S, S) to features (N, 32, S / 16, S / 16)."""
    if name == "efficientnet_b0":
        return nn.Sequential(efficientnet_trunk(5), nn.Conv2d(112, CHANNELS, 1))
    widths = (3, 8, 16, 32, CHANNELS)
    pairs = itertools.pairwise(widths)
    return nn.Sequential(
        *(layer for low, high in pairs for layer in (nn.Conv2d(low, high, 3, 2, 1), nn.ReLU()))
    )


class VideoRegressor(nn.Module):
    """From videos uint8 (B, T, S, S, 3) to standardised logarithms (B, P)."""

    def __init__(self, trunk: Trunk, frames: int, size: int, outputs: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.trunk = trunk_of(trunk)
            widths = (frames * CHANNELS * math.ceil(size / STRIDE) ** 2, 256, 128, 64)
            pairs = itertools.pairwise(widths)
            hidden = [layer for low, high in pairs for layer in (nn.Linear(low, high), nn.ReLU())]
            self.head = nn.Sequential(*hidden, nn.Linear(widths[-1], outputs))

    def forward(self, videos: torch.Tensor) -> torch.Tensor:
        """Return the answers."""
        images = videos.flatten(0, 1).permute(0, 3, 1, 2).float() / 255.0
        found: torch.Tensor = self.head(self.trunk(images).reshape(len(videos), -1))
        return found


@dataclass(frozen=True)
class Videos:
    """Videos uint8 (N, T, S, S, 3) and the logarithms (N, P) of what made them."""

    frames: np.ndarray
    logs: np.ndarray


class Training:
    """The problem that the loop sees: a batch a step; after every epoch held-back videos judge the weights."""

    def __init__(
        self, network: VideoRegressor, videos: Videos, settings: ConvnetSettings, device: str
    ) -> None:
        self.network, self.settings, self.device = network.to(device), settings, device
        self.middle = videos.logs.mean(axis=0)
        self.spread = videos.logs.std(axis=0) + 1e-6
        self._goals = torch.tensor((videos.logs - self.middle) / self.spread, dtype=torch.float32)
        self._frames = torch.from_numpy(videos.frames)
        self._known = len(videos.logs) - max(1, round(HELD_BACK * len(videos.logs)))
        self._best: Tree = None
        self._lowest = math.inf
        self._judge()

    @property
    def steps_per_epoch(self) -> int:
        """Batches in which every video for learning is seen once."""
        return math.ceil(self._known / self.settings.batch)

    def parameters(self) -> Mapping[str, Parameter]:
        rate = self.settings.lr
        return {name: Parameter(value, rate) for name, value in self.network.named_parameters()}

    def step(self, iteration: int, seeds: SeedStream) -> StepResult:
        self.network.train()
        rows = np.random.default_rng(seeds.seed("batch")).choice(
            self._known, min(self.settings.batch, self._known), replace=False
        )
        loss = self._loss(torch.from_numpy(rows))
        loss.backward()  # type: ignore[no-untyped-call]
        return StepResult(float(loss.detach()), {"held_back": self._lowest})

    def project(self, iteration: int) -> bool:
        if (iteration + 1) % self.steps_per_epoch == 0:
            self._judge()
        return False

    def observe(self, iteration: int) -> Observation:
        return Observation()

    def state(self) -> Tree:
        return {"weights": self._weights(), "best": self._best, "lowest": self._lowest}

    def load_state(self, tree: Tree) -> None:
        self._best, self._lowest = tree["best"], tree["lowest"]
        self._put(tree["weights"])

    def _judge(self) -> None:
        """Keep the weights if no others were as good on held-back videos."""
        self.network.eval()
        with torch.no_grad():
            loss = float(self._loss(torch.arange(self._known, len(self._goals))))
        if loss < self._lowest:
            self._lowest, self._best = loss, self._weights()

    def finish(self) -> None:
        """Put back the weights that were best on held-back videos."""
        self._put(self._best)
        self.network.eval()

    def predict(self, frames: np.ndarray) -> np.ndarray:
        """Return the logarithms (N, P) of videos uint8 (N, T, S, S, 3)."""
        with torch.no_grad():
            parts = [
                self.network(torch.from_numpy(frames[first : first + CHUNK]).to(self.device)).cpu().numpy()
                for first in range(0, len(frames), CHUNK)
            ]
        return np.asarray(np.concatenate(parts) * self.spread + self.middle)

    def _loss(self, rows: torch.Tensor) -> torch.Tensor:
        answers = self.network(self._frames[rows].to(self.device))
        return torch.nn.functional.mse_loss(answers, self._goals[rows].to(self.device))

    def _weights(self) -> dict[str, np.ndarray]:
        return {name: value.cpu().numpy().copy() for name, value in self.network.state_dict().items()}

    def _put(self, weights: Tree) -> None:
        self.network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})


def train(
    videos: Videos,
    settings: ConvnetSettings,
    workdir: Path,
    *,
    run_id: str,
    seeds: SeedStream,
    device: str = "cpu",
) -> tuple[Training, pl.DataFrame]:
    """Train a regressor, resumable; return it at its best, and of every step the loss and the lowest on held-back videos so far."""
    count, size = videos.frames.shape[1:3]
    network = VideoRegressor(settings.trunk, count, size, videos.logs.shape[1], seeds.seed("weights"))
    training = Training(network, videos, settings, device)
    epoch = training.steps_per_epoch
    loop = LoopSettings(iterations=settings.epochs * epoch, window=epoch)
    found = fit(training, loop, workdir, run_id=run_id, seeds=seeds)
    training.finish()
    return training, found.history.select("iteration", "loss", "held_back")
