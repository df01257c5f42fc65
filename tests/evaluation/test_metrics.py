"""Metrics equal scikit-learn's, replica by replica and whatever the batches."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from core.evaluation.metrics import (
    NO_PREDICTION,
    Mean,
    accuracy,
    confusion,
    correct,
    cross_entropy,
    losses,
    predict_classes,
)

N_CLASSES = 5


@pytest.fixture
def logits():
    return torch.randn(2, 3, 47, N_CLASSES, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels():
    # Class 4 is absent: it must have a row of zeros, not shift the others.
    return torch.randint(0, 4, (47,), generator=torch.Generator().manual_seed(1))


def test_every_replica_equals_sklearn(logits, labels):
    for replica in np.ndindex(2, 3):
        one, predicted = logits[replica], logits[replica].argmax(-1)
        expected = reference.log_loss(labels, one.double().softmax(-1), labels=range(N_CLASSES))
        counts = reference.confusion_matrix(labels, predicted, labels=range(N_CLASSES))
        assert accuracy(logits, labels)[replica] == pytest.approx(
            reference.accuracy_score(labels, predicted)
        )
        assert cross_entropy(logits, labels)[replica] == pytest.approx(expected, rel=1e-5)
        assert confusion(logits, labels, N_CLASSES)[replica].tolist() == counts.tolist()


def test_labels_may_differ_between_replicas(logits, labels):
    own = torch.stack([labels, labels.flip(0), (labels + 1) % N_CLASSES]).expand(2, 3, 47)
    for replica in np.ndindex(2, 3):
        one = logits[replica], own[replica]
        assert torch.equal(correct(logits, own)[replica], correct(*one))
        assert torch.equal(losses(logits, own)[replica], losses(*one))
        assert torch.equal(confusion(logits, own, N_CLASSES)[replica], confusion(*one, N_CLASSES))


def test_confusion_takes_predictions_and_adds_up_over_short_batches(logits, labels):
    whole = confusion(logits, labels, N_CLASSES)
    predicted = predict_classes(logits)
    parts = [
        confusion(predicted[..., i : i + 20], labels[i : i + 20], N_CLASSES) for i in (0, 20, 40)
    ]
    assert torch.equal(sum(parts), whole)
    assert whole.dtype == torch.int64
    assert whole.sum((-1, -2)).eq(47).all()
    assert confusion(predicted[..., :0], labels[:0], N_CLASSES).sum() == 0


@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf])
def test_a_diverged_replica_is_wrong_on_every_image(logits, labels, poison):
    logits[1, 2] = poison
    healthy = accuracy(logits, labels).flatten()[:-1]
    zeros = torch.zeros_like(labels)
    assert accuracy(logits, zeros)[1, 2] == 0
    assert (predict_classes(logits)[1, 2] == NO_PREDICTION).all()
    assert confusion(logits, zeros, N_CLASSES)[1, 2].sum() == 0
    assert cross_entropy(logits, labels)[1, 2].isnan()
    assert healthy.gt(0).all()
    assert cross_entropy(logits, labels).isfinite().sum() == 5


def test_one_bad_image_costs_one_image(logits, labels):
    right = torch.nn.functional.one_hot(labels, N_CLASSES).float()
    right[3, (labels[3] + 1) % N_CLASSES] = -torch.inf  # log_softmax alone would call this perfect
    assert losses(right, labels).isnan().nonzero().tolist() == [[3]]
    assert accuracy(right, labels) == pytest.approx(46 / 47)
    assert confusion(right, labels, N_CLASSES).sum() == 46


def test_coarse_logits_are_measured_in_float32(logits, labels):
    coarse = logits.bfloat16()
    assert losses(coarse, labels).dtype == torch.float32
    assert torch.equal(losses(coarse, labels), losses(coarse.float(), labels))
    assert losses(logits.double(), labels).dtype == torch.float64


@pytest.mark.parametrize(("label", "prediction"), [(5, 0), (-1, 0), (0, 5), (0, -2)])
def test_confusion_refuses_classes_out_of_range(label, prediction):
    with pytest.raises(ValueError, match=r"wanted -?\d\.\.4"):
        confusion(torch.tensor([prediction, 0]), torch.tensor([label, 0]), N_CLASSES)


@given(
    values=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60),
    batch_size=st.integers(1, 70),
)
def test_mean_does_not_depend_on_the_batches(values, batch_size):
    mean = Mean()
    for start in range(0, len(values), batch_size):
        batch = values[start : start + batch_size]
        mean.add(sum(batch) / len(batch), len(batch))
    assert mean.n == len(values)
    assert mean.value == pytest.approx(np.mean(values), rel=1e-9, abs=1e-9)


def test_mean_of_replicas_equals_the_whole_and_keeps_no_graph(logits, labels):
    mean, weights = Mean(), logits.requires_grad_()
    for start in range(0, 47, 20):
        end = min(start + 20, 47)
        batch = cross_entropy(weights[..., start:end, :], labels[start:end])
        mean.add(batch, end - start)
    assert torch.allclose(mean.value, cross_entropy(logits, labels), rtol=1e-6)
    assert not mean.value.requires_grad


def test_mean_refuses_to_divide_by_nothing():
    with pytest.raises(ValueError, match="no sample"):
        _ = Mean().value
    with pytest.raises(ValueError, match="n: 0"):
        Mean().add(1.0, 0)
