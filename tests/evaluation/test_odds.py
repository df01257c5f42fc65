"""One class against the rest."""

import pytest
import torch

from core.evaluation.odds import log_odds


def test_log_odds_are_those_of_the_softmax():
    logits = torch.randn(4, 7, 3, generator=torch.Generator().manual_seed(0))
    p = logits.double().softmax(-1)[..., 1]
    assert log_odds(logits.numpy(), 1) == pytest.approx((p / (1 - p)).log().numpy())
