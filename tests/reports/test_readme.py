"""The README's ledger is made from the store and holds no path of this machine."""

import pytest

from core.errors import UserError
from reports import readme
from reports.lessons import claims, lessons

BEGIN, END = readme.MARKS


def test_only_what_stands_between_the_marks_changes():
    assert readme.between(f"a\n{BEGIN}old\n{END}b\n", "new\n", "x") == f"a\n{BEGIN}new\n{END}b\n"


@pytest.mark.parametrize("text", ["", BEGIN, END, END + BEGIN, BEGIN + BEGIN + END])
def test_marks_that_are_not_there_are_an_error(text):
    with pytest.raises(UserError, match=r"--file: the lines .* once each, are wanted"):
        readme.between(text, "new", "file")


def test_a_command_is_shown_without_this_machines_paths(tmp_path):
    command = f"python experiments/a.py --data 'folder:{tmp_path}/my dogs' --weights /home/me/w.pth"
    shown = readme.portable(command, tmp_path)
    assert shown == "python experiments/a.py --data 'folder:DATA_ROOT/my dogs' --weights w.pth"


@pytest.fixture
def files(tmp_path):
    for name in ("ledger", "summary"):
        (tmp_path / name).write_text(f"# Title\n\n{BEGIN}old\n{END}\nend\n")
    return {name: tmp_path / name for name in ("ledger", "summary")}


def test_the_ledger_has_a_row_for_every_claim_and_the_summary_for_every_lesson(study_store, files):
    readme.main(readme.Config(**files))
    text = files["ledger"].read_text()
    rows = [line for line in text.splitlines() if line.startswith("| **")]
    assert [row.split("**")[1] for row in rows] == list(claims())
    assert all(row.count(" | ") == 3 for row in rows)
    assert "2 seeds, 359 images" in rows[5]
    assert "digits, not the published data, 1 of 2 epochs" in rows[5]
    assert "not tested | This study lacks the arm ones. `python experiments/init_schemes.py" in text
    assert text.startswith("# Title")
    assert text.endswith("\nend\n")
    short = files["summary"].read_text()
    titles = [line.split(" | ")[0] for line in short.splitlines() if line.startswith("| ")]
    assert titles[1:] == [f"| {lesson.title}" for lesson in lessons()]
    assert "| weight initialisation | none | 1 undecided, 5 not tested | `python" in short
    readme.main(readme.Config(**files))
    assert (files["ledger"].read_text(), files["summary"].read_text()) == (text, short)


def test_a_file_that_is_not_there_is_one_line(study_store, files, tmp_path):
    with pytest.raises(UserError, match=r"--ledger .*nowhere.md: a text file .*No such file"):
        readme.main(readme.Config(**{**files, "ledger": tmp_path / "nowhere.md"}))


def test_an_empty_store_leaves_the_files_as_they_are(store, files):
    with pytest.raises(UserError, match="no study to show"):
        readme.main(readme.Config(**files))
    assert f"{BEGIN}old\n{END}" in files["ledger"].read_text()


def test_a_file_of_other_bytes_is_one_line(study_store, files):
    files["summary"].write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"--summary .* a text file in UTF-8 is wanted"):
        readme.main(readme.Config(**files))
