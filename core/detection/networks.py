"""The three networks of MTCNN: proposal, refinement and output.

Source: Zhang, Zhang, Li, Qiao, IEEE Signal Processing Letters 23 (2016) 1499-1503, figure 2, as the
authors' Caffe code has it: PReLU, pooling that rounds up, no padding.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from core.detection.mtcnn_weights import CONVS, DENSE, HEADS, OUTPUTS, Arrays

ALIGNED = 4
"""channels come in multiples of it: P-Net's first 10, which are slow on a CPU, get 2 of zeros"""
POOLS = {"pnet": (2,), "rnet": (3, 3), "onet": (3, 3, 2)}
"""network -> window of the pooling (stride 2) after each of its first convolutions"""


class Net(nn.Module):
    """One of the networks: a trunk of convolutions, and linear heads on its features."""

    def __init__(self, name: str) -> None:
        """Build `pnet`, `rnet` or `onet` with random weights."""
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for index, (side, *channels) in enumerate(CONVS[name], 1):
            n_in, n_out = (n if n == 3 else n + -n % ALIGNED for n in channels)
            layers[f"conv{index}"] = nn.Conv2d(n_in, n_out, side)
            layers[f"prelu{index}"] = nn.PReLU(n_out)
            if index <= len(POOLS[name]):
                layers[f"pool{index}"] = nn.MaxPool2d(POOLS[name][index - 1], 2, ceil_mode=True)
        features = CONVS[name][-1][-1]
        if name in DENSE:
            side, n_in, features = DENSE[name]
            layers["flat"] = nn.Flatten()
            layers["dense"] = nn.Linear(side * side * n_in, features)
            layers["dense_prelu"] = nn.PReLU(features)
        self.trunk = nn.Sequential(layers)
        self.heads = nn.ModuleDict(
            {head: nn.Linear(features, OUTPUTS[head]) for head in HEADS[name]}
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the features of pixels (n, 3, H, W) in [-1, 1].

        (n, units) for R-Net's 24x24 and O-Net's 48x48 pixels; (n, h, w, channels) for P-Net, one
        position for every 12x12 window at a stride of 2.
        """
        features = self.trunk(pixels)
        return features.permute(0, 2, 3, 1) if features.dim() == 4 else features

    def probability(self, features: Tensor) -> Tensor:
        """Return how probable "face" is against "no face", (...), for features (..., units)."""
        weight, bias = self.heads["face"].parameters()
        return (features @ (weight[1] - weight[0]) + (bias[1] - bias[0])).sigmoid()


def build(arrays: Arrays) -> dict[str, Net]:
    """Build the three networks from the arrays of `weights.load`, for inference."""
    nets = {name: Net(name) for name in CONVS}
    for name, net in nets.items():
        net.eval().requires_grad_(requires_grad=False)
        for key, weight in net.named_parameters():
            values = torch.from_numpy(arrays[f"{name}.{key.split('.', 1)[1]}"])
            weight.zero_()[tuple(map(slice, values.shape))] = values
    return nets
