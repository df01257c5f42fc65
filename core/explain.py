"""What a network looks at: attributions, whether to believe them, and embeddings of features.

Pixels are float32 (n, C, H, W) in [0, 1], maps float32 (n, H, W), greater where it matters more.
Attributions come from captum, which is optional.
"""

import copy
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from core.device import seeded
from core.errors import UserError

BATCH = 64
NEIGHBOURS = 10


def can_explain() -> bool:
    """Tell whether captum is installed."""
    return find_spec("captum") is not None


def attribute(model: nn.Module, pixels: Tensor, target: int, steps: int = 16) -> Tensor:
    """Return maps of integrated gradients of a class's logit, from the images' mean colour.

    The absolute values of the channels are added. The model should be in evaluation mode. Raises
    UserError without captum.

    Source: Sundararajan, Taly, Yan, ICML 2017, arXiv 1703.01365.
    """
    if not can_explain():
        raise UserError("captum is not installed: `pip install captum` is wanted for explanations")
    from captum.attr import IntegratedGradients

    explainer, maps = IntegratedGradients(model), []
    for part in pixels.split(BATCH):
        baseline = part.mean((2, 3), keepdim=True).expand_as(part)
        gradients = explainer.attribute(
            part, baseline, target=target, n_steps=steps, internal_batch_size=BATCH
        )
        maps.append(gradients.abs().sum(1).detach().float())
    return torch.cat(maps)


def randomised(model: nn.Module, seed: int = 0) -> nn.Module:
    """Return a copy of the model with every layer's weights drawn anew."""
    model = copy.deepcopy(model)
    with seeded(seed):
        for module in model.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    return model


def agreement(one: Tensor, other: Tensor) -> NDArray[np.float64]:
    """Correlate the ranks of two sets of maps, image by image; returns (n,) Spearman's rho.

    Maps of a trained network that agree with those of a randomised one show the image's edges and
    not what was learned.

    Source: Adebayo et al., NeurIPS 2018, arXiv 1810.03292.
    """
    ranked = [stats.rankdata(maps.flatten(1).cpu().numpy(), axis=1) for maps in (one, other)]
    pairs = zip(*ranked, strict=True)
    return np.array([np.corrcoef(a, b)[0, 1] if a.std() and b.std() else 0.0 for a, b in pairs])


@torch.no_grad()
def deletion(
    model: nn.Module, pixels: Tensor, maps: Tensor, target: int, steps: int = 10
) -> NDArray[np.float32]:
    """Return a class's probability as pixels go, those that matter most first.

    A pixel goes by taking its image's mean colour. Returns (n, steps + 1), from the whole image
    to none of it. A map that is worth something falls faster than one of random order.

    Source: Petsiuk, Das, Saenko, BMVC 2018, arXiv 1806.07421.
    """
    size = maps[0].numel()
    rank = maps.flatten(1).argsort(1, descending=True).argsort(1).view_as(maps)
    mean = pixels.mean((2, 3), keepdim=True)
    curve = []
    for step in range(steps + 1):
        gone = (rank < size * step / steps)[:, None]
        logits = [model(part) for part in torch.where(gone, mean, pixels).split(BATCH)]
        curve.append(torch.cat(logits).softmax(-1)[:, target])
    return torch.stack(curve, 1).float().cpu().numpy()


def embed(features: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Lay features (n, width) out in the plane by t-SNE; returns (n, 2), a function of the seed.

    Source: van der Maaten, Hinton, JMLR 9 (2008) 2579-2605; scikit-learn's.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    width = min(50, *features.shape)
    # In float64: in float32 the decomposition of features that hardly vary need not converge.
    wide = features.astype(np.float64)
    reduced = PCA(width, random_state=0).fit_transform(wide).astype(np.float32)
    perplexity = min(30.0, (len(features) - 1) / 3)
    return TSNE(2, perplexity=perplexity, random_state=seed, init="random").fit_transform(reduced)


def neighbours(points: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the indices of each point's nearest others, (n, NEIGHBOURS); points (n, d)."""
    from sklearn.neighbors import NearestNeighbors

    k = min(NEIGHBOURS, len(points) - 1)
    return NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)
