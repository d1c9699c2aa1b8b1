"""README.md: short, its code runs, its commands and events are read, and what it names exists."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main
from matplotlib import image

import kernels
from diffuse_ui.cli import app
from kernels.training import presets
from kernels.training.loop import TrainingConfig

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = (README, ROOT / "tests/benchmarks/README.md", ROOT / "kernels/zoo/README.md", ROOT / "CHANGELOG.md")


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def test_it_is_short():
    text = README.read_text()
    assert len(text.splitlines()) <= 110
    assert len(text.encode()) <= 7000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)#]+)\)", re.sub(r"`[^`]*`", "", text))
    assert [link for link in links if not link.startswith("http") and not (page.parent / link).exists()] == []
    named = re.findall(r"`((?:kernels|diffuse_ui|notebooks|tests|\.ci)/[\w./]+)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_folder_and_notebook_is_named():
    text = README.read_text()
    folders = [folder for folder in ROOT.glob("kernels/*/") if (folder / "__init__.py").exists()]
    assert all(f"({folder.relative_to(ROOT)})" in text for folder in folders)
    rooms = [folder for folder in ROOT.glob("diffuse_ui/*/") if (folder / "__init__.py").exists()]
    assert all(f"`{folder.name}`" in text for folder in rooms)
    assert all(f"(notebooks/{path.name})" in text for path in ROOT.glob("notebooks/*.ipynb"))
    assert image.imread(ROOT / "notebooks/images/app.png").size


def test_the_two_commands_are_there():
    commands = blocks(README, "bash")[0]
    assert "pip install -e . && diffuse-ui lab " in commands
    assert "pip install -e '.[test]' && pytest " in commands


@pytest.mark.parametrize("page", PAGES[:3], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_is_read(page):
    lines = "".join(blocks(page, "bash") + blocks(page, "sh")).splitlines()
    asked = [shlex.split(line, comments=True) for line in lines if line.startswith("diffuse-ui")]
    assert asked or page.parent.name == "benchmarks"
    for words in asked:
        command = typer.main.get_command(app)
        words = words[1 : words.index(">") if ">" in words else None]
        while hasattr(command, "commands") and words and words[0] in command.commands:
            command, words = command.commands[words[0]], words[1:]
        command.make_context("diffuse-ui", words)


def test_every_event_is_read():
    layout = kernels.get_system("lorenz63").layout
    table = README.read_text().split("## Events")[1].split("## Your own data")[0]
    events = re.findall(r"\| `([^`]+)` \|$", table, re.MULTILINE)
    assert len(events) == 7
    for event in events:
        kernels.compile_event(kernels.parse_event(event), layout, known=" noise " in event)


@pytest.mark.slow
def test_the_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(README, "python")
    assert len([line for line in code.splitlines() if line]) <= 10
    exec(code.replace("num_samples=512", "num_samples=128"), {})
    assert "P = 0." in capsys.readouterr().out
    assert kernels.read_dataset(tmp_path / "given_the_box.nc")["state"].sizes["variable"] == 3


@pytest.mark.slow
def test_the_python_of_the_models_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kernels.systems._SYSTEMS", dict(kernels.systems._SYSTEMS))
    few = TrainingConfig(num_steps=4, batch_size=8, warmup=1, report_every=2)
    quick = presets.Preset(num_samples=64, num_validation=16, training=few)
    monkeypatch.setitem(presets.PRESETS, "quick", quick)
    (code,) = blocks(ROOT / "kernels/zoo/README.md", "python")
    exec(code, {})
    assert capsys.readouterr().out.startswith("2 ")
    assert kernels.load_model(tmp_path / "oscillator.safetensors").layout.variables == ("x", "v")
