"Write what other tools read from settings.ini: pyproject.toml (where nbdev 3 looks) and the package's version."
import json
import re
from configparser import ConfigParser
from pathlib import Path

root = Path(__file__).resolve().parent.parent

TEMPLATE = '''# Written by tools/sync.py from settings.ini. Do not edit.
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = {lib_name}
description = {description}
requires-python = {requires_python}
license = {license}
license-files = ["LICENSE"]
authors = [{{name = {author}}}]
dynamic = [
    "version", "readme", "keywords", "classifiers",
    "dependencies", "optional-dependencies", "entry-points", "scripts",
]

[tool.nbdev]
lib_path = {lib_path}
strip_libs = {lib_path}
nbs_path = {nbs_path}
doc_path = {doc_path}
tst_flags = {tst_flags}
readme_nb = {readme_nb}
branch = {branch}
title = {title}
custom_sidebar = true
renderer = "tools.reference.Reference"
doc_procs = "tools.reference:SourceOrder tools.reference:unlink_private tools.reference:show_private"
skip_procs = "rm_export,clean_magics"
update_pyproject = false
'''


def read_settings(path: Path) -> dict[str, str]:
    "The metadata of settings.ini as a plain dict"
    parser = ConfigParser(delimiters=['='])
    parser.read(path, encoding='utf-8')
    return dict(parser['DEFAULT'])


def pyproject(meta: dict[str, str]) -> str:
    "The text of pyproject.toml; a JSON string is also a TOML basic string"
    quoted = {key: json.dumps(value) for key, value in meta.items()}
    return TEMPLATE.format(**quoted, requires_python=json.dumps('>=' + meta['min_python']))


def with_version(source: str, version: str) -> str:
    "`source` with its `__version__` line set to `version`"
    line = f"__version__ = '{version}'"
    changed, found = re.subn(r'^__version__ = .*$', line, source, flags=re.M)
    return changed if found else line + '\n' + source


def write_if_changed(path: Path, text: str) -> None:
    "Leave the file's time alone when nothing changed, so that make does not rebuild"
    if not path.exists() or path.read_text(encoding='utf-8') != text:
        path.write_text(text, encoding='utf-8')


if __name__ == '__main__':
    meta = read_settings(root/'settings.ini')
    write_if_changed(root/'pyproject.toml', pyproject(meta))
    init = root/meta['lib_path']/'__init__.py'
    write_if_changed(init, with_version(init.read_text(encoding='utf-8') if init.exists() else '', meta['version']))
