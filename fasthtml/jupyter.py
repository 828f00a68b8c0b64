"Old import path of `fasthtml.workshop.jupyter`. Written by tools/old_paths.py. Do not edit."
from .workshop import jupyter as _module
from .workshop.jupyter import (
    HTMX, JupyUvi, JupyUviAsync, LocalOrigins, followed, frame, htmx_config_port, is_port_free, listen, local_origin,
    nb_serve, nb_serve_async, page_of, render_ft, show, wait_port_free, ws_client,
)
from .app.app import FastHTML
from .app.fastapp import fast_app

__all__ = [
    'FastHTML', 'HTMX', 'JupyUvi', 'JupyUviAsync', 'LocalOrigins', 'fast_app', 'followed', 'frame', 'htmx_config_port',
    'is_port_free', 'listen', 'local_origin', 'nb_serve', 'nb_serve_async', 'page_of', 'render_ft', 'show',
    'wait_port_free', 'ws_client',
]


def __getattr__(name: str):
    "Any other name of that module"
    return getattr(_module, name)
