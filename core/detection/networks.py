"""The three networks of MTCNN: proposal, refinement and output.

Source: Zhang, Zhang, Li, Qiao, IEEE Signal Processing Letters 23 (2016) 1499-1503, figure 2, as the
authors' Caffe code has it: PReLU, pooling that rounds up, no padding.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from core.detection.weights import CONVS, DENSE, HEADS, OUTPUTS, Arrays

POOLS = {"pnet": (2,), "rnet": (3, 3), "onet": (3, 3, 2)}
"""network -> window of the pooling (stride 2) after each of its first convolutions"""


class Net(nn.Module):
    """One of the networks: a trunk of convolutions, and linear heads on its features."""

    def __init__(self, name: str) -> None:
        """Build `pnet`, `rnet` or `onet` with random weights."""
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for index, (side, n_in, n_out) in enumerate(CONVS[name], 1):
            layers[f"conv{index}"] = nn.Conv2d(n_in, n_out, side)
            layers[f"prelu{index}"] = nn.PReLU(n_out)
            if index <= len(POOLS[name]):
                layers[f"pool{index}"] = nn.MaxPool2d(POOLS[name][index - 1], 2, ceil_mode=True)
        features = CONVS[name][-1][-1]
        if name in DENSE:
            side, channels, features = DENSE[name]
            layers["flat"] = nn.Flatten()
            layers["dense"] = nn.Linear(side * side * channels, features)
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

    def logit(self, features: Tensor) -> Tensor:
        """Return the logit of "face" against "no face", (...), of features (..., units)."""
        weight, bias = self.heads["face"].parameters()
        return features @ (weight[1] - weight[0]) + (bias[1] - bias[0])


def build(arrays: Arrays) -> dict[str, Net]:
    """Build the three networks from the arrays of `weights.load`, for inference."""
    nets = {}
    for name in CONVS:
        own = {
            k.removeprefix(f"{name}."): torch.from_numpy(v)
            for k, v in arrays.items()
            if k.startswith(f"{name}.")
        }
        nets[name] = Net(name)
        nets[name].load_state_dict(
            {
                f"{'heads' if key.split('.')[0] in OUTPUTS else 'trunk'}.{key}": value
                for key, value in own.items()
            }
        )
        nets[name].eval().requires_grad_(requires_grad=False)
    return nets
