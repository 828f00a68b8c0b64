"Old import path of `fasthtml.workshop.jupyter`. Written by tools/old_paths.py. Do not edit."
from .workshop import jupyter as _module
from .workshop.jupyter import (
    HTMX, JupyUvi, JupyUviAsync, LocalOrigins, frame, htmx_config_port, listen, local_origin, nb_serve, nb_serve_async,
    page_of, render_ft, show, ws_client,
)

__all__ = [
    'HTMX', 'JupyUvi', 'JupyUviAsync', 'LocalOrigins', 'frame', 'htmx_config_port', 'listen', 'local_origin',
    'nb_serve', 'nb_serve_async', 'page_of', 'render_ft', 'show', 'ws_client',
]


def __getattr__(name: str):
    "Any other name of that module"
    return getattr(_module, name)
