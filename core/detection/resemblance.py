"""The course's final algorithm: dog or human, and which breed it is or looks like."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from core.detection.config import KINDS, THRESHOLD
from core.detection.dogs import dog_mass
from core.detection.faces import Detector, Faces
from core.detection.kinds import kinds
from core.device import Device
from core.models.backbones import Backbone
from core.models.bundle import Bundle


@dataclass(frozen=True)
class Answer:
    """What was found on one picture."""

    dog: float
    """probability of all breeds together"""
    threshold: float
    """from which it counts as a dog"""
    faces: Faces
    breeds: tuple[tuple[str, float], ...]
    """the most probable breeds, and their probabilities among the breeds known"""
    nearest: tuple[tuple[int, str, float], ...]
    """the most similar training dogs: index, breed, cosine distance"""

    @property
    def is_dog(self) -> bool:
        """Tell whether it counts as a dog."""
        return self.dog >= self.threshold

    @property
    def kind(self) -> str:
        """Return what the picture shows, one of KINDS."""
        return KINDS[int(kinds(self.is_dog, len(self.faces) > 0))]

    def sentence(self) -> str:
        """Say what the picture shows, and how sure that is."""
        breed, p = self.breeds[0]
        likeness = f"{breed} ({p:.0%} among the breeds known)"
        sure = f"dog {self.dog:.0%}"
        if n := len(self.faces):
            score = float(self.faces.scores[0])
            sure += f", {n} face{'s' * (n > 1)}, the surest {score:.3g}"
        return {
            "dog": f"a dog: {likeness}; {sure}",
            "human": f"a human who resembles: {likeness}; {sure}",
            "both": f"a dog and a human, the dog: {likeness}; {sure}",
            "neither": f"neither dog nor human; {sure}, no face",
        }[self.kind]


class Resemblance:
    """The algorithm with its networks, loaded once."""

    def __init__(
        self,
        backbone: Backbone,
        bundle: Bundle,
        detector: Detector,
        device: Device,
        threshold: float = THRESHOLD,
    ) -> None:
        """Keep the networks. Raises ValueError if the bundle is for another trunk.

        threshold: probability of all breeds together from which an image shows a dog.
        """
        self.backbone = backbone.to(device.torch).eval()
        self.trunk = backbone.trunk().freeze()
        bundle.check(self.trunk)
        self.bundle, self.detector, self.device = bundle, detector, device
        self.threshold = threshold

    @torch.no_grad()
    def look(self, image: Image.Image) -> Answer:
        """Look at one upright RGB image of any size."""
        prepared = torch.from_numpy(self.bundle.preparation(image))[None].float() / 255
        pixels = prepared.to(self.device.torch)
        with self.device.autocast():
            logits, features = self.backbone(pixels), self.trunk(pixels)
        query = features.float().cpu()
        p, index = self.bundle.probabilities(query)[0].topk(min(3, len(self.bundle.classes)))
        gaps, places = (values[0].tolist() for values in self.bundle.nearest(query, 3))
        names = self.bundle.classes
        return Answer(
            dog=float(dog_mass(logits.float().cpu())[0]),
            threshold=self.threshold,
            faces=self.detector.detect([np.asarray(image)])[0],
            breeds=tuple((names[i], q) for i, q in zip(index.tolist(), p.tolist(), strict=True)),
            nearest=tuple(
                (place, names[int(self.bundle.labels[place])], gap)
                for place, gap in zip(places, gaps, strict=True)
            ),
        )
