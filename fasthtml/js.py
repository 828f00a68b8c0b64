"Old import path of `fasthtml.html.js`. Written by tools/old_paths.py. Do not edit."
from .html import js as _module
from .html.js import (
    AnyNow, HighlightJS, HtmxOn, KatexMarkdownJS, MarkdownJS, MermaidJS, Now, On, Prev, SortableJS, Surreal, dark_media,
    event_source_js, helpers_js, light_media, npmcdn, run_js, sid_scr, to_js, with_sid,
)
from .html.composed import jsd

__all__ = [
    'AnyNow', 'HighlightJS', 'HtmxOn', 'KatexMarkdownJS', 'MarkdownJS', 'MermaidJS', 'Now', 'On', 'Prev', 'SortableJS',
    'Surreal', 'dark_media', 'event_source_js', 'helpers_js', 'jsd', 'light_media', 'npmcdn', 'run_js', 'sid_scr',
    'to_js', 'with_sid',
]


def __getattr__(name: str):
    "Any other name of that module"
    return getattr(_module, name)
