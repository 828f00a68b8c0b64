"Old import path of `fasthtml.html.pico`. Written by tools/old_paths.py. Do not edit."
from .html import pico as _module
from .html.pico import (
    Card, Container, DialogX, Grid, Group, PicoBusy, Search, picocondcss, picocondlink, picocss, picolink, set_pico_cls,
)

__all__ = [
    'Card', 'Container', 'DialogX', 'Grid', 'Group', 'PicoBusy', 'Search', 'picocondcss', 'picocondlink', 'picocss',
    'picolink', 'set_pico_cls',
]


def __getattr__(name: str):
    "Any other name of that module"
    return getattr(_module, name)
