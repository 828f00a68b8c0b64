"Old import path of `fasthtml.app.fastapp`. Written by tools/old_paths.py. Do not edit."
from .app import fastapp as _module
from .app.fastapp import (
    address, answering_to, called_by, column_type, fast_app, given, make_table, module_of, open_db, refuse_busy, serve,
    sort_keywords, welcome,
)

__all__ = [
    'address', 'answering_to', 'called_by', 'column_type', 'fast_app', 'given', 'make_table', 'module_of', 'open_db',
    'refuse_busy', 'serve', 'sort_keywords', 'welcome',
]


def __getattr__(name: str):
    "Any other name of that module"
    return getattr(_module, name)
