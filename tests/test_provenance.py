"""What made a number is told whatever git, the user and the machine are like."""

import shutil
import subprocess
import sys

import psutil
import pytest

from core import provenance


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Make provenance look at a repo of one file; returns a function that runs git in it."""
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    provenance._git.cache_clear()

    def git(*arguments):
        who = ("-c", "user.name=A", "-c", "user.email=a@b")
        command = ["git", *who, "-C", str(tmp_path), *arguments]
        provenance._git.cache_clear()
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "provenance.py").write_text("one\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    yield git
    provenance._git.cache_clear()


def change(content):
    (provenance.ROOT / "core" / "provenance.py").write_bytes(content)
    provenance._git.cache_clear()
    return provenance.diff()


def test_a_patch_is_bit_for_bit_what_git_says(checkout):
    assert provenance.diff() == ""
    content = b"caf\xe9, 100 \xb5m\r\nna\xc3\xafve\n"  # Latin-1, DOS and UTF-8 in one file
    patch = change(content).encode("utf-8", "surrogateescape")
    assert b"\n+caf\xe9, 100 \xb5m\r\n+na\xc3\xafve\n" in patch
    checkout("checkout", "core/provenance.py")
    command = ["git", "-C", str(provenance.ROOT), "apply"]
    subprocess.run(command, input=patch, check=True)
    assert (provenance.ROOT / "core" / "provenance.py").read_bytes() == content


def test_the_users_settings_and_surroundings_change_nothing(checkout, monkeypatch, tmp_path):
    plain, commit = change(b"two\n"), provenance.commit()
    assert "\n+two\n" in plain
    for setting in (
        ("color.ui", "always"),
        ("color.diff", "always"),
        ("diff.external", "/bin/echo"),
        ("diff.noprefix", "true"),
        ("diff.shouting.textconv", "tr a-z A-Z <"),
        ("core.pager", "cat -A"),
        ("pager.diff", "true"),
    ):
        checkout("config", *setting)
    (tmp_path / ".gitattributes").write_text("*.py diff=shouting\n")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/bin/echo")
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # as in a hook
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere")
    provenance._git.cache_clear()
    assert (provenance.diff(), provenance.commit()) == (plain, commit)


def test_every_kind_of_checkout_is_told(checkout, tmp_path, monkeypatch):
    first = checkout("rev-parse", "HEAD")
    checkout("commit", "-q", "--allow-empty", "-m", "second")
    assert provenance.commit() == checkout("rev-parse", "HEAD") != first
    checkout("checkout", "-q", first)  # detached
    assert provenance.commit() == first
    (tmp_path / "shallow").mkdir()
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "shallow")
    provenance._git.cache_clear()
    assert provenance.commit() == ""  # inside a repo that does not know us
    assert provenance.diff() == ""
    checkout("clone", "-q", "--depth", "1", f"file://{tmp_path}", str(tmp_path / "shallow"))
    assert provenance.commit() == first


def test_without_git_or_a_commit_nothing_is_made_up(tmp_path, monkeypatch, checkout):
    shutil.rmtree(tmp_path / ".git")
    checkout("init", "-q")
    checkout("add", ".")
    assert (provenance.commit(), provenance.diff()) == ("", "")  # no commit yet
    shutil.rmtree(tmp_path / ".git")
    provenance._git.cache_clear()
    assert (provenance.commit(), provenance.diff()) == ("", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    provenance._git.cache_clear()
    assert (provenance.commit(), provenance.diff()) == ("", "")


def test_a_command_shows_no_password(monkeypatch):
    script = str(provenance.ROOT / "experiments" / "x.py")
    monkeypatch.setattr(sys, "argv", [script, "--data", "a b", "--weights=https://me:pa@ss@host/w"])
    shown = "python experiments/x.py --data 'a b' '--weights=https://***@host/w'"
    assert provenance.command() == shown


@pytest.mark.parametrize(
    "error", [KeyError("uid not found: 12345"), OSError("no name"), ImportError]
)
def test_a_user_without_a_name_is_unknown(monkeypatch, error):
    def nobody():
        raise error

    monkeypatch.setattr("getpass.getuser", nobody)
    assert provenance.user() == "unknown"
    monkeypatch.setattr("getpass.getuser", lambda: "jos\udce9\n")
    assert provenance.user() == r"jos\udce9"


def test_who_owns_a_run(monkeypatch):
    mine = provenance.owner()
    assert not provenance.is_dead(mine)
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    assert all(name.startswith("mlflow.") for name in mine)  # MLflow's page hides these
    assert provenance.is_dead({**mine, "pid": str(gone.pid)})
    assert provenance.is_dead({**mine, "pid_started": "1.00"})  # its number was given again
    assert not provenance.is_dead({**mine, "host": "elsewhere", "pid": str(gone.pid)})
    for foreign in ({"pid": "x"}, {"pid_started": ""}, {"pid": "-1"}):
        assert not provenance.is_dead({**mine, **foreign})

    def hidden(_):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "create_time", hidden)
    assert not provenance.is_dead(mine)


def test_versions_leave_out_what_a_broken_install_left(tmp_path, monkeypatch):
    (tmp_path / "~orch-2.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    lines = provenance.all_versions().splitlines()
    assert f"numpy=={provenance.versions()['numpy']}" in lines
    assert not [line for line in lines if "None" in line]
