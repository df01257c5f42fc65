"""What no network is needed for: the reconstructions and denoisers to beat.

Images are float32 (n, C, H, W) in [0, 1]; every result is clipped to that range.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Principal:
    """The principal components of a training set: the best linear code of any size."""

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    """(components, pixels), the largest first"""

    @classmethod
    def fit(cls, images: Tensor, most: int) -> Self:
        """Fit up to `most` components, fewer where there are not as many images or pixels."""
        from sklearn.decomposition import PCA

        # In float64: in float32 the decomposition of a covariance that is all but singular (small
        # things on plain ground) need not converge, and loses its small components.
        flat = images.flatten(1).double().numpy()
        pca = PCA(min(most, *flat.shape), random_state=0).fit(flat)
        return cls(pca.mean_, pca.components_)

    def project(self, images: Tensor, size: int) -> Tensor:
        """Reconstruct images from the first `size` components; 0 gives the mean image."""
        axes = self.components[:size]
        codes = (images.flatten(1).double().numpy() - self.mean) @ axes.T
        pixels = torch.from_numpy(codes @ axes + self.mean).float()
        return pixels.view(images.shape).clamp_(0, 1)


def least_squares(noisy: Tensor, clean: Tensor) -> Callable[[Tensor], Tensor]:
    """Fit the linear map of all pixels, with intercept, that best undoes the noise.

    Returns the denoiser. The ridge of 1e-3 of a pixel's squared sum only keeps pixels that never
    change from dividing by zero.
    """
    from sklearn.linear_model import Ridge

    # In float64: at no noise neighbouring pixels are nearly copies of each other.
    x, y = (images.flatten(1).double().numpy() for images in (noisy, clean))
    model = Ridge(alpha=1e-3, solver="cholesky").fit(x, y)

    def denoise(images: Tensor) -> Tensor:
        flat = model.predict(images.flatten(1).double().numpy()).astype(np.float32)
        return torch.from_numpy(flat).view(images.shape).clamp_(0, 1)

    return denoise


def median(images: Tensor) -> Tensor:
    """Replace every pixel by the median of the 3x3 pixels around it, channel by channel."""
    from scipy.ndimage import median_filter

    return torch.from_numpy(median_filter(images.numpy(), size=(1, 1, 3, 3)))
