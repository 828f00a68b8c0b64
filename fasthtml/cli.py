"Old import path of `fasthtml.workshop.cli`. Written by tools/old_paths.py. Do not edit."
from .workshop import cli as _module
from .workshop.cli import (
    Misuse, add_uvicorn_options, as_table, check_integrity, fetch_assets, find_app, find_module, from_cdn, from_npm,
    guide, in_order, load_app, main, make_parser, new_app, package_folder, read_html, route_rows, template_names,
    templates_folder, wanted_assets,
)

__all__ = [
    'Misuse', 'add_uvicorn_options', 'as_table', 'check_integrity', 'fetch_assets', 'find_app', 'find_module',
    'from_cdn', 'from_npm', 'guide', 'in_order', 'load_app', 'main', 'make_parser', 'new_app', 'package_folder',
    'read_html', 'route_rows', 'template_names', 'templates_folder', 'wanted_assets',
]


def __getattr__(name: str):
    "Any other name of that module"
    return getattr(_module, name)
