"Old import path of `fasthtml.app.live_reload`. Written by tools/old_paths.py. Do not edit."
from .app import live_reload as _module
from .app.live_reload import (
    FastHTMLWithLiveReload, LiveReloadJs, live_path, live_reload_ws, setup_live_reload,
)

__all__ = [
    'FastHTMLWithLiveReload', 'LiveReloadJs', 'live_path', 'live_reload_ws', 'setup_live_reload',
]


def __getattr__(name: str):
    "Any other name of that module"
    return getattr(_module, name)
