"""The loop that the course teaches, written plainly: the reference of the speed claims."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler


def train(model: nn.Module, train_data: Dataset, indices: list[int], epochs: int = 2) -> float:
    """Train as the notebook does: PIL images through ToTensor, Adam, `.item()` every step.

    train_data yields (tensor, label) of a PIL image through ToTensor. Returns the last loss.
    """
    loader = DataLoader(train_data, batch_size=100, sampler=SubsetRandomSampler(indices))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    losses = []
    model.train()
    for _ in range(epochs):
        for data, target in loader:
            optimizer.zero_grad()
            loss = criterion(model(data), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses[-1]


def validate(model: nn.Module, train_data: Dataset, indices: list[int]) -> float:
    """Measure accuracy on the held-out part, batch by batch, as the notebook does at the end."""
    loader = DataLoader(train_data, batch_size=100, sampler=SubsetRandomSampler(indices))
    model.eval()
    right = 0
    with torch.no_grad():
        for data, target in loader:
            right += (model(data).argmax(1) == target).sum().item()
    return right / len(indices)
