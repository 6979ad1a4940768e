"""The command by its name: from any folder, with completion, and examples that are true."""

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from lib.cli.commands import app
from lib.cli.examples import EXAMPLES, NAME

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / "bin" / NAME


def ran(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What a program says that finds the command, by a link, in PATH."""
    (tmp_path / NAME).symlink_to(COMMAND)
    return subprocess.run(
        words,
        check=False,
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin", "DASHBOARD_DEMO": "on"},
        capture_output=True,
        text=True,
    )


def test_it_runs_in_any_folder_and_writes_its_files_there(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()  # a folder of that name must not be taken for ours
    (tmp_path / "lib" / "__init__.py").write_text("raise SystemExit('the wrong lib')")
    done = ran(tmp_path, NAME, "openai", "--endpoint", "embeddings", "--output", "r.json")
    assert (done.returncode, done.stderr) == (0, "Note: this report is made-up demo data.\n")
    assert (tmp_path / "r.json").stat().st_size > 200


def test_it_ends_with_the_exit_code_of_the_command_and_calls_itself_by_its_name(
    tmp_path: Path,
) -> None:
    done = ran(tmp_path, NAME, "openai", "--sense", "soon")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Usage: {NAME} openai" in done.stderr


def test_make_links_it_into_the_environment(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / NAME).touch()
    link = tmp_path / ".venv" / "bin" / NAME
    link.parent.mkdir(parents=True)
    (link.parent / "pip").touch()
    for _ in range(2):
        subprocess.run(["make", f".venv/bin/{NAME}"], cwd=tmp_path, check=True, capture_output=True)
    assert link.resolve(strict=True) == (tmp_path / "bin" / NAME).resolve()


def test_bash_completes_commands_options_and_values(tmp_path: Path) -> None:
    script = f"""
        eval "$({NAME} --show-completion bash)"
        for words in "{NAME} comet" "{NAME} chargeback --det" "{NAME} chargeback --format js" \\
                "{NAME} openai --period last-m" "{NAME} openai --compare-with prec" \\
                "{NAME} tenants report --sort to" "{NAME} comet-usage x --units mo" "{NAME} --he"; do
            COMP_WORDS=($words) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            _ai_usage_completion {NAME}
            echo "${{COMPREPLY[@]}}"
        done
    """
    done = ran(tmp_path, "bash", "-c", script)
    assert done.stdout.split() == [
        *("comet-usage", "--detail", "json"),
        *("last-month", "preceding", "total_tokens", "month", "--help"),
    ], done.stderr


def test_to_complete_a_command_imports_none(tmp_path: Path) -> None:
    told = "_AI_USAGE_COMPLETE=complete_bash PYTHONPROFILEIMPORTTIME=1"
    done = ran(tmp_path, "sh", "-c", f"{told} COMP_WORDS='{NAME} comet' COMP_CWORD=1 {NAME}")
    assert done.stdout.split() == ["comet-usage"]
    assert "lib.cli.commands" in done.stderr
    assert "pandas" not in done.stderr


def command_of(words: list[str]) -> tuple[typer.Context, list[str]]:
    """The command that words name, as a context, and its arguments."""
    group = typer.main.get_command(app)
    context = typer.Context(group, info_name=NAME)
    while hasattr(context.command, "get_command"):
        name, *words = words
        command = context.command.get_command(context, name)
        assert command is not None, name
        context = typer.Context(command, info_name=name, parent=context)
    return context, words


def examples() -> Iterator[str]:
    for command, endings in EXAMPLES.items():
        yield from (f"{command} {words}" for words in endings)


@pytest.mark.parametrize("example", [*examples()])
def test_every_example_is_understood(example: str) -> None:
    context, words = command_of(shlex.split(example))
    assert context.command.parse_args(context, words) is not None


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_help_of_a_command_ends_with_its_examples_a_line_each(command: str) -> None:
    lines = CliRunner().invoke(app, [*command.split(), "--help"]).stdout.rstrip().splitlines()
    wanted = [f"{NAME} {command} {words}".rstrip() for words in EXAMPLES[command]]
    assert [line.strip() for line in lines[-len(wanted) - 1 :]] == ["Examples:", *wanted]


def test_every_command_that_people_run_has_examples() -> None:
    def names(command: object, before: str = "") -> Iterator[str]:
        context = typer.Context(command)  # type: ignore[arg-type]
        if not hasattr(command, "list_commands"):
            yield before.strip()
            return
        for name in command.list_commands(context):
            yield from names(command.get_command(context, name), f"{before} {name}")

    assert sorted(names(typer.main.get_command(app))) == sorted(EXAMPLES)
