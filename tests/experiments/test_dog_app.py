"""The app: its answers, its refusals, and the evaluation of the whole."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import reports
from core.config import DeviceConfig, TrainConfig
from core.data.cases import Case
from core.data.config import DataConfig
from core.detection.config import KINDS, ORDERS
from core.detection.faces import Faces
from core.detection.resemblance import Answer, decide
from core.errors import UserError
from core.measures import algorithm
from core.models import bundle, features
from core.store import Store
from core.trials import Shared, Trial
from experiments.dog_app import Config, main
from reports.app.drawing import drawings, plain, readable_pictures, refuse
from reports.judge import judge

NONE = Faces(np.empty((0, 4), np.float32), np.empty(0, np.float32), None, 0.0)
ONE = Faces(np.array([[1, 2, 3, 4]], np.float32), np.array([0.9], np.float32), None, 0.0)


def saying(dog, faces, breed="001.Affenpinscher"):
    return Answer(dog, 0.5, faces, ((breed, 0.7), ("boxer", 0.2)), ((0, breed, 0.1),))


@pytest.mark.parametrize(
    ("dog", "human", "kinds"),
    [
        (True, False, ("dog", "dog", "dog")),
        (False, True, ("human", "human", "human")),
        (True, True, ("both", "dog", "human")),
        (False, False, ("neither", "neither", "neither")),
    ],
)
def test_orders_differ_only_where_both_are_found(dog, human, kinds):
    assert tuple(decide(dog, human, order) for order in ORDERS) == kinds
    with pytest.raises(ValueError, match="wanted one of both"):
        decide(dog, human, "other")


def test_sentences_say_what_and_how_sure():
    assert plain(saying(0.9, NONE)) == (
        "a dog: Affenpinscher (70% among the breeds known); dog 90%"
    )
    assert "a human who resembles a Affenpinscher" in plain(saying(0.1, ONE))
    assert "1 face, the surest 0.9" in plain(saying(0.1, ONE))
    assert plain(saying(0.8, ONE)).startswith("a dog and a human: the dog is a Affenpinscher")
    assert plain(saying(0.1, NONE)) == "neither dog nor human; dog 10%, no face"
    assert saying(0.5, NONE).is_dog


def test_what_is_no_picture_gets_one_line(tmp_path, capsys):
    (tmp_path / "text.jpg").write_text("no picture")
    Image.new("RGB", (5, 5)).save(tmp_path / "good.png")
    names = [str(tmp_path / "text.jpg"), str(tmp_path), "https://a.b/c.jpg", "~no-such-user/a.jpg"]
    names += ["a" * 256, "/no/such.jpg"]
    wanted = ["not an image", "not a regular file", "an address", "there is no such home folder"]
    wanted += ["File name too long", "there is no such file"]
    found, bad = readable_pictures([*names, str(tmp_path / "good.png")])
    assert list(found) == [str(tmp_path / "good.png")]
    for name, line, reason in zip(names, bad, wanted, strict=True):
        assert line.startswith(f"IMAGE {name}: {reason}")
        assert line.endswith("a picture file is wanted")
    with pytest.raises(UserError, match="there is no such file"):
        refuse(readable_pictures(names)[1])
    assert len(capsys.readouterr().err.splitlines()) == 5
    with pytest.raises(UserError, match=r"--evaluate \(off\) and no IMAGE: one picture or more"):
        Config()


PIXELS = torch.zeros(3, 9, 9, dtype=torch.uint8)


class Known:
    """Fifty pictures of every kind, whose answers are given."""

    cases = tuple(
        Case(
            kind,
            0 if kind in ("dog", "both") else -1,
            torch.zeros(3, 9, 9, dtype=torch.uint8),
            None,
        )
        for kind in KINDS
        for _ in range(50)
    )
    kinds = np.repeat(np.arange(4), 50)


@pytest.fixture
def known(invent):
    """Return the records of known answers by order, and the study that they make."""
    right = {"dog": (0.9, NONE), "human": (0.1, ONE), "both": (0.9, ONE), "neither": (0.1, NONE)}
    answers = [saying(*right[case.kind]) for case in Known.cases]
    answers[0] = saying(0.9, NONE, "boxer")  # a dog of another breed
    answers[199] = saying(0.9, NONE)  # a dog where none is
    for index in range(50, 65):
        answers[index] = saying(0.1, NONE)  # people who are not seen
    classes = ("001.Affenpinscher", "boxer")
    made = {Trial(o, 0): algorithm.measure(Known, answers, o, classes) for o in ORDERS}
    names = tuple(f"{i}" for i in range(200))
    shared = Shared(
        {"image": names, "kind": KINDS}, {"of": (("image",), Known.kinds)}, {"arm": ORDERS}
    )
    return {trial.arm: record for trial, record in made.items()}, invent("dog_app", made, shared)


def test_measures_and_d7_from_known_answers(known):
    records, study = known
    metrics = {order: record.metrics for order, record in records.items()}
    assert metrics["both"]["test/kind"] == 184 / 200
    assert metrics["both"]["test/accuracy"] == 183 / 200
    assert metrics["both"]["test/breed"] == 49 / 50
    assert metrics["dog-first"]["test/kind"] == 134 / 200  # never says both
    entries = judge(study)
    assert {name: entry.verdict for name, entry in entries.items()} == {
        "D7a": "undecided",  # 1 of 50 is wrong
        "D7b": "supported",  # 15 of 50
        "D7c": "undecided",
    }
    (part,) = entries["D7b"].decision.parts.values()
    assert (part.estimate.value, part.estimate.n_images) == (0.3, 50)


def test_exhibits_count_kinds_and_show_mistakes(known):
    _, study = known
    shown = reports.exhibits(study)
    counts = shown["four-ways"].frame()
    table = counts[counts["order"] == "face-first"].pivot_table("count", "shows", "taken for")
    assert table.loc["both", "human"] == 50
    assert table.loc["neither", "dog"] == 1
    assert counts["count"].sum() == 600
    wrong = shown["mistakes"].frame()
    assert wrong["picture"].tolist() == [*(f"{i}" for i in range(50, 65)), "199"]
    assert len(shown["mistakes"].plot().axes) >= 16
    whole = shown["whole"].frame().set_index(["order", "shows"])
    assert whole.loc[("dog-first", "dog"), "right"] == 49 / 50
    assert whole.loc[("dog-first", "both"), "right"] == 0


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "PLACE", tmp_path / "features")
    monkeypatch.setattr(bundle, "PLACE", tmp_path / "heads")
    for index, name in enumerate(("breeds/boxer", "breeds/pug", "man", "cat")):
        (tmp_path / name).mkdir(parents=True)
        for number in range(8):
            noise = np.random.default_rng(10 * index + number).integers(0, 256, (9, 9, 3), np.uint8)
            Image.fromarray(noise).resize((60, 50)).save(tmp_path / name / f"{number}.png")
    from torchvision import models

    torch.manual_seed(0)
    torch.save(models.squeezenet1_1().state_dict(), tmp_path / "own.pth")
    return {
        "data": DataConfig(data=f"folder:{tmp_path / 'breeds'}", data_root=tmp_path),
        "backbone": "squeezenet1_1",
        "weights": str(tmp_path / "own.pth"),
        "detector": "haar-alt",
        "people": (Path("man"),),
        "neither": (Path("cat"),),
        "output": tmp_path / "out",
        "train": TrainConfig(epochs=2, keep="best"),
        "device": DeviceConfig(device="cpu"),
    }


def test_pictures_are_answered_and_the_head_is_trained_once(config, tmp_path, capsys):
    pictures = (str(tmp_path / "man" / "1.png"), str(tmp_path / "cat" / "2.png"))
    main(Config(images=pictures, **config))
    first = capsys.readouterr().out
    assert "head: trained and kept" in first
    assert (tmp_path / "out" / "1.png.png").stat().st_size > 1000
    main(Config(images=pictures, **config))
    again = capsys.readouterr().out
    assert "head: trained" not in again
    line = next(each for each in again.splitlines() if each.startswith(pictures[0]))
    assert line in first
    (tmp_path / "breeds" / "pug" / "7.png").unlink()  # other data, another head
    main(Config(images=pictures, **config))
    assert "head: trained and kept" in capsys.readouterr().out
    for kept in (tmp_path / "heads").iterdir():
        kept.write_bytes(kept.read_bytes()[:-100])
    main(Config(images=pictures, **config))
    again = capsys.readouterr()
    assert "head: trained and kept" in again.out
    assert "a trained head is wanted" in again.err
    assert again.err.count("it is trained again") == 1


@pytest.mark.parametrize("change", ["content", "behind a link", "table", "weights"])
def test_a_kept_head_is_of_these_files_and_weights(config, tmp_path, capsys, change):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    Image.effect_noise((60, 50), 80).save(elsewhere / "9.png")
    (tmp_path / "breeds" / "pug" / "more").symlink_to(elsewhere)
    main(Config(images=(str(tmp_path / "man" / "1.png"),), **config))
    assert "head: trained and kept" in capsys.readouterr().out
    place = tmp_path / "breeds" / "pug" / "0.png"
    if change == "behind a link":
        place = elsewhere / "9.png"
    if change == "weights":
        place = Path(config["weights"])
        state = torch.load(place, weights_only=True)
        torch.save({name: value * 1.01 for name, value in state.items()}, place)
    elif change == "table":
        ids = [f"{path.parent.name}/{path.name}" for path in place.parents[1].glob("*/*.png")]
        ids = "".join(f"{name},p{index}\n" for index, name in enumerate([*ids, "more/9.png"]))
        (tmp_path / "breeds" / "metadata.csv").write_text("image_id,patient_id\n" + ids)
    else:  # the size and the times stay
        times, content = place.stat(), bytearray(place.read_bytes())
        Image.new("RGB", (60, 50)).save(place)
        small = place.read_bytes()
        place.write_bytes(small + bytes(len(content) - len(small)))
        os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    main(Config(images=(str(tmp_path / "man" / "1.png"),), **config))
    assert "head: trained and kept" in capsys.readouterr().out


def test_the_evaluation_from_pictures_to_report(store, config, tmp_path, capsys):
    main(Config(evaluate=True, limit=4, **config))
    study = reports.load("dog_app")
    assert study["arm"].values.tolist() == list(ORDERS)
    card = study.attrs["card"]
    assert card["counts"]["test"] == [4, 4, 2, 4]  # 2 dogs for validation
    assert "composites made here" in card["warnings"][0]
    assert list(judge(study)) == ["D7a", "D7b", "D7c"]
    whole = reports.exhibits(study)["four-ways"].frame()
    sums = whole.pivot_table("count", "order", "shows", aggfunc="sum")
    assert sums[list(KINDS)].to_numpy().tolist() == [[4, 4, 2, 4]] * 3
    first = Store().run(study.attrs["runs"]["both/0"])
    (tmp_path / "kept.safetensors").write_bytes(Store().read(first, "head.safetensors"))
    assert bundle.load(tmp_path / "kept.safetensors").classes == ("boxer", "pug")
    capsys.readouterr()
    main(Config(evaluate=True, limit=4, **config))
    assert "3 of 3 trials are in the store: 0 to train" in capsys.readouterr().out


def test_pictures_of_one_name_have_drawings_of_their_own(tmp_path):
    names = ["a/dog.jpg", "b/dog.png", "dog-2.gif", "c/dog.jpg", "cat.jpg"]
    found = drawings(names, tmp_path)
    assert [path.name for path in found.values()] == [
        "dog.jpg.png", "dog.png.png", "dog-2.gif.png", "dog.jpg-2.png", "cat.jpg.png"
    ]  # fmt: skip
    assert list(found) == names
    names = [str(tmp_path / name) for name in ("a.jpg", "a.jpg.png")]
    found = drawings(names, tmp_path)
    assert [path.name for path in found.values()] == ["a.jpg-2.png", "a.jpg.png.png"]
