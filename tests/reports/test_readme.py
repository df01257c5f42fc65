"""The README's ledger is made from the store and holds no path of this machine."""

import pytest

from core.errors import UserError
from reports import readme
from reports.lessons import claims

BEGIN, END = readme.MARKS


def test_only_what_stands_between_the_marks_changes():
    assert readme.between(f"a\n{BEGIN}old\n{END}b\n", "new\n") == f"a\n{BEGIN}new\n{END}b\n"


@pytest.mark.parametrize("text", ["", BEGIN, END, END + BEGIN, BEGIN + BEGIN + END])
def test_marks_that_are_not_there_are_an_error(text):
    with pytest.raises(UserError, match=r"--file: the lines .* once each, are wanted"):
        readme.between(text, "new")


def test_a_command_is_shown_without_this_machines_paths(tmp_path):
    command = f"python experiments/a.py --data 'folder:{tmp_path}/my dogs' --weights /home/me/w.pth"
    shown = readme.portable(command, tmp_path)
    assert shown == "python experiments/a.py --data 'folder:DATA_ROOT/my dogs' --weights w.pth"


def test_the_ledger_has_a_row_for_every_claim(study_store, tmp_path):
    file = tmp_path / "README.md"
    file.write_text(f"# Title\n\n{BEGIN}{END}\nend\n")
    readme.main(readme.Config(file=file))
    text = file.read_text()
    rows = [line for line in text.splitlines() if line.startswith("| **")]
    assert [row.split("**")[1] for row in rows] == list(claims())
    assert all(row.count(" | ") == 3 for row in rows)
    assert "2 seeds, 359 images" in rows[5]
    assert "digits, not the published data, 1 of 2 epochs" in rows[5]
    assert "not tested | This study has no arm ones. `python experiments/init_schemes.py" in text
    assert text.startswith("# Title")
    assert text.endswith("\nend\n")
    readme.main(readme.Config(file=file))
    assert file.read_text() == text


def test_a_file_that_is_not_there_is_one_line(study_store, tmp_path):
    with pytest.raises(UserError, match=r"--file .*nowhere.md: a text file .*No such file"):
        readme.main(readme.Config(file=tmp_path / "nowhere.md"))


def test_an_empty_store_leaves_the_file_as_it_is(store, tmp_path):
    file = tmp_path / "README.md"
    file.write_text(BEGIN + "old\n" + END)
    with pytest.raises(UserError, match="no study to show"):
        readme.main(readme.Config(file=file))
    assert file.read_text() == BEGIN + "old\n" + END


def test_a_file_of_other_bytes_is_one_line(study_store, tmp_path):
    (tmp_path / "a").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="a text file in UTF-8 is wanted"):
        readme.main(readme.Config(file=tmp_path / "a"))
