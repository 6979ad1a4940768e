"""The shape of the house: guarded pages, small files, one room for the screen, pinned requirements."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "pages").glob("*.py"))
LIB = sorted((ROOT / "lib").rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def calls_open_page(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "open_page"
    )


def first_act(tree: ast.Module) -> ast.stmt:
    """The first statement that is neither docstring nor import."""
    body = tree.body[1:] if ast.get_docstring(tree) else tree.body
    return next(node for node in body if not isinstance(node, ast.Import | ast.ImportFrom))


def opens_page(tree: ast.Module) -> bool:
    """Whether a page's first act is to open it, so that nobody sees it unguarded."""
    act = first_act(tree)
    if isinstance(act, ast.With):
        return calls_open_page(act.items[0].context_expr)
    return isinstance(act, ast.Expr | ast.Assign) and calls_open_page(act.value)


def imports_of(tree: ast.Module) -> set[str]:
    """Top names of all modules that a file imports, wherever it does so."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_there_are_pages_to_look_at() -> None:
    assert PAGES
    assert len(LIB) > 30


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ('"""Doc."""\nimport x\nwith open_page("a") as page:\n    pass', True),
        ('import x\nopen_page("a")', True),
        ('page = open_page("a")', True),
        ('"""Doc."""\nimport streamlit as st\nst.write("leak")\nopen_page("a")', False),
        ('with other("a"), open_page("a"):\n    pass', False),
        ('if True:\n    open_page("a")', False),
        ('"""Doc."""\n"leak"\nopen_page("a")', False),
    ],
)
def test_the_guard_is_found_only_where_it_comes_first(text: str, fine: bool) -> None:
    assert opens_page(ast.parse(text)) is fine


def offences(path: Path) -> Iterator[str]:
    """What is wrong with one file of the program."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = len(text.splitlines())
    if lines > 400:
        yield f"has {lines} lines: more than anybody reads"
    screen = path.parent in (ROOT, ROOT / "pages") or path.is_relative_to(ROOT / "lib/ui")
    if not screen and "streamlit" in imports_of(tree):
        yield "imports Streamlit, which only the screen knows"
    if any(draws_html(node) for node in ast.walk(tree)):
        yield "draws HTML: names are data"
    if path in PAGES:
        if not opens_page(tree) or "from lib.ui.page import open_page" not in text:
            yield "does something before open_page(...), so unguarded"
        if lines >= 60:
            yield f"has {lines} lines: a page has fewer than 60"


def draws_html(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.keyword)
        and node.arg == "unsafe_allow_html"
        and not (isinstance(node.value, ast.Constant) and node.value.value is False)
    )


def test_every_file_keeps_the_rules_of_the_house() -> None:
    files = [*LIB, *PAGES, ROOT / "app.py", ROOT / "asgi.py"]
    offenders = [f"{name_of(path)} {what}" for path in files for what in offences(path)]
    tests = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").glob("*.py")]
    offenders += [
        f"{name_of(path)} has more than 400 lines"
        for path in tests
        if len(path.read_text(encoding="utf-8").splitlines()) > 400
    ]
    assert offenders == []


@pytest.mark.parametrize(
    ("text", "offence"),
    [
        ("x = 1\n" * 401, "401 lines"),
        ("import streamlit.web", "Streamlit"),
        ("def f(st):\n    st.markdown('', unsafe_allow_html=True)", "HTML"),
    ],
)
def test_an_offender_is_found(tmp_path: Path, text: str, offence: str) -> None:
    path = tmp_path / "odd.py"
    path.write_text(text, encoding="utf-8")
    (found,) = offences(path)
    assert offence in found


def requirements(name: str) -> dict[str, str]:
    """Package to version, for every line that asks for one."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = {}
    for line in lines:
        if line and not line.startswith(("#", " ", "-")):
            match = re.match(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;\\#]+)", line)
            assert match, f"{name}: {line!r} is not pinned"
            found[match[1].lower().replace("_", "-")] = match[2]
    return found


@pytest.mark.parametrize("name", ["requirements", "requirements-dev", "requirements-judges"])
def test_the_lock_holds_exactly_what_is_asked_for(name: str) -> None:
    asked, locked = requirements(f"{name}.txt"), requirements(f"{name}.lock")
    assert asked
    assert {package: locked.get(package) for package in asked} == asked


def test_every_requirement_says_what_it_is_for() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line and not line.startswith("#"):
            assert re.search(r"\s# \w{2,}", line), line


def test_every_locked_package_is_bound_to_its_hash() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    packages = re.split(r"\n(?=\S)", text.strip())
    assert len(packages) > 20
    assert [one.split()[0] for one in packages if "--hash=sha256:" not in one] == []
