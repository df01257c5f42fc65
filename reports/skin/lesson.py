"""The lesson on skin cancer."""

from functools import partial

from core.evaluation.odds import POSITIVES
from reports.lessons import Lesson
from reports.skin.tasks import area

lesson = Lesson(
    title="skin cancer",
    question="Does pretraining help to find melanomas, and what are the numbers worth?",
    study="skin_lesions",
    data="isic2017",
    options="--data isic2017 --network mobilenet_v2 --weights imagenet --size 96 --frozen",
    source="the course's lesson on skin cancer",
    seeds=5,
    shared="All seeds share the split and the pretrained weights.",
    columns=("test/auc_melanoma", "test/auc_keratosis", "test/accuracy", "test/loss"),
    scores={"test/accuracy": "correct"},
    estimates={f"test/auc_{name}": partial(area, positive=c) for name, c in POSITIVES.items()},
)
