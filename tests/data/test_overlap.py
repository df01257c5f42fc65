"""Breeds that a pretrained network knows, whatever their folders are called."""

from core.data.overlap import overlap_warnings, shared_classes
from core.models.backbones import class_names

KNOWN = class_names("resnet18")


def test_numbers_case_and_a_last_dog_do_not_hide_a_class():
    names = [
        "001.Affenpinscher",
        "071.German_shepherd_dog",
        "n02115641-dingo",
        "Old_English_sheepdog",
    ]
    assert shared_classes(names, KNOWN) == names
    assert shared_classes(["002.Unicorn", "nevus"], KNOWN) == []


def test_the_warning_counts_classes_and_names_imagenets_own_images():
    (line,) = overlap_warnings(["n02115641-dingo", "002.Unicorn"], KNOWN)
    assert line.startswith("ImageNet overlap: 1 of 2 classes")
    assert "1 carry ImageNet's own ids" in line
    assert overlap_warnings(["nevus", "melanoma"], KNOWN) == []
